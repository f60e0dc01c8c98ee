// Package dir keeps objects as files below one directory, laid out as Cinder's posix backup
// driver does (cinder/backup/drivers/posix.py): the key is the path.
//
// A cinder-backup can mount a directory that this package wrote, and this package reads
// directories that a cinder-backup wrote.
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
	"sync"
	"sync/atomic"
	"syscall"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/marker"
)

// Permissions as in posix.py: the group has access, so that several services can share a
// mount.
const (
	dirMode  = 0o770
	fileMode = 0o660
)

// tempPrefix begins the name of an object that is being written. Cinder's names begin with
// "volume_". List skips temporary names.
const tempPrefix = ".put-"

// Store is a chunk.Store in a directory.
type Store struct {
	path string
	id   string // of the installation, as in the directory's marker; "": no marker
	root atomic.Pointer[os.Root]
	puts chan struct{} // has an element for each object that is being written

	// waiting has an element for each object that is written but not yet published. Each
	// is an open file.
	waiting chan struct{}

	mu     sync.Mutex
	opened []*os.Root // every root that was opened, for Close
}

var _ chunk.Store = (*Store)(nil)

// Open opens the store at path and removes files that a crash left half-written. It creates
// the directory if its parent exists. Another process may use the directory at the same
// time.
func Open(path string) (*Store, error) {
	if err := os.Mkdir(path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return open(path, "")
}

// Create is like Open, for a new installation: it also marks the directory with the id.
func Create(path, id string) (*Store, error) {
	if err := os.Mkdir(path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := marker.Write(path, id); err != nil {
		return nil, err
	}
	return open(path, id)
}

// OpenMarked opens a store that [Create] made. If the directory is missing or not marked
// with the id, it returns an error and changes nothing.
func OpenMarked(path, id string) (*Store, error) {
	if err := marker.Check(path, id); err != nil {
		return nil, err
	}
	return open(path, id)
}

func open(path, id string) (*Store, error) {
	limit := descriptors()
	s := &Store{path: path, id: id, puts: make(chan struct{}, putsWithin(limit)), waiting: make(chan struct{}, waitingWithin(limit))}
	if err := s.openRoot(); err != nil {
		return nil, err
	}
	if err := s.sweep(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) openRoot() error {
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, root)
	s.root.Store(root)
	return nil
}

// Close releases the directory. Open readers stay usable.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, root := range s.opened {
		errs = append(errs, root.Close())
	}
	s.opened = nil
	return errors.Join(errs...)
}

// Check returns an error unless the directory exists and has the marker. If the directory
// was mounted again since it was opened, Check reopens it.
func (s *Store) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.id != "" {
		if err := marker.Check(s.path, s.id); err != nil {
			return err
		}
	}
	there, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	opened, err := s.root.Load().Stat(".")
	if err != nil || !os.SameFile(there, opened) {
		return s.openRoot()
	}
	return nil
}

// Layout returns the layout of Cinder's posix driver.
func (s *Store) Layout() layout.Layout { return layout.Posix{} }

// Delete removes objects and the directories that become empty.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	changed := map[string]bool{} // directories
	for _, key := range keys {
		if err := errors.Join(ctx.Err(), check(key)); err != nil {
			return err
		}
		err := s.root.Load().Remove(key)
		switch {
		case err == nil:
			changed[path.Dir(key)] = true
		case !missing(err):
			return err
		}
	}
	for d := range changed {
		if err := s.syncDir(s.prune(d)); err != nil && !missing(err) {
			return err
		}
	}
	return nil
}

// prune removes directory d and its parents while they are empty. It returns the first
// directory that stays.
func (s *Store) prune(d string) string {
	for ; d != "."; d = path.Dir(d) {
		if err := s.root.Load().Remove(d); err != nil && !missing(err) {
			return d
		}
	}
	return d
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

// list walks d, whose keys may begin with prefix, until yield returns false.
func (s *Store) list(ctx context.Context, d, prefix string, yield func(string, error) bool) bool {
	f, err := s.root.Load().Open(d)
	if missing(err) {
		return true
	}
	if err != nil {
		yield("", err)
		return false
	}
	defer f.Close()
	for {
		// Read in pieces: a container may hold the objects of a thousand backups.
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
			case e.Type().IsRegular() && strings.HasPrefix(key, prefix) && !reserved(e.Name()):
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

// missing reports whether err means that the object does not exist. That includes a file in
// place of a directory in its path, and a name that is too long for the file system.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// check refuses keys that are not plain paths below the root.
func check(key string) error {
	if key == "." || !fs.ValidPath(key) || strings.Contains(key, "\x00") {
		return fmt.Errorf("dir: %q is no object key", key)
	}
	if reserved(path.Base(key)) {
		return fmt.Errorf("dir: the name of object %q is reserved", key)
	}
	return nil
}

// reserved reports whether name is that of a file that is not an object.
func reserved(name string) bool {
	return strings.HasPrefix(name, tempPrefix) || strings.HasPrefix(name, marker.Name)
}
