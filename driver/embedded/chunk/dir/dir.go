// Package dir keeps objects as files below one directory, laid out as Cinder's
// posix backup driver does (cinder/backup/drivers/posix.py): the key is the
// path. A directory written here can be mounted by a cinder-backup, and one
// written there is read here.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"syscall"

	"cindergate/driver/embedded/chunk"
)

// Permissions as in posix.py: the owner's group, so that several services
// share a mount.
const (
	dirMode  = 0o770
	fileMode = 0o660
)

// tempPrefix begins the name of an object that is being written. Cinder's
// names begin with "volume_", and a listing leaves these out.
const tempPrefix = ".put-"

// Store is a chunk.Store in a directory.
type Store struct{ root *os.Root }

var _ chunk.Store = (*Store)(nil)

// Open opens the store at path, making the directory if its parent exists, and
// removes what a crash left half-written. Another process may use the
// directory at the same time.
func Open(path string) (*Store, error) {
	if err := os.Mkdir(path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	s := &Store{root}
	if err := s.sweep(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// Close releases the directory. Readers that are open stay usable.
func (s *Store) Close() error { return s.root.Close() }

// Delete removes an object and the directories it leaves empty. It does not
// wait for the disk: what a power cut brings back is deleted again by whoever
// repeats the deletion.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := errors.Join(ctx.Err(), check(key)); err != nil {
		return err
	}
	if err := s.root.Remove(key); err != nil && !missing(err) {
		return err
	}
	s.prune(path.Dir(key))
	return nil
}

// prune removes directory d and those above it, as far as they are empty.
func (s *Store) prune(d string) {
	for ; d != "."; d = path.Dir(d) {
		if err := s.root.Remove(d); err != nil && !missing(err) {
			return
		}
	}
}

// List yields the keys that begin with prefix.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		top := "."
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			top = prefix[:i]
			if err := check(top); err != nil {
				yield("", err)
				return
			}
		}
		s.list(ctx, top, prefix, yield)
	}
}

// list walks d, whose keys may begin with prefix, until yield has enough.
func (s *Store) list(ctx context.Context, d, prefix string, yield func(string, error) bool) bool {
	f, err := s.root.Open(d)
	if missing(err) {
		return true
	}
	if err != nil {
		yield("", err)
		return false
	}
	defer f.Close()
	for {
		// In pieces: a container may hold the objects of a thousand backups.
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return false
			}
			key := path.Join(d, e.Name())
			switch {
			case e.IsDir():
				dir := key + "/"
				if (strings.HasPrefix(dir, prefix) || strings.HasPrefix(prefix, dir)) && !s.list(ctx, key, prefix, yield) {
					return false
				}
			case e.Type().IsRegular() && strings.HasPrefix(key, prefix) && !strings.HasPrefix(e.Name(), tempPrefix):
				if !yield(key, nil) {
					return false
				}
			}
		}
		switch {
		case err == io.EOF || missing(err):
			return true
		case err != nil:
			yield("", err)
			return false
		}
	}
}

// missing reports that there is no object, which is also the case when a part
// of its path is a file or a directory has its name.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// check refuses keys that are not plain paths below the root.
func check(key string) error {
	if key == "." || !fs.ValidPath(key) || strings.Contains(key, "\x00") {
		return fmt.Errorf("dir: %q is no object key", key)
	}
	if strings.HasPrefix(path.Base(key), tempPrefix) {
		return fmt.Errorf("dir: the name of object %q is reserved", key)
	}
	return nil
}
