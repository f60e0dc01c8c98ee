package carrier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"cindergate/internal/chunked"
	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Source reads a volume through backups of it that it makes, or a chain of backups that
// exists.
type Source struct {
	account
	env    *move.Env
	volume string // its id; "": a chain
	backup string // the last one of the chain
	state  sourceState
}

var _ move.Source = (*Source)(nil)

type sourceState struct {
	Points []named `json:"points"`
}

// named is a resource. The id is known when the cloud has answered.
type named struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
}

// NewSource returns the source of a volume, or, if backup is not "", of the chain that ends
// with that backup. env may be nil for an assessment.
func NewSource(c *cloud.Cloud, env *move.Env, volume, backup string) (*Source, error) {
	a, err := newAccount(c)
	if err != nil {
		return nil, err
	}
	s := &Source{account: a, env: env, volume: volume, backup: backup}
	if env != nil {
		c.Tell(env.Status)
		if err := env.Load(&s.state); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Assess implements [move.Source].
func (s *Source) Assess(ctx context.Context) (move.Assessment, error) {
	as := move.Assessment{Path: Path}
	if err := s.probe(ctx, &as); err != nil {
		return as, err
	}
	s.fixed(&as)
	v, err := s.Describe(ctx)
	if err != nil {
		return as, err
	}
	if v.Encrypted {
		as.Problems = append(as.Problems, fmt.Sprintf("volume %s is encrypted: its bytes can only be read with a key that does not travel, so it cannot be moved", v.ID))
	}
	if s.backup != "" {
		return as, nil
	}
	if v.Status != "available" && v.Status != "in-use" {
		as.Problems = append(as.Problems, fmt.Sprintf("volume %s is in the status %s: it must be available or in-use", v.ID, v.Status))
	}
	gib := v.Size / cloud.GiB
	as.Costs = append(as.Costs, fmt.Sprintf("cinder-backup of cloud %s reads all %d GiB for each round", s.Name, gib),
		"the Swift account holds a full backup, and an incremental one for each further round, until the move ends")
	return as, s.quotas(ctx, &as, map[string]int64{"backups": 2, "backup_gigabytes": 2 * gib})
}

// Describe implements [move.Source].
func (s *Source) Describe(ctx context.Context) (move.Volume, error) {
	if s.backup == "" {
		return s.Volume(ctx, s.volume)
	}
	b, err := s.Backup(ctx, s.backup)
	if err != nil {
		return move.Volume{}, err
	}
	v, err := s.Volume(ctx, b.VolumeID)
	switch {
	case errors.Is(err, cloud.ErrGone):
		v = move.Volume{ID: b.VolumeID}
	case err != nil:
		return v, err
	}
	v.Size = int64(b.Size) * cloud.GiB
	at, err := s.locate(ctx, b)
	if err != nil {
		return v, err
	}
	summary, err := chunked.Describe(ctx, s.store, at)
	if err != nil || summary.VolumeMeta == nil {
		return v, err
	}
	var meta struct {
		Base struct {
			Key         *string `json:"encryption_key_id"`
			Name        *string `json:"display_name"`
			Description *string `json:"display_description"`
			Bootable    bool    `json:"bootable"`
		} `json:"volume-base-metadata"`
		Metadata map[string]string `json:"volume-metadata"`
		Image    map[string]string `json:"volume-glance-metadata"`
	}
	if err := json.Unmarshal([]byte(*summary.VolumeMeta), &meta); err != nil {
		// Whether the volume was encrypted is not known.
		return v, fmt.Errorf("the volume_meta of backup %s: %w", b.ID, err)
	}
	if meta.Base.Key != nil && *meta.Base.Key != "" {
		v.Encrypted = true
	}
	if v.Status == "" { // the volume is gone: the backup remembers it
		if meta.Base.Name != nil {
			v.Name = *meta.Base.Name
		}
		if meta.Base.Description != nil {
			v.Description = *meta.Base.Description
		}
		v.Bootable, v.Metadata, v.ImageMetadata = meta.Base.Bootable, meta.Metadata, meta.Image
	}
	return v, nil
}

// Chain implements [move.Source].
func (s *Source) Chain(ctx context.Context) ([]move.Point, error) {
	if s.backup == "" {
		return nil, move.ErrNone
	}
	last, err := s.Backup(ctx, s.backup)
	if err != nil {
		return nil, err
	}
	levels, err := s.chain(ctx, s.backup, int64(last.Size)*cloud.GiB)
	if err != nil {
		return nil, err
	}
	var points []move.Point
	for _, l := range levels {
		b, err := s.Backup(ctx, l.BackupID)
		if err != nil {
			return nil, err
		}
		if b.Status != "available" {
			return nil, fmt.Errorf("backup %s is in the status %s: all backups of the chain must be available", b.ID, b.Status)
		}
		if b.Size != last.Size {
			return nil, fmt.Errorf("backup %s is of a volume of %d GiB and backup %s of %d GiB: a chain whose volume was resized cannot be moved", b.ID, b.Size, last.ID, last.Size)
		}
		p := move.Point{ID: b.ID, Name: b.Name, Description: b.Description, Size: int64(b.Size) * cloud.GiB, Taken: b.DataTimestamp, Incremental: b.IsIncremental}
		if p.Taken.IsZero() {
			p.Taken = b.CreatedAt
		}
		if b.Metadata != nil {
			p.Metadata = *b.Metadata
		}
		points = append(points, p)
	}
	return points, nil
}

// Freeze implements [move.Source].
func (s *Source) Freeze(ctx context.Context, round int) (move.Point, error) {
	v, err := s.Volume(ctx, s.volume)
	if err != nil {
		return move.Point{}, err
	}
	name := s.env.Name(fmt.Sprintf("source-point-%d", round))
	if len(s.state.Points) < round {
		s.state.Points = append(s.state.Points, named{Name: name})
		if err := s.env.Save(s.state); err != nil {
			return move.Point{}, err
		}
	}
	s.env.Status(fmt.Sprintf("cinder-backup of cloud %s reads the volume", s.Name))
	n := cloud.NewBackup{Name: name, VolumeID: s.volume, Incremental: round > 1, Force: v.InUse, Description: "made by cindergate move " + s.env.ID}
	b, err := s.EnsureBackup(ctx, n)
	var refused *cloud.Refusal
	if n.Incremental && errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		n.Incremental = false // there is none that it could build on
		b, err = s.EnsureBackup(ctx, n)
	}
	if err != nil {
		return move.Point{}, err
	}
	s.state.Points[round-1].ID = b.ID
	if err := s.env.Save(s.state); err != nil {
		return move.Point{}, err
	}
	if _, err := s.locate(ctx, b); err != nil {
		return move.Point{}, err
	}
	taken := b.DataTimestamp
	if taken.IsZero() {
		taken = b.CreatedAt
	}
	return move.Point{ID: b.ID, Name: b.Name, Size: int64(b.Size) * cloud.GiB, Taken: taken, Incremental: b.IsIncremental}, nil
}

// Open implements [move.Source].
func (s *Source) Open(ctx context.Context, p move.Point) (move.Content, error) {
	if err := os.MkdirAll(s.env.Dir, 0o700); err != nil {
		return nil, err
	}
	return s.open(ctx, p.ID, s.env.Dir)
}

// Release implements [move.Source].
func (s *Source) Release(ctx context.Context) error {
	if s.backup != "" {
		return nil
	}
	return s.deleteNamed(ctx, s.env.Name("source-"))
}

// Leftovers implements [move.Source].
func (s *Source) Leftovers(ctx context.Context) ([]string, error) {
	return s.Left(ctx, s.env.Name("source-"))
}
