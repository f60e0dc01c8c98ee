package image

import (
	"context"
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Source reads a volume through an image of it that it makes.
type Source struct {
	*cloud.Cloud
	env    *move.Env
	volume string // its id
	backup string // not "": a chain was asked for
	state  sourceState
}

var _ move.Source = (*Source)(nil)

type sourceState struct {
	Round int       `json:"round"` // that was begun last
	Taken time.Time `json:"taken"` // when its snapshot or image was asked for
}

// NewSource returns the source of a volume. If backup is not "", a chain of backups was asked
// for, which an assessment refuses. env may be nil for an assessment.
func NewSource(c *cloud.Cloud, env *move.Env, volume, backup string) (*Source, error) {
	s := &Source{Cloud: c, env: env, volume: volume, backup: backup}
	if env == nil {
		return s, nil
	}
	c.Tell(env.Status)
	return s, env.Load(&s.state)
}

// Assess implements [move.Source].
func (s *Source) Assess(ctx context.Context) (move.Assessment, error) {
	as, err := probe(ctx, s.Cloud)
	if err != nil {
		return as, err
	}
	if s.backup != "" {
		as.Problems = append(as.Problems, chains)
	}
	if len(as.Problems) > 0 {
		return as, nil
	}
	v, err := s.Describe(ctx)
	if err != nil {
		return as, err
	}
	cloud.AssessVolume(&as, v)
	assessSize(&as, s.Cloud, v)
	as.Limits = append(as.Limits, "each round reads the whole volume: a later one takes as long as the first")
	as.Unproven = append(as.Unproven, fmt.Sprintf("whether the store of Glance in cloud %s has ranges shows when a download breaks off or is resumed: without them, it begins again, and what was written at the target stays", s.Name))
	needs := map[string]int64{}
	if v.InUse {
		gib := v.Size / cloud.GiB
		needs = map[string]int64{"snapshots": 1, "volumes": 1, "gigabytes": 2 * gib}
		as.Costs = append(as.Costs, fmt.Sprintf("the volume is in use: cloud %s makes a snapshot, a volume of it and an image of that, and keeps the image until the move ends", s.Name))
	} else {
		as.Costs = append(as.Costs, fmt.Sprintf("the volume cannot be attached while cloud %s makes an image of it, which it keeps until the move ends", s.Name))
	}
	if err := s.AssessImageQuotas(ctx, &as, 1, v.Size); err != nil {
		return as, err
	}
	return as, s.AssessQuotas(ctx, &as, needs)
}

// Describe implements [move.Source].
func (s *Source) Describe(ctx context.Context) (move.Volume, error) {
	if s.backup != "" {
		b, err := s.Backup(ctx, s.backup)
		if err != nil {
			return move.Volume{}, err
		}
		return s.VolumeOf(ctx, b)
	}
	return s.Volume(ctx, s.volume)
}

// Chain implements [move.Source].
func (s *Source) Chain(context.Context) ([]move.Point, error) { return nil, move.ErrNone }

// Freeze implements [move.Source]: it makes the image of a round. That of the round before is
// deleted first.
func (s *Source) Freeze(ctx context.Context, round int) (move.Point, error) {
	if s.state.Round != round {
		if err := s.Release(ctx); err != nil {
			return move.Point{}, err
		}
		s.state = sourceState{Round: round, Taken: time.Now().UTC()}
		if err := s.env.Save(s.state); err != nil {
			return move.Point{}, err
		}
	}
	name := func(what string) string { return s.env.Name(fmt.Sprintf("source-%s-%d", what, round)) }
	i, err := s.freeze(ctx, name)
	if err != nil {
		return move.Point{}, err
	}
	// Only the image is needed from here on.
	s.env.Status("deleting what the image was made of")
	if err := s.deleteHelpers(ctx); err != nil {
		return move.Point{}, err
	}
	return move.Point{ID: i.ID, Name: i.Name, Size: i.Size, Taken: s.state.Taken}, nil
}

func (s *Source) freeze(ctx context.Context, name func(what string) string) (cloud.Image, error) {
	have, err := s.Images(ctx, name("image"))
	if err != nil {
		return cloud.Image{}, err
	}
	for _, i := range have {
		if i.Status == images.ImageStatusActive { // a run before this one made it
			return i, nil
		}
	}
	v, err := s.Volume(ctx, s.volume)
	if err != nil {
		return cloud.Image{}, err
	}
	from := v.ID
	if v.InUse { // Cinder makes no image of a volume in use, unless enable_force_upload is set
		if from, err = s.CopyInUse(ctx, v, name("snapshot"), name("volume"), s.env.Status); err != nil {
			return cloud.Image{}, err
		}
	}
	s.env.Status(fmt.Sprintf("cloud %s makes an image of the volume", s.Name))
	return s.EnsureImageOf(ctx, from, name("image"), "raw")
}

// Open implements [move.Source].
func (s *Source) Open(ctx context.Context, p move.Point) (move.Content, error) {
	return open(ctx, s.Cloud, p.ID, p.Size, s.env)
}

// Release implements [move.Source]. A volume is deleted before the snapshot that it may be a
// clone of.
func (s *Source) Release(ctx context.Context) error {
	if err := s.DeleteImages(ctx, s.env.Name("source-")); err != nil {
		return err
	}
	return s.deleteHelpers(ctx)
}

func (s *Source) deleteHelpers(ctx context.Context) error {
	if err := s.DeleteVolumes(ctx, s.env.Name("source-")); err != nil {
		return err
	}
	return s.DeleteSnapshots(ctx, s.env.Name("source-"))
}

// Leftovers implements [move.Source].
func (s *Source) Leftovers(ctx context.Context) ([]string, error) {
	return leftovers(ctx, s.Cloud, s.env.Name("source-"))
}
