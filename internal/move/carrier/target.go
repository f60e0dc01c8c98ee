package carrier

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunked"
	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Options of a [Target].
type Options struct {
	Type, Zone string // asked for by the user; "": the source's where the target has it
	ReadBack   bool   // the move is verified by reading back
	KeepVolume bool   // a chain also leaves a volume, with its last point
}

// Target brings bytes in through carriers: backups of a blank volume whose objects are
// replaced.
type Target struct {
	account
	env      *move.Env
	o        Options
	state    targetState
	job      move.Job
	carriers []*chunked.Carrier
	shape    move.Shape
}

var _ move.Target = (*Target)(nil)

type targetState struct {
	Volume   cloud.Named   `json:"volume"`
	Place    cloud.Place   `json:"place"`
	Carriers []cloud.Named `json:"carriers"`
	Restored int           `json:"restored"` // the last round that is in the volume
	Piece    int64         `json:"piece"`
	Job      move.Job      `json:"job"`
}

// NewTarget returns a target. env may be nil for an assessment.
func NewTarget(c *cloud.Cloud, env *move.Env, o Options) (*Target, error) {
	a, err := newAccount(c)
	if err != nil {
		return nil, err
	}
	t := &Target{account: a, env: env, o: o}
	if env != nil {
		c.Tell(env.Status)
		if err := env.Load(&t.state); err != nil {
			return nil, err
		}
		t.job = t.state.Job
	}
	return t, nil
}

// Assess implements [move.Target].
func (t *Target) Assess(ctx context.Context, j move.Job) (move.Assessment, error) {
	as := move.Assessment{Path: Path}
	if err := t.probe(ctx, &as); err != nil {
		return as, err
	}
	t.AssessLogin(&as)
	_, lost, problems, err := t.Choose(ctx, cloud.Place{Type: t.o.Type, Zone: t.o.Zone}, j.Volume)
	if err != nil {
		return as, err
	}
	as.Lost, as.Problems = lost, append(as.Problems, problems...)
	gib := j.Volume.Size / cloud.GiB
	carriers := max(int64(len(j.Chain)), 1)
	more := carriers
	if t.o.ReadBack {
		more++
		as.Costs = append(as.Costs, fmt.Sprintf("to verify, cinder-backup of cloud %s reads the volume once more", t.Name))
	}
	as.Costs = append(as.Costs, fmt.Sprintf("cinder-backup of cloud %s reads a blank volume of %d GiB %d times before the first byte is copied, and restores what was copied", t.Name, gib, carriers))
	as.Limits = append(as.Limits, "the way in is undocumented: the objects of a backup of the tenant's own are replaced, which every cinder-backup with that driver restores")
	if gib > 2000 {
		as.Problems = append(as.Problems, "the digests of a volume of more than 2000 GiB do not fit in one object")
	}
	if len(j.Chain) > 0 {
		as.Lost = append(as.Lost, "the time of each backup: the target sets its own, and the metadata cindergate:data_timestamp has the original one")
		if !t.Metadata {
			as.Lost = append(as.Lost, fmt.Sprintf("the metadata of the backups: cloud %s has none (it takes microversion 3.43)", t.Name))
		}
	}
	return as, t.AssessQuotas(ctx, &as, map[string]int64{"volumes": 1, "gigabytes": gib, "backups": more, "backup_gigabytes": more * gib})
}

// Prepare implements [move.Target].
func (t *Target) Prepare(ctx context.Context, j move.Job) (move.Shape, error) {
	if t.carriers != nil {
		return t.shape, nil
	}
	if t.state.Volume.Name == "" {
		place, _, problems, err := t.Choose(ctx, cloud.Place{Type: t.o.Type, Zone: t.o.Zone}, j.Volume)
		if err != nil {
			return move.Shape{}, err
		}
		if len(problems) > 0 {
			return move.Shape{}, fmt.Errorf("%s", strings.Join(problems, "; "))
		}
		t.state = targetState{Volume: cloud.Named{Name: t.env.Name("target-volume")}, Place: place, Job: j}
		for i := range max(len(j.Chain), 1) {
			t.state.Carriers = append(t.state.Carriers, cloud.Named{Name: t.env.Name(fmt.Sprintf("target-carrier-%d", i+1))})
		}
		if err := t.env.Save(t.state); err != nil {
			return move.Shape{}, err
		}
	}
	t.job = t.state.Job
	if err := t.makeCarriers(ctx); err != nil {
		return move.Shape{}, err
	}
	for i := range t.state.Carriers {
		c, err := t.carrier(ctx, i)
		if err != nil {
			t.carriers = nil
			return move.Shape{}, err
		}
		t.carriers = append(t.carriers, c)
	}
	block := t.carriers[0].BlockSize
	if t.state.Piece == 0 {
		t.state.Piece = pieceSize(j.Grid, block)
		if err := t.env.Save(t.state); err != nil {
			return move.Shape{}, err
		}
	}
	t.shape = move.Shape{Piece: t.state.Piece, Block: block, Parallel: 6}
	return t.shape, nil
}

// makeCarriers makes the blank volume and its backups, all before the first byte is replaced:
// an incremental backup reads the digests of its parent, which must be those of the blank
// volume.
func (t *Target) makeCarriers(ctx context.Context) error {
	if last := t.state.Carriers[len(t.state.Carriers)-1]; last.ID != "" {
		return nil
	}
	t.env.Status(fmt.Sprintf("cloud %s makes a blank volume", t.Name))
	v, err := t.EnsureVolume(ctx, cloud.NewVolume{Name: t.state.Volume.Name, Size: t.job.Volume.Size, Type: t.state.Place.Type, Zone: t.state.Place.Zone})
	if err != nil {
		return err
	}
	if v.Encrypted {
		return fmt.Errorf("cloud %s makes encrypted volumes of the type %q: its cinder-backup would encrypt nothing of what is brought in; choose another --type", t.Name, v.Type)
	}
	t.state.Volume.ID = v.ID
	if err := t.env.Save(t.state); err != nil {
		return err
	}
	for i := range t.state.Carriers {
		n := &t.state.Carriers[i]
		if n.ID != "" {
			continue
		}
		t.env.Status(fmt.Sprintf("cinder-backup of cloud %s reads the blank volume (%d of %d)", t.Name, i+1, len(t.state.Carriers)))
		b, err := t.EnsureBackup(ctx, cloud.NewBackup{Name: n.Name, VolumeID: v.ID, Incremental: i > 0, Description: "made by cindergate move " + t.env.ID})
		if err != nil {
			return err
		}
		if _, err := t.locate(ctx, b); err != nil { // nothing else is made where it does not work
			return err
		}
		n.ID = b.ID
		if err := t.env.Save(t.state); err != nil {
			return err
		}
	}
	return nil
}

// carrier opens the i-th carrier, and checks that it is the child of the one before.
func (t *Target) carrier(ctx context.Context, i int) (*chunked.Carrier, error) {
	b, err := t.Backup(ctx, t.state.Carriers[i].ID)
	if err != nil {
		return nil, err
	}
	at, err := t.locate(ctx, b)
	if err != nil {
		return nil, err
	}
	c, err := chunked.OpenCarrier(ctx, t.store, at, t.job.Volume.Size)
	if err != nil {
		return nil, err
	}
	parent := ""
	if i > 0 {
		parent = t.state.Carriers[i-1].ID
	}
	if c.ParentID != parent || c.BackupID != b.ID {
		return nil, fmt.Errorf("cloud %s made carrier %s on backup %q, not on %q: another backup of the blank volume came in between", t.Name, b.ID, c.ParentID, parent)
	}
	return c, nil
}

// pieceSize returns the largest piece of at most 8 MiB that divides the source's grid.
func pieceSize(grid, block int64) int64 {
	const most, least = 8 << 20, 1 << 20
	for n := most / block; n*block >= least; n-- {
		if grid > 0 && grid%(n*block) == 0 {
			return n * block
		}
	}
	return max(most/block, 1) * block
}

// at returns the carrier of a round.
func (t *Target) at(round int) *chunked.Carrier {
	if len(t.job.Chain) > 0 {
		return t.carriers[round-1]
	}
	return t.carriers[0]
}

func suffix(n int64) string { return fmt.Sprintf("-%05d", n) }

// Write implements [move.Target].
func (t *Target) Write(ctx context.Context, p move.Piece) ([]byte, error) {
	c := t.at(p.Round)
	var e chunked.Entry
	var err error
	if p.Zero {
		e, err = c.Zeroes(ctx, suffix(p.Index+1), p.Offset, int64(len(p.Data)))
	} else {
		e, err = c.Put(ctx, suffix(p.Index+1), p.Offset, p.Data)
	}
	if err != nil {
		return nil, err
	}
	return append(e.MD5[:], e.Compression...), nil
}

// holeSize is the longest range of zeroes in one object: that of cinder-backup's own objects.
const holeSize = 50 << 20

// Commit implements [move.Target].
func (t *Target) Commit(ctx context.Context, r move.Round) (string, error) {
	chain := len(t.job.Chain) > 0
	// A volume is restored once, as a whole. A restore of only what changed, on top of an
	// earlier one, would lose the rest where a volume is a file: cinder-backup opens it with the
	// mode wb (cinder/backup/manager.py), which truncates files.
	if !chain && (!r.Last || t.state.Restored >= r.Number) {
		return t.state.Volume.ID, nil
	}
	c := t.at(r.Number)
	entries, err := t.entries(ctx, c, r, chain && r.Number > 1)
	if err != nil {
		return "", err
	}
	var meta *string
	if chain {
		if meta, err = t.volumeMeta(c.VolumeMeta); err != nil {
			return "", err
		}
	}
	t.env.Status("describing the carrier")
	if err := c.Describe(ctx, entries, r.Digests, meta); err != nil {
		return "", err
	}
	if chain {
		return c.BackupID, nil
	}
	t.env.Status(fmt.Sprintf("cinder-backup of cloud %s restores what was copied", t.Name))
	if err := t.Restore(ctx, c.BackupID, t.state.Volume.ID); err != nil {
		return "", err
	}
	t.state.Restored = r.Number
	return t.state.Volume.ID, t.env.Save(t.state)
}

// entries returns the objects of a round, and stores those of zeroes. only: those that the
// round wrote.
func (t *Target) entries(ctx context.Context, c *chunked.Carrier, r move.Round, only bool) ([]chunked.Entry, error) {
	var entries []chunked.Entry
	size, piece := t.job.Volume.Size, t.state.Piece
	pieces := (size + piece - 1) / piece
	hole := int64(-1) // the first piece of the hole
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	end := func(to int64) {
		for hole >= 0 && hole < to {
			next := min(to, hole+max(holeSize/piece, 1))
			from, length := hole*piece, min(next*piece, size)-hole*piece
			name := suffix(pieces + 1 + hole)
			entries = append(entries, chunked.ZeroesEntry(name, from, length))
			group.Go(func() error {
				_, err := c.Zeroes(gctx, name, from, length)
				return err
			})
			hole = next
		}
		hole = -1
	}
	for p, err := range r.Pieces {
		switch {
		case err != nil:
			return nil, err
		case only && p.Round != r.Number:
			continue
		case p.Round == 0:
			if hole < 0 {
				hole = p.Index
			}
			continue
		}
		end(p.Index)
		e := chunked.Entry{Suffix: suffix(p.Index + 1), Offset: p.Index * piece, Length: min(piece, size-p.Index*piece)}
		if len(p.Receipt) < len(e.MD5) {
			return nil, fmt.Errorf("piece %d has no receipt", p.Index)
		}
		copy(e.MD5[:], p.Receipt)
		e.Compression = chunked.Compression(p.Receipt[len(e.MD5):])
		entries = append(entries, e)
	}
	end(pieces)
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return entries, nil
}

// volumeMeta is what a restore of a backup of the chain does to a new volume: the names and
// metadata of the volume at the source. The rest is the carrier's, which is valid in this
// cloud.
func (t *Target) volumeMeta(own *string) (*string, error) {
	if own == nil {
		return nil, nil
	}
	var meta map[string]json.RawMessage
	var base map[string]json.RawMessage
	if err := json.Unmarshal([]byte(*own), &meta); err != nil {
		return nil, fmt.Errorf("the volume_meta of the carrier: %w", err)
	}
	if raw, ok := meta["volume-base-metadata"]; ok {
		if err := json.Unmarshal(raw, &base); err != nil {
			return nil, fmt.Errorf("the volume_meta of the carrier: %w", err)
		}
	} else {
		base = map[string]json.RawMessage{}
	}
	set := func(m map[string]json.RawMessage, key string, v any) {
		m[key], _ = json.Marshal(v) // strings and maps of them always encode
	}
	v := t.job.Volume
	set(base, "display_name", v.Name)
	set(base, "display_description", v.Description)
	set(meta, "volume-base-metadata", base)
	delete(meta, "volume-metadata")
	delete(meta, "volume-glance-metadata")
	if kept, _ := move.Travels(v.Metadata); len(kept) > 0 { // Finish tells what does not
		set(meta, "volume-metadata", kept)
	}
	if len(v.ImageMetadata) > 0 {
		set(meta, "volume-glance-metadata", v.ImageMetadata)
	}
	raw, err := json.Marshal(meta)
	text := string(raw)
	return &text, err
}

// ReadBack implements [move.Target]: the volume, which a restore has written, is backed up
// again.
func (t *Target) ReadBack(ctx context.Context, round int) (move.Content, error) {
	if err := os.MkdirAll(t.env.Dir, 0o700); err != nil {
		return nil, err
	}
	name := t.env.Name(fmt.Sprintf("target-readback-%d", round))
	have, err := t.Backups(ctx, name, "")
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		// An earlier one is not needed any more.
		if err := t.DeleteNamed(ctx, t.env.Name("target-readback-")); err != nil {
			return nil, err
		}
		if len(t.job.Chain) > 0 {
			t.env.Status(fmt.Sprintf("cinder-backup of cloud %s restores point %d", t.Name, round))
			if err := t.Restore(ctx, t.state.Carriers[round-1].ID, t.state.Volume.ID); err != nil {
				return nil, err
			}
		}
	}
	t.env.Status(fmt.Sprintf("cinder-backup of cloud %s reads the volume, to verify it", t.Name))
	b, err := t.EnsureBackup(ctx, cloud.NewBackup{Name: name, VolumeID: t.state.Volume.ID, Description: "made by cindergate move " + t.env.ID})
	if err != nil {
		return nil, err
	}
	t.env.Status("comparing the digests")
	return t.open(ctx, b.ID, t.env.Dir)
}

// Finish implements [move.Target].
func (t *Target) Finish(ctx context.Context) (lost []string, err error) {
	t.env.Status("cleaning up")

	if err := t.DeleteNamed(ctx, t.env.Name("target-readback-")); err != nil {
		return nil, err
	}
	v := t.job.Volume
	if len(t.job.Chain) == 0 {
		if err := t.DeleteNamed(ctx, t.env.Name("target-")); err != nil {
			return nil, err
		}
		more, err := t.Dress(ctx, t.state.Volume.ID, v)
		return append(lost, more...), err
	}
	if t.o.KeepVolume && t.state.Restored == 0 {
		if err := t.Restore(ctx, t.state.Carriers[len(t.state.Carriers)-1].ID, t.state.Volume.ID); err != nil {
			return nil, err
		}
		t.state.Restored = len(t.job.Chain)
		if err := t.env.Save(t.state); err != nil {
			return nil, err
		}
	}
	for i, p := range t.job.Chain {
		meta := map[string]string{"cindergate:data_timestamp": p.Taken.UTC().Format(time.RFC3339Nano), "cindergate:moved_from": p.ID}
		for key, value := range p.Metadata {
			meta[key] = value
		}
		more, err := t.DressBackup(ctx, t.state.Carriers[i].ID, p.Name, p.Description, meta)
		if err != nil {
			return nil, err
		}
		lost = append(lost, more...)
	}
	if t.o.KeepVolume {
		more, err := t.Dress(ctx, t.state.Volume.ID, v)
		return append(lost, more...), err
	}
	return lost, t.DeleteVolume(ctx, t.state.Volume.ID)
}

// Abort implements [move.Target].
func (t *Target) Abort(ctx context.Context) error {
	if err := t.DeleteNamed(ctx, t.env.Name("target-readback-")); err != nil {
		return err
	}
	for _, c := range slices.Backward(t.state.Carriers) { // they may have other names already
		if c.ID != "" {
			if err := t.DeleteBackups(ctx, c.ID); err != nil {
				return err
			}
		}
	}
	if err := t.DeleteNamed(ctx, t.env.Name("target-")); err != nil {
		return err
	}
	return t.DeleteMade(ctx, t.state.Volume)
}

// Leftovers implements [move.Target].
func (t *Target) Leftovers(ctx context.Context) ([]string, error) {
	return t.Left(ctx, t.env.Name("target-"))
}
