package image

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Options of a [Target].
type Options struct {
	Place    cloud.Place // asked for by the user
	ReadBack bool        // the move is verified by reading back
}

// Target uploads an image and makes a volume of it.
type Target struct {
	*cloud.Cloud
	env   *move.Env
	o     Options
	state targetState
	up    *upload // of the round in progress
}

var _ move.Target = (*Target)(nil)

type targetState struct {
	Job    move.Job    `json:"job"`
	Place  cloud.Place `json:"place"`
	Volume cloud.Named `json:"volume"`
	Image  cloud.Named `json:"image"`
	Sent   sums        `json:"sent"`
	// Unchecked says that Glance had no digest of the image to compare.
	Unchecked bool `json:"unchecked,omitempty"`
	Made      int  `json:"made"` // the last round that is in the volume
}

// NewTarget returns a target. env may be nil for an assessment.
func NewTarget(c *cloud.Cloud, env *move.Env, o Options) (*Target, error) {
	t := &Target{Cloud: c, env: env, o: o}
	if env == nil {
		return t, nil
	}
	c.Tell(env.Status)
	return t, env.Load(&t.state)
}

// Assess implements [move.Target].
func (t *Target) Assess(ctx context.Context, j move.Job) (move.Assessment, error) {
	as, err := probe(ctx, t.Cloud)
	if err != nil {
		return as, err
	}
	if len(j.Chain) > 0 {
		as.Problems = append(as.Problems, chains)
	}
	if len(as.Problems) > 0 {
		return as, nil
	}
	_, lost, problems, err := t.Choose(ctx, t.o.Place, j.Volume)
	if err != nil {
		return as, err
	}
	as.Lost, as.Problems = lost, append(as.Problems, problems...)
	assessSize(&as, t.Cloud, j.Volume)
	as.Limits = append(as.Limits,
		"an upload that is interrupted begins again from the first byte",
		"there is one round, unless more are asked for: each one uploads the whole volume",
		"Cinder refuses an image whose first bytes are those of another format, such as the header of a qcow2 file")
	as.Unproven = append(as.Unproven, fmt.Sprintf("whether Glance of cloud %s lets the project make images, and has the space, shows with the upload", t.Name))
	count := int64(1)
	as.Costs = append(as.Costs, fmt.Sprintf("cloud %s keeps an image of the volume until the move ends, and Cinder copies it to the volume", t.Name))
	if t.o.ReadBack {
		count++
		as.Costs = append(as.Costs, fmt.Sprintf("to verify, cloud %s makes an image of the volume", t.Name))
	}
	if err := t.AssessImageQuotas(ctx, &as, count, j.Volume.Size); err != nil {
		return as, err
	}
	return as, t.AssessQuotas(ctx, &as, map[string]int64{"volumes": 1, "gigabytes": j.Volume.Size / cloud.GiB})
}

// pieceSize is the size of pieces, in bytes.
const pieceSize = 8 << 20

// Prepare implements [move.Target].
func (t *Target) Prepare(ctx context.Context, j move.Job) (move.Shape, error) {
	shape := move.Shape{Piece: pieceSize, Ordered: true, Parallel: 1}
	if t.state.Job.Volume.Size > 0 {
		return shape, nil
	}
	place, _, problems, err := t.Choose(ctx, t.o.Place, j.Volume)
	if err != nil {
		return shape, err
	}
	if len(problems) > 0 {
		return shape, errors.New(strings.Join(problems, "; "))
	}
	t.state = targetState{Job: j, Place: place, Volume: cloud.Named{Name: t.env.Name("target-volume")}, Image: cloud.Named{Name: t.env.Name("target-image")}}
	return shape, t.env.Save(t.state)
}

// Write implements [move.Target]. The first piece begins an upload, and the last one ends it: it
// returns when Glance has the image.
func (t *Target) Write(ctx context.Context, p move.Piece) ([]byte, error) {
	if p.Index == 0 {
		if err := t.begin(ctx); err != nil {
			return nil, err
		}
	}
	if t.up == nil || p.Offset != t.up.at {
		return nil, fmt.Errorf("move: piece %d came out of order", p.Index)
	}
	if err := t.up.write(p.Data); err != nil {
		return nil, fmt.Errorf("the upload of image %s to cloud %s ended after %d of %d bytes; resume begins it again: %w", t.state.Image.ID, t.Name, t.up.at, t.state.Job.Volume.Size, err)
	}
	if t.up.at < t.state.Job.Volume.Size {
		return nil, nil
	}
	return nil, t.end(ctx)
}

// begin deletes what an upload before this one made, and starts one.
func (t *Target) begin(ctx context.Context) error {
	t.env.Status(fmt.Sprintf("cloud %s makes an image", t.Name))
	if err := t.DeleteMade(ctx, t.state.Volume); err != nil {
		return err
	}
	if err := t.DeleteImages(ctx, t.state.Image.Name); err != nil {
		return err
	}
	t.state.Volume.ID, t.state.Image.ID = "", ""
	if err := t.env.Save(t.state); err != nil {
		return err
	}
	id, err := t.NewImage(ctx, t.state.Image.Name)
	if err != nil {
		return err
	}
	t.state.Image.ID = id
	if err := t.env.Save(t.state); err != nil {
		return err
	}
	t.up, err = t.startUpload(ctx, id)
	t.env.Status("")
	return err
}

// end waits for Glance's answer, and compares its digest with that of what was sent.
func (t *Target) end(ctx context.Context) error {
	t.env.Status(fmt.Sprintf("Glance of cloud %s stores the image", t.Name))
	sent, err := t.up.finish()
	if err != nil {
		return fmt.Errorf("the upload of image %s to cloud %s failed after its last byte; resume begins it again: %w", t.state.Image.ID, t.Name, err)
	}
	i, err := t.WaitImage(ctx, t.state.Image.ID)
	if err != nil {
		return fmt.Errorf("%w; resume begins the upload again", err)
	}
	if i.Size != t.state.Job.Volume.Size {
		return fmt.Errorf("image %s in cloud %s has %d bytes of the %d that were sent; resume begins the upload again", i.ID, t.Name, i.Size, t.state.Job.Volume.Size)
	}
	name, got, want := sent.of(i)
	if got != want {
		return fmt.Errorf("image %s in cloud %s has the %s %s, and what was sent %s; resume begins the upload again", i.ID, t.Name, name, want, got)
	}
	t.env.Status("")
	t.state.Sent, t.state.Unchecked = sent, name == ""
	return t.env.Save(t.state)
}

// Commit implements [move.Target]. Only the last round becomes a volume.
func (t *Target) Commit(ctx context.Context, r move.Round) (string, error) {
	if !r.Last || t.state.Made >= r.Number {
		return t.state.Volume.ID, nil
	}
	if err := t.deleteFailed(ctx); err != nil {
		return "", err
	}
	t.env.Status(fmt.Sprintf("cloud %s makes a volume of the image", t.Name))
	v, err := t.EnsureVolume(ctx, cloud.NewVolume{Name: t.state.Volume.Name, Size: t.state.Job.Volume.Size, Type: t.state.Place.Type, Zone: t.state.Place.Zone, ImageID: t.state.Image.ID})
	if err != nil {
		return "", fmt.Errorf("cloud %s made no volume of image %s: %w", t.Name, t.state.Image.ID, err)
	}
	if v.Encrypted {
		return "", fmt.Errorf("cloud %s makes encrypted volumes of the type %q, which could not be read back; choose another --type", t.Name, v.Type)
	}
	t.state.Volume.ID, t.state.Made = v.ID, r.Number
	return v.ID, t.env.Save(t.state)
}

// deleteFailed deletes a volume that an earlier attempt made and that failed.
func (t *Target) deleteFailed(ctx context.Context) error {
	have, err := t.Volumes(ctx, t.state.Volume.Name)
	for _, v := range have {
		if strings.HasPrefix(v.Status, "error") {
			if err := t.DeleteVolume(ctx, v.ID); err != nil {
				return err
			}
		}
	}
	return err
}

// ReadBack implements [move.Target]: the volume becomes an image again, whose digest is compared
// with that of what was sent, or else its bytes.
func (t *Target) ReadBack(ctx context.Context, round int) (move.Content, error) {
	t.env.Status(fmt.Sprintf("cloud %s makes an image of the volume, to verify it", t.Name))
	i, err := t.EnsureImageOf(ctx, t.state.Volume.ID, t.env.Name(fmt.Sprintf("target-readback-%d", round)), "raw")
	if err != nil {
		return nil, err
	}
	o, err := open(ctx, t.Cloud, i.ID, t.state.Job.Volume.Size, t.env)
	if err != nil {
		return nil, err
	}
	how := ""
	if name, got, want := t.state.Sent.of(i); name == "sha512" && got == want {
		how = "the volume became an image again, whose sha512 is that of what was copied"
	}
	return &compared{o, how}, nil
}

// Finish implements [move.Target].
func (t *Target) Finish(ctx context.Context) ([]string, error) {
	t.env.Status("cleaning up")
	if err := t.DeleteImages(ctx, t.env.Name("target-readback-")); err != nil {
		return nil, err
	}
	var lost []string
	if t.state.Unchecked {
		lost = append(lost, fmt.Sprintf("the check of the upload: Glance of cloud %s has no digest of image %s that could be compared", t.Name, t.state.Image.ID))
	}
	switch err := t.DeleteImage(ctx, t.state.Image.ID); {
	case errors.Is(err, cloud.ErrKept):
		// Ceph makes volumes as clones of images, which must stay as long as the volume.
		name := "base of volume " + t.state.Volume.ID
		if err := t.RenameImage(ctx, t.state.Image.ID, name); err != nil {
			return nil, err
		}
		lost = append(lost, fmt.Sprintf("the deletion of image %s: the volume is a clone of it, so cloud %s keeps it; it is called %q now, and can be deleted after the volume", t.state.Image.ID, t.Name, name))
	case err != nil:
		return nil, err
	}
	more, err := t.Dress(ctx, t.state.Volume.ID, t.state.Job.Volume)
	return append(lost, more...), err
}

// Abort implements [move.Target]. The volume may be a clone of the image, and goes first.
func (t *Target) Abort(ctx context.Context) error {
	if err := t.DeleteImages(ctx, t.env.Name("target-readback-")); err != nil {
		return err
	}
	if err := t.DeleteMade(ctx, t.state.Volume); err != nil {
		return err
	}
	if id := t.state.Image.ID; id != "" { // it may have another name already
		if err := t.DeleteImage(ctx, id); err != nil {
			return err
		}
	}
	return t.DeleteImages(ctx, t.env.Name("target-"))
}

// Leftovers implements [move.Target].
func (t *Target) Leftovers(ctx context.Context) ([]string, error) {
	return leftovers(ctx, t.Cloud, t.env.Name("target-"))
}
