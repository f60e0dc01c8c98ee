// Package content moves through the bytes of backups that a Cindergate gives out and takes
// (docs/api.md, "Content of backups"): a source reads them, and a target makes backups of the
// bytes that it sends.
package content

import (
	"context"
	"fmt"
	"slices"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Path is the name of the path.
const Path = "cindergate"

// probe finds out whether the cloud is a Cindergate that gives out bytes.
func probe(ctx context.Context, c *cloud.Cloud) (as move.Assessment, err error) {
	as = move.Assessment{Path: Path, Why: fmt.Sprintf("cloud %s is a Cindergate, which gives out the bytes of backups and takes them", c.Name)}
	gives, err := c.GivesBytes(ctx)
	if err != nil {
		return as, err
	}
	if !gives {
		as.Elsewhere = true
		as.Problems = append(as.Problems, fmt.Sprintf("cloud %s does not give out the bytes of backups: it is no Cindergate with the embedded backend, or the login has no role member", c.Name))
		return as, nil
	}
	if err := c.MayBackUp(ctx); err != nil {
		as.Problems = append(as.Problems, err.Error())
	}
	c.AssessLogin(&as)
	return as, nil
}

// Source reads a volume through backups of it that it makes, or a chain of backups that
// exists.
type Source struct {
	*cloud.Cloud
	env    *move.Env
	volume string // its id; "": a chain
	backup string // the last one of the chain
	points cloud.Points
}

var _ move.Source = (*Source)(nil)

// NewSource returns the source of a volume, or, if backup is not "", of the chain that ends
// with that backup. env may be nil for an assessment.
func NewSource(c *cloud.Cloud, env *move.Env, volume, backup string) (*Source, error) {
	s := &Source{Cloud: c, env: env, volume: volume, backup: backup, points: cloud.Points{Cloud: c, Env: env, Volume: volume}}
	if env == nil {
		return s, nil
	}
	c.Tell(env.Status)
	return s, s.points.Load()
}

// Assess implements [move.Source].
func (s *Source) Assess(ctx context.Context) (move.Assessment, error) {
	as, err := probe(ctx, s.Cloud)
	if err != nil || len(as.Problems) > 0 {
		return as, err
	}
	v, err := s.Describe(ctx)
	if err != nil {
		return as, err
	}
	if s.backup != "" {
		if v.Status == "" {
			as.Lost = append(as.Lost, fmt.Sprintf("the name, metadata, bootable flag and image metadata of volume %s, which is gone", v.ID))
		}
		return as, nil
	}
	cloud.AssessVolume(&as, v)
	gib := v.Size / cloud.GiB
	as.Costs = append(as.Costs, fmt.Sprintf("cloud %s keeps a full backup of the volume, and an incremental one for each further round, until the move ends", s.Name))
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
	if err == nil && v.Status == "" {
		v.Name, v.Description = b.Name, b.Description
	}
	return v, err
}

// maxChain bounds the number of backups of a chain.
const maxChain = 1000

// Chain implements [move.Source].
func (s *Source) Chain(ctx context.Context) ([]move.Point, error) {
	if s.backup == "" {
		return nil, move.ErrNone
	}
	var ids []string
	for id := s.backup; id != ""; {
		if len(ids) == maxChain {
			return nil, fmt.Errorf("backup %s has more than %d ancestors", s.backup, maxChain)
		}
		ids = append(ids, id)
		c, err := s.OpenContent(ctx, id)
		if err != nil {
			return nil, err
		}
		id = c.ParentID()
	}
	slices.Reverse(ids)
	return s.ChainOf(ctx, ids)
}

// Freeze implements [move.Source].
func (s *Source) Freeze(ctx context.Context, round int) (move.Point, error) {
	b, err := s.points.Freeze(ctx, round)
	if err != nil {
		return move.Point{}, err
	}
	return cloud.PointOf(b), nil
}

// Open implements [move.Source].
func (s *Source) Open(ctx context.Context, p move.Point) (move.Content, error) {
	return s.OpenContent(ctx, p.ID)
}

// Report implements [move.Reporter]. A chain that exists is left as it is.
func (s *Source) Report(ctx context.Context, text string) error {
	if s.backup != "" {
		return nil
	}
	return s.points.Report(ctx, text)
}

// Release implements [move.Source].
func (s *Source) Release(ctx context.Context) error {
	if s.backup != "" {
		return nil
	}
	return s.points.Release(ctx)
}

// Leftovers implements [move.Source].
func (s *Source) Leftovers(ctx context.Context) ([]string, error) { return s.points.Leftovers(ctx) }
