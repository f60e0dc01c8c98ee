package ims

import (
	"context"
	"crypto/md5" // #nosec G501 -- what OBS calls a part by
	"fmt"
	"io"
	"strings"

	"cindergate/internal/chunk/s3"
	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
	"cindergate/internal/qcow2"
)

// Target sends the pieces that hold data as parts of one file in a bucket, a qcow2 image whose
// tables are its first part and are sent last. IMS makes an image of the file, and EVS a volume
// of the image.
type Target struct {
	*cloud.Cloud
	env      *move.Env
	place    cloud.Place
	readBack bool
	state    targetState
	*exporter
}

var _ move.Target = (*Target)(nil)

type targetState struct {
	Job    move.Job    `json:"job"`
	Place  cloud.Place `json:"place"`
	Upload string      `json:"upload"` // the id of the upload
	Sent   bool        `json:"sent"`   // the file is complete
	Image  string      `json:"image"`
	Volume cloud.Named `json:"volume"`
}

// pieceSize is a part: with 10,000 parts at most, one of them the tables, a volume has at most
// 156 GiB.
const (
	pieceSize = move.MaxPiece
	mostParts = 10_000
	imageFile = "volume.qcow2"
)

// NewTarget returns a target. place is what the user asked for. env may be nil for an
// assessment.
func NewTarget(c *cloud.Cloud, env *move.Env, place cloud.Place, readBack bool) (*Target, error) {
	t := &Target{Cloud: c, env: env, place: place, readBack: readBack}
	if env == nil {
		return t, nil
	}
	c.Tell(env.Status)
	m, err := c.IMS()
	if err != nil {
		return nil, err
	}
	if t.exporter, err = newExporter(m, env, "target"); err != nil {
		return nil, err
	}
	return t, env.Load(&t.state)
}

// gib is the size of the volume that is made, in GiB.
func gib(size int64) int64 { return max(size/cloud.GiB, leastImported) }

// Assess implements [move.Target].
func (t *Target) Assess(ctx context.Context, j move.Job) (as move.Assessment, err error) {
	if probe(t.Cloud, len(j.Chain) > 0, &as) == nil {
		return as, nil
	}
	_, lost, problems, err := t.Choose(ctx, t.place, j.Volume)
	if err != nil {
		return as, err
	}
	as.Lost, as.Problems = append(as.Lost, lost...), append(as.Problems, problems...)
	size := gib(j.Volume.Size)
	if size > j.Volume.Size/cloud.GiB {
		as.Lost = append(as.Lost, fmt.Sprintf("size: IMS makes images of at least %d GiB, so the volume gets that size; what is behind its %d GiB is zeroes", size, j.Volume.Size/cloud.GiB))
	}
	if j.Volume.Size > (mostParts-1)*pieceSize || size > mostImported {
		as.Problems = append(as.Problems, fmt.Sprintf("volume %s has %d GiB: this path sends at most %d GiB", j.Volume.ID, size, int64(mostParts-1)*pieceSize/cloud.GiB))
	}
	as.Costs = append(as.Costs, fmt.Sprintf("a bucket of cloud %s holds the data, and IMS an image, until the move ends", t.Name))
	if t.readBack {
		as.Costs = append(as.Costs, fmt.Sprintf("to verify, cloud %s makes an image of the new volume and exports it", t.Name))
	}
	return as, t.AssessQuotas(ctx, &as, map[string]int64{"volumes": 1, "gigabytes": size})
}

// Prepare implements [move.Target].
func (t *Target) Prepare(ctx context.Context, j move.Job) (move.Shape, error) {
	shape := move.Shape{Piece: pieceSize, Parallel: 4}
	if t.state.Upload != "" {
		return shape, nil
	}
	place, _, problems, err := t.Choose(ctx, t.place, j.Volume)
	if err != nil {
		return shape, err
	}
	if len(problems) > 0 {
		return shape, fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	if err := t.bucket.Make(ctx); err != nil {
		return shape, err
	}
	t.state = targetState{Job: j, Place: place, Volume: cloud.Named{Name: t.env.Name("target-volume")}}
	// An upload whose id was lost stays in the bucket until that is removed.
	if t.state.Upload, err = t.bucket.Begin(ctx, imageFile); err != nil {
		return shape, err
	}
	return shape, t.env.Save(t.state)
}

// Write implements [move.Target]. A piece of zeroes is no part: its receipt is empty.
func (t *Target) Write(ctx context.Context, p move.Piece) ([]byte, error) {
	if p.Zero {
		return nil, nil
	}
	sum, err := t.bucket.PutPart(ctx, imageFile, t.state.Upload, int(p.Index)+2, p.Data)
	return sum[:], err
}

// Commit implements [move.Target]. The volume is made once, of the last round.
func (t *Target) Commit(ctx context.Context, r move.Round) (string, error) {
	if !r.Last {
		return "", nil
	}
	if !t.state.Sent {
		if err := t.complete(ctx, r); err != nil {
			return "", err
		}
		t.state.Sent = true
		if err := t.env.Save(t.state); err != nil {
			return "", err
		}
	}
	size := gib(t.state.Job.Volume.Size)
	t.env.Status(fmt.Sprintf("IMS of cloud %s makes an image of the file", t.Name))
	image, err := t.Import(ctx, t.env.Name("target-image"), t.bucket.Name(), imageFile, size)
	if err != nil {
		return "", err
	}
	t.env.Status(fmt.Sprintf("cloud %s makes a volume of the image", t.Name))
	v, err := t.EnsureVolume(ctx, cloud.NewVolume{Name: t.state.Volume.Name, Size: size * cloud.GiB, Type: t.state.Place.Type, Zone: t.state.Place.Zone, ImageID: image})
	if err != nil {
		return "", err
	}
	t.state.Image, t.state.Volume.ID = image, v.ID
	return v.ID, t.env.Save(t.state)
}

// complete sends the tables and joins the parts.
func (t *Target) complete(ctx context.Context, r move.Round) error {
	var pieces []int64
	parts := []s3.Part{{Number: 1}}
	for p, err := range r.Pieces {
		switch {
		case err != nil:
			return err
		case len(p.Receipt) == 0: // zeroes
			continue
		case len(p.Receipt) != md5.Size:
			return fmt.Errorf("piece %d has no receipt", p.Index)
		}
		pieces = append(pieces, p.Index)
		parts = append(parts, s3.Part{Number: int(p.Index) + 2, MD5: [md5.Size]byte(p.Receipt)})
	}
	const leastPart = 5 << 20 // of S3; OBS takes 100 KB
	l, err := qcow2.NewLayout(t.state.Job.Volume.Size, pieceSize, pieces, leastPart)
	if err != nil {
		return err
	}
	tables, err := io.ReadAll(l.Tables()) // at most some 30 MiB
	if err != nil {
		return err
	}
	t.env.Status("describing the image")
	if parts[0].MD5, err = t.bucket.PutPart(ctx, imageFile, t.state.Upload, 1, tables); err != nil {
		return err
	}
	err = t.bucket.Complete(ctx, imageFile, t.state.Upload, parts)
	if err != nil {
		if _, there := t.bucket.Open(ctx, imageFile); there == nil { // the answer of an earlier one was lost
			return nil
		}
	}
	return err
}

// ReadBack implements [move.Target]: IMS makes an image of the new volume.
func (t *Target) ReadBack(ctx context.Context, _ int) (move.Content, error) {
	size := t.state.Job.Volume.Size
	if gib(size) > mostExported {
		return nil, move.ErrNone
	}
	const file = "readback.qcow2"
	if err := t.export(ctx, t.state.Volume.ID, t.env.Name("target-readback"), file); err != nil {
		return nil, err
	}
	t.env.Status("comparing the digests")
	return t.open(ctx, file, size)
}

// Finish implements [move.Target].
func (t *Target) Finish(ctx context.Context) (lost []string, err error) {
	t.env.Status("cleaning up")
	lost, err = t.Dress(ctx, t.state.Volume.ID, t.state.Job.Volume)
	if err != nil {
		return nil, err
	}
	return lost, t.remove(ctx, t.env.Name("target-"))
}

// Abort implements [move.Target].
func (t *Target) Abort(ctx context.Context) error {
	if err := t.DeleteMade(ctx, t.state.Volume); err != nil {
		return err
	}
	return t.remove(ctx, t.env.Name("target-"))
}

// Leftovers implements [move.Target].
func (t *Target) Leftovers(ctx context.Context) ([]string, error) {
	return t.leftovers(ctx, t.env.Name("target-"))
}
