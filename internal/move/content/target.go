package content

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Options of a [Target].
type Options struct {
	Place      cloud.Place // asked for by the user
	ReadBack   bool        // the move is verified by reading back
	KeepVolume bool        // a chain also leaves a volume, with its last point
	Base       string      // the backup that has the state of the job's base; "": none
	Block      int64       // bytes of a block with a digest; 0, or no divisor of a piece: the engine's default
}

// Target makes a backup of each round, incremental on that of the round before. A volume is
// restored from the last one.
type Target struct {
	*cloud.Cloud
	env *move.Env
	o   Options

	mu    sync.Mutex // of state, while pieces are written
	state targetState
}

var _ move.Target = (*Target)(nil)

type targetState struct {
	Job      move.Job      `json:"job"`
	Volume   cloud.Named   `json:"volume"`
	Place    cloud.Place   `json:"place"`
	Backups  []cloud.Named `json:"backups"`  // of the rounds
	Restored int           `json:"restored"` // the last round that is in the volume
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

// base is the backup that the first one is incremental on; "": none.
func (t *Target) base() string {
	if t.state.Job.Base == nil {
		return ""
	}
	return t.o.Base
}

// chain reports whether backups are moved, and not a volume.
func (t *Target) chain() bool { return len(t.state.Job.Chain) > 0 }

// Assess implements [move.Target].
func (t *Target) Assess(ctx context.Context, j move.Job) (move.Assessment, error) {
	as, err := probe(ctx, t.Cloud)
	if err != nil || len(as.Problems) > 0 {
		return as, err
	}
	_, lost, problems, err := t.Choose(ctx, t.o.Place, j.Volume)
	if err != nil {
		return as, err
	}
	as.Lost, as.Problems = lost, append(as.Problems, problems...)
	gib := j.Volume.Size / cloud.GiB
	needs := map[string]int64{"backups": max(int64(len(j.Chain)), 1)}
	if len(j.Chain) == 0 {
		as.Costs = append(as.Costs, fmt.Sprintf("cloud %s makes a backup of what is sent, and restores it to the volume", t.Name))
	}
	if t.o.ReadBack {
		needs["backups"]++
		as.Costs = append(as.Costs, fmt.Sprintf("to verify, cloud %s backs up the restored volume", t.Name))
	}
	needs["backup_gigabytes"] = needs["backups"] * gib
	if len(j.Chain) == 0 || t.o.KeepVolume || t.o.ReadBack {
		needs["volumes"], needs["gigabytes"] = 1, gib
	}
	return as, t.AssessQuotas(ctx, &as, needs)
}

// pieceSize is a multiple of every block up to that size, in bytes.
const pieceSize = 8 << 20

// Prepare implements [move.Target].
func (t *Target) Prepare(ctx context.Context, j move.Job) (move.Shape, error) {
	shape := move.Shape{Piece: pieceSize, Parallel: 4}
	if t.o.Block > 0 && pieceSize%t.o.Block == 0 {
		shape.Block = t.o.Block
	}
	if t.state.Job.Volume.Size > 0 {
		return shape, nil
	}
	place, _, problems, err := t.Choose(ctx, t.o.Place, j.Volume)
	if err != nil {
		return shape, err
	}
	if len(problems) > 0 {
		return shape, fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	t.state = targetState{Job: j, Place: place, Volume: cloud.Named{Name: t.env.Name("target-volume")}}
	return shape, t.env.Save(t.state)
}

// backup returns the id of the backup of a round, and starts its upload.
func (t *Target) backup(ctx context.Context, round int) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.state.Backups) < round {
		t.state.Backups = append(t.state.Backups, cloud.Named{Name: t.env.Name(fmt.Sprintf("target-point-%d", round))})
		if err := t.env.Save(t.state); err != nil {
			return "", err
		}
	}
	b := &t.state.Backups[round-1]
	if b.ID != "" {
		return b.ID, nil
	}
	v := t.state.Job.Volume
	v.Metadata, _ = move.Travels(v.Metadata) // Finish tells what does not
	n := cloud.NewUpload{Name: b.Name, Description: "made by cindergate move " + t.env.ID, Size: v.Size / cloud.GiB,
		Volume: &cloud.UploadedState{Name: v.Name, Description: v.Description, Bootable: v.Bootable, Metadata: v.Metadata, ImageMetadata: v.ImageMetadata}}
	if round > 1 {
		n.ParentID = t.state.Backups[round-2].ID
	} else {
		n.ParentID = t.base()
	}
	if t.chain() {
		if taken := t.state.Job.Chain[round-1].Taken; !taken.IsZero() {
			n.DataTimestamp = taken.UTC().Format(time.RFC3339Nano)
		}
	}
	id, err := t.EnsureUpload(ctx, n)
	if err != nil {
		return "", err
	}
	b.ID = id
	return id, t.env.Save(t.state)
}

// Receipts of pieces.
var (
	sent    = []byte{1}
	skipped = []byte{0} // zeroes, which an upload has where nothing is sent
)

// Write implements [move.Target].
func (t *Target) Write(ctx context.Context, p move.Piece) ([]byte, error) {
	id, err := t.backup(ctx, p.Round)
	if err != nil {
		return nil, err
	}
	data := p.Data
	if p.Zero {
		if p.Round == 1 && t.base() == "" {
			return skipped, nil
		}
		data = nil
	}
	return sent, t.PutBytes(ctx, id, p.Offset, p.Offset+int64(len(p.Data)), data)
}

// Report implements [move.Reporter]: the backup of the round shows the progress in its metadata,
// which Finish replaces.
func (t *Target) Report(ctx context.Context, text string) error {
	t.mu.Lock()
	id := ""
	if n := len(t.state.Backups); n > 0 {
		id = t.state.Backups[n-1].ID
	}
	t.mu.Unlock()
	return t.ShowProgress(ctx, id, text)
}

// Commit implements [move.Target].
func (t *Target) Commit(ctx context.Context, r move.Round) (string, error) {
	if !t.chain() && t.state.Restored >= r.Number {
		return t.state.Volume.ID, nil
	}
	id, err := t.backup(ctx, r.Number)
	if err != nil {
		return "", err
	}
	size, received := t.state.Job.Volume.Size, int64(0)
	for p, err := range r.Pieces {
		if err != nil {
			return "", err
		}
		if p.Round == r.Number && len(p.Receipt) == 1 && p.Receipt[0] == sent[0] {
			received += min(pieceSize, size-p.Index*pieceSize)
		}
	}
	t.env.Status(fmt.Sprintf("cloud %s makes a backup of what was copied", t.Name))
	if err := t.CommitUpload(ctx, id, received); err != nil {
		return "", err
	}
	if t.chain() {
		return id, nil
	}
	if r.Last {
		err = t.restore(ctx, r.Number)
	}
	return t.state.Volume.ID, err
}

// restore brings a round into the volume. When it returns nil, state has the volume's id.
func (t *Target) restore(ctx context.Context, round int) error {
	t.env.Status(fmt.Sprintf("cloud %s restores the volume", t.Name))
	v, err := t.EnsureVolume(ctx, cloud.NewVolume{Name: t.state.Volume.Name, Size: t.state.Job.Volume.Size, Type: t.state.Place.Type, Zone: t.state.Place.Zone})
	if err != nil {
		return err
	}
	t.state.Volume.ID = v.ID
	if err := t.env.Save(t.state); err != nil {
		return err
	}
	if err := t.Restore(ctx, t.state.Backups[round-1].ID, v.ID); err != nil {
		return err
	}
	t.state.Restored = round
	return t.env.Save(t.state)
}

// ReadBack implements [move.Target]: the volume, which a restore has written, is backed up,
// and the digests of that backup are asked for.
func (t *Target) ReadBack(ctx context.Context, round int) (move.Content, error) {
	name := t.env.Name(fmt.Sprintf("target-readback-%d", round))
	have, err := t.Backups(ctx, name, "")
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		if err := t.DeleteNamed(ctx, t.env.Name("target-readback-")); err != nil { // an earlier one
			return nil, err
		}
		if t.chain() {
			if err := t.restore(ctx, round); err != nil {
				return nil, err
			}
		}
	}
	t.env.Status(fmt.Sprintf("cloud %s backs up the restored volume, to verify it", t.Name))
	b, err := t.EnsureBackup(ctx, cloud.NewBackup{Name: name, VolumeID: t.state.Volume.ID, Description: "made by cindergate move " + t.env.ID})
	if err != nil {
		return nil, err
	}
	return t.OpenContent(ctx, b.ID)
}

// Finish implements [move.Target].
func (t *Target) Finish(ctx context.Context) ([]string, error) {
	t.env.Status("cleaning up")
	var lost []string
	if err := t.DeleteNamed(ctx, t.env.Name("target-readback-")); err != nil {
		return nil, err
	}
	if !t.chain() {
		if err := t.DeleteNamed(ctx, t.env.Name("target-point-")); err != nil {
			return nil, err
		}
		more, err := t.Dress(ctx, t.state.Volume.ID, t.state.Job.Volume)
		return append(lost, more...), err
	}
	if t.o.KeepVolume && t.state.Restored < len(t.state.Job.Chain) {
		if err := t.restore(ctx, len(t.state.Job.Chain)); err != nil {
			return nil, err
		}
	}
	for i, p := range t.state.Job.Chain {
		meta := map[string]string{"cindergate:moved_from": p.ID}
		for key, value := range p.Metadata {
			meta[key] = value
		}
		more, err := t.DressBackup(ctx, t.state.Backups[i].ID, p.Name, p.Description, meta)
		if err != nil {
			return nil, err
		}
		lost = append(lost, more...)
	}
	if t.o.KeepVolume {
		more, err := t.Dress(ctx, t.state.Volume.ID, t.state.Job.Volume)
		return append(lost, more...), err
	}
	return lost, t.DeleteMade(ctx, t.state.Volume)
}

// Abort implements [move.Target].
func (t *Target) Abort(ctx context.Context) error {
	prefix := t.env.Name("target-")
	if err := t.AbortUpload(ctx, prefix); err != nil {
		return err
	}
	for i := len(t.state.Backups) - 1; i >= 0; i-- { // they may have other names already
		if id := t.state.Backups[i].ID; id != "" {
			if err := t.DeleteBackups(ctx, id); err != nil {
				return err
			}
		}
	}
	if err := t.DeleteNamed(ctx, prefix); err != nil {
		return err
	}
	return t.DeleteMade(ctx, t.state.Volume)
}

// Leftovers implements [move.Target].
func (t *Target) Leftovers(ctx context.Context) ([]string, error) {
	return t.Left(ctx, t.env.Name("target-"))
}
