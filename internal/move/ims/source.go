package ims

import (
	"context"
	"fmt"
	"time"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Source reads a volume through images of it. One that is in use is frozen by a snapshot, of
// which a volume is made.
type Source struct {
	*cloud.Cloud
	env    *move.Env
	volume string
	chain  bool
	*exporter
}

var _ move.Source = (*Source)(nil)

// NewSource returns the source of a volume. A chain of backups, if backup is not "", can only be
// assessed. env may be nil for an assessment.
func NewSource(c *cloud.Cloud, env *move.Env, volume, backup string) (*Source, error) {
	s := &Source{Cloud: c, env: env, volume: volume, chain: backup != ""}
	if env == nil {
		return s, nil
	}
	c.Tell(env.Status)
	m, err := c.IMS()
	if err != nil {
		return nil, err
	}
	s.exporter, err = newExporter(m, env, "source")
	return s, err
}

// Assess implements [move.Source].
func (s *Source) Assess(ctx context.Context) (as move.Assessment, err error) {
	if probe(s.Cloud, s.chain, &as) == nil {
		return as, nil
	}
	v, err := s.Describe(ctx)
	if err != nil {
		return as, err
	}
	cloud.AssessVolume(&as, v)
	gib := v.Size / cloud.GiB
	if gib > mostExported {
		as.Problems = append(as.Problems, fmt.Sprintf("volume %s has %d GiB, and IMS exports images of more than %d GiB only in a format that is not documented (zvhd2)", v.ID, gib, mostExported))
	}
	as.Costs = append(as.Costs, fmt.Sprintf("cloud %s makes an image of %d GiB and exports it to a bucket, for each round", s.Name, gib))
	as.Limits = append(as.Limits, "every round copies all data of the volume: images do not say what changed",
		"IMS refuses to export the disk of a server that was made from some public images (Windows, SUSE, Red Hat, Ubuntu, Oracle Linux)")
	needs := map[string]int64{}
	if v.InUse {
		needs["snapshots"], needs["volumes"], needs["gigabytes"] = 1, 1, gib
		as.Costs = append(as.Costs, "the volume is in use: a snapshot of it is made, and of that a volume")
	}
	return as, s.AssessQuotas(ctx, &as, needs)
}

// Describe implements [move.Source].
func (s *Source) Describe(ctx context.Context) (move.Volume, error) {
	if s.chain {
		return move.Volume{}, nil
	}
	return s.Volume(ctx, s.volume)
}

// Chain implements [move.Source].
func (s *Source) Chain(context.Context) ([]move.Point, error) { return nil, move.ErrNone }

func (s *Source) name(what string, round int) string {
	return s.env.Name(fmt.Sprintf("source-%d-%s", round, what))
}

func file(round int) string { return fmt.Sprintf("round-%d.qcow2", round) }

// Freeze implements [move.Source].
func (s *Source) Freeze(ctx context.Context, round int) (move.Point, error) {
	v, err := s.Describe(ctx)
	if err != nil {
		return move.Point{}, err
	}
	if round > 1 { // the files of the round before are not read again
		if err := s.bucket.Delete(ctx, file(round-1)); err != nil {
			return move.Point{}, err
		}
		if err := s.removeFrozen(ctx, s.name("", round-1)); err != nil {
			return move.Point{}, err
		}
	}
	taken := time.Now().UTC()
	from := v.ID
	if v.InUse {
		if from, err = s.CopyInUse(ctx, v, s.name("snapshot", round), s.name("frozen", round), s.env.Status); err != nil {
			return move.Point{}, err
		}
	}
	if err := s.export(ctx, from, s.name("image", round), file(round)); err != nil {
		return move.Point{}, err
	}
	return move.Point{ID: file(round), Name: v.Name, Description: v.Description, Metadata: v.Metadata, Size: v.Size, Taken: taken}, nil
}

// Open implements [move.Source].
func (s *Source) Open(ctx context.Context, p move.Point) (move.Content, error) {
	return s.open(ctx, p.ID, p.Size)
}

// Release implements [move.Source].
func (s *Source) Release(ctx context.Context) error { return s.remove(ctx, s.env.Name("source-")) }

// Leftovers implements [move.Source].
func (s *Source) Leftovers(ctx context.Context) ([]string, error) {
	return s.leftovers(ctx, s.env.Name("source-"))
}
