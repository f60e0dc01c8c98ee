package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"syscall"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
)

var _ chunk.Copier = (*Store)(nil)

// Copy links files, so that a copy needs no room. An object's file never changes: Put replaces it by
// another one. Where the file system has no links, it copies the bytes.
func (s *Store) Copy(ctx context.Context, pairs ...chunk.Pair) error {
	dirs := map[string]bool{}
	for _, p := range pairs {
		if err := errors.Join(ctx.Err(), check(p.From), check(p.To)); err != nil {
			return err
		}
		dirs[path.Dir(p.To)] = true
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(syncsAtOnce)
	for _, p := range pairs {
		group.Go(func() error {
			if err := s.link(gctx, p); !noLinks(err) {
				return err
			}
			return s.copyBytes(gctx, p)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for d := range dirs {
		if err := s.syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// link links one file. Like [Store.Put] it makes the directory, which may be removed at any time.
func (s *Store) link(ctx context.Context, p chunk.Pair) (err error) {
	root := s.root.Load()
	for range 100 {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch err = root.Link(p.From, p.To); {
		case errors.Is(err, fs.ErrExist):
			if err := root.Remove(p.To); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case errors.Is(err, fs.ErrNotExist):
			if _, missing := root.Lstat(p.From); missing != nil {
				return fmt.Errorf("object %q: %w", p.From, missing)
			}
			if err := s.mkdirs(path.Dir(p.To)); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return err
}

// noLinks reports whether the file system cannot link a file, or not once more.
func noLinks(err error) bool {
	for _, cause := range []error{syscall.EPERM, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EMLINK, syscall.EXDEV} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

func (s *Store) copyBytes(ctx context.Context, p chunk.Pair) error {
	info, err := s.root.Load().Stat(p.From)
	if err != nil {
		return err
	}
	var open []io.Closer
	defer func() {
		for _, r := range open {
			_ = r.Close()
		}
	}()
	return s.Put(ctx, p.To, func() (io.Reader, error) {
		r, err := s.Get(ctx, p.From)
		if err != nil {
			return nil, err
		}
		open = append(open, r)
		return r, nil
	}, info.Size())
}
