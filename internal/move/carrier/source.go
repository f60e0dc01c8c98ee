package carrier

import (
	"context"
	"encoding/json"
	"fmt"
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
	points cloud.Points
}

var _ move.Source = (*Source)(nil)

// NewSource returns the source of a volume, or, if backup is not "", of the chain that ends
// with that backup. env may be nil for an assessment.
func NewSource(c *cloud.Cloud, env *move.Env, volume, backup string) (*Source, error) {
	a, err := newAccount(c)
	if err != nil {
		return nil, err
	}
	s := &Source{account: a, env: env, volume: volume, backup: backup, points: cloud.Points{Cloud: c, Env: env, Volume: volume}}
	if env != nil {
		c.Tell(env.Status)
		if err := s.points.Load(); err != nil {
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
	s.AssessLogin(&as)
	v, err := s.Describe(ctx)
	if err != nil {
		return as, err
	}
	if s.backup != "" {
		if v.Encrypted {
			as.Problems = append(as.Problems, cloud.Encrypted(v))
		}
		return as, nil
	}
	cloud.AssessVolume(&as, v)
	gib := v.Size / cloud.GiB
	as.Costs = append(as.Costs, fmt.Sprintf("cinder-backup of cloud %s reads all %d GiB for each round", s.Name, gib),
		s.Home()+" holds a full backup, and an incremental one for each further round, until the move ends")
	return as, s.AssessQuotas(ctx, &as, map[string]int64{"backups": 2, "backup_gigabytes": 2 * gib})
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
	v, err := s.VolumeOf(ctx, b)
	if err != nil {
		return v, err
	}
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
	ids := make([]string, len(levels))
	for i, l := range levels {
		ids[i] = l.BackupID
	}
	return s.ChainOf(ctx, ids)
}

// Freeze implements [move.Source].
func (s *Source) Freeze(ctx context.Context, round int) (move.Point, error) {
	b, err := s.points.Freeze(ctx, round)
	if err != nil {
		return move.Point{}, err
	}
	if _, err := s.locate(ctx, b); err != nil {
		return move.Point{}, err
	}
	return cloud.PointOf(b), nil
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
	return s.points.Release(ctx)
}

// Leftovers implements [move.Source].
func (s *Source) Leftovers(ctx context.Context) ([]string, error) {
	return s.points.Leftovers(ctx)
}
