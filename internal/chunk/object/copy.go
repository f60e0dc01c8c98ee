package object

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
)

var _ chunk.Copier = (*Store)(nil)

// copiesAtOnce is how many requests to copy an object are under way.
const copiesAtOnce = 16

// Copy has the service copy the objects.
func (s *Store) Copy(ctx context.Context, pairs ...chunk.Pair) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	for _, p := range pairs {
		group.Go(func() error { return s.copy(gctx, p) })
	}
	return errors.Join(group.Wait(), ctx.Err())
}

func (s *Store) copy(ctx context.Context, p chunk.Pair) error {
	container, name, err := s.split(p.From)
	toContainer, toName, badTarget := s.split(p.To)
	if err := errors.Join(ctx.Err(), err, badTarget); err != nil {
		return err
	}
	if name == "" || toName == "" {
		return fmt.Errorf("object: the key %q or %q has no container", p.From, p.To)
	}
	err = s.try(ctx, "copy", toContainer, func(ctx context.Context) error {
		return s.client.Copy(ctx, container, name, toContainer, toName)
	})
	if err != nil && KindOf(err) == NoObject {
		return fmt.Errorf("object %q: %w", p.From, fs.ErrNotExist)
	}
	return s.explain("copy", toContainer, err)
}
