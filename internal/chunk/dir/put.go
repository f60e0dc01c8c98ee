package dir

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
	"cindergate/internal/direct"
	"cindergate/internal/filelock"
)

// directFrom is the size, in bytes, from which bypassing the page cache is faster. For
// smaller objects, opening the file a second time costs more than the copy.
const directFrom = 256 << 10

// Put stores an object in five steps: it creates a temporary file in the same directory,
// writes all bytes, syncs the file, renames it, and syncs the directory.
func (s *Store) Put(ctx context.Context, key string, body chunk.Body, size int64) error {
	t, err := s.write(ctx, key, body, size)
	if err != nil {
		return err
	}
	return s.publish(ctx, []temporary{t})
}

// temporary is an object that has been written but not published.
type temporary struct {
	key, name string   // of the object and of the temporary file
	file      *os.File // locked
}

// write writes an object to a temporary file.
func (s *Store) write(ctx context.Context, key string, body chunk.Body, size int64) (t temporary, err error) {
	if err := errors.Join(ctx.Err(), check(key)); err != nil {
		return t, err
	}
	select {
	case s.puts <- struct{}{}:
		defer func() { <-s.puts }()
	case <-ctx.Done():
		return t, ctx.Err()
	}
	r, err := body()
	if err != nil {
		return t, err
	}
	t = temporary{key: key}
	if t.file, t.name, err = s.createTemp(path.Dir(key)); err != nil {
		return t, err
	}
	if err := copyTo(ctx, t.file, r, size); err != nil {
		return t, errors.Join(err, s.discard(t))
	}
	if err := errors.Join(t.file.Chmod(fileMode), ctx.Err()); err != nil {
		return t, errors.Join(err, s.discard(t))
	}
	return t, nil
}

// syncsAtOnce is how many files of a batch are synced at the same time. A file system that
// has a journal commits it once for all that wait.
const syncsAtOnce = 16

// publish makes objects durable and visible. After an error none, some or all of them are
// visible. It closes their files in any case.
func (s *Store) publish(ctx context.Context, ts []temporary) (err error) {
	renamed := 0
	defer func() {
		for i, t := range ts {
			if i < renamed {
				err = errors.Join(err, t.file.Close())
			} else {
				_ = s.discard(t)
			}
		}
	}()
	var group errgroup.Group
	group.SetLimit(syncsAtOnce)
	for _, t := range ts {
		group.Go(func() error { return errors.Join(ctx.Err(), t.file.Sync()) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	dirs := map[string]bool{}
	for _, t := range ts {
		if err := s.root.Load().Rename(t.name, t.key); err != nil {
			return err
		}
		renamed++
		dirs[path.Dir(t.key)] = true
	}
	for d := range dirs {
		if err := s.syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// discard removes an object that is not published.
func (s *Store) discard(t temporary) error {
	_ = s.root.Load().Remove(t.name)
	s.prune(path.Dir(t.key))
	return t.file.Close()
}

// createTemp creates an empty locked file in d. The lock tells sweep, in this or another
// process, that the file is being written.
func (s *Store) createTemp(d string) (*os.File, string, error) {
	var f *os.File
	var name string
	var err error
	// The directory may not exist yet, or a Delete of its last object may just have removed it; or a
	// sweep may have found the file before it was locked. That can happen again, but not forever.
	for range 100 {
		name = path.Join(d, tempPrefix+rand.Text())
		f, err = s.root.Load().OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
		if err == nil {
			err = s.lock(f, name)
		}
		switch {
		case errors.Is(err, errSwept):
		case errors.Is(err, fs.ErrNotExist) && d != ".":
			if err := s.mkdirs(d); err != nil {
				return nil, "", err
			}
		default:
			return f, name, err
		}
	}
	return nil, "", err
}

// errSwept says that a sweep took a new temporary file for that of a dead process.
var errSwept = errors.New("dir: another process removes the files that are being written")

// lock locks a new temporary file. After an error, errSwept among them, the file is closed and removed.
func (s *Store) lock(f *os.File, name string) error {
	// On a file system without locks, Try fails otherwise. Sweep removes nothing there: its Try fails as well.
	swept := errors.Is(filelock.Try(f), filelock.ErrLocked)
	var err error
	if !swept {
		swept, err = filelock.Removed(f)
	}
	if swept {
		err = errSwept
	}
	if err != nil {
		_ = s.root.Load().Remove(name)
		_ = f.Close()
	}
	return err
}

// mkdirs durably creates directory d and its parents.
func (s *Store) mkdirs(d string) error {
	parent := "."
	for name := range strings.SplitSeq(d, "/") {
		full := path.Join(parent, name)
		err := s.root.Load().Mkdir(full, dirMode)
		switch {
		case errors.Is(err, fs.ErrExist):
		case errors.Is(err, fs.ErrNotExist) && parent != ".":
			return nil // removed in the meantime: the caller retries
		case err != nil:
			return err
		default:
			// The umask restricts the mode of Mkdir.
			if err := s.root.Load().Chmod(full, dirMode); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err := s.syncDir(parent); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		parent = full
	}
	return nil
}

func (s *Store) syncDir(d string) error {
	f, err := s.root.Load().Open(d)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// copyTo writes exactly size bytes of r to f.
func copyTo(ctx context.Context, f *os.File, r io.Reader, size int64) error {
	w := &writer{ctx: ctx, left: size}
	w.to = f
	if size >= directFrom {
		d := direct.NewFile(f, true)
		defer d.Close()
		w.to = d
	}
	var err error
	if from, ok := r.(io.WriterTo); ok {
		_, err = from.WriteTo(w)
	} else {
		err = w.readFrom(r)
	}
	if err == nil && w.left != 0 {
		err = fmt.Errorf("dir: object ended %d bytes early: %w", w.left, io.ErrUnexpectedEOF)
	}
	return err
}

// writer writes consecutive pieces to a file.
type writer struct {
	ctx  context.Context
	to   io.WriterAt
	off  int64
	left int64
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if int64(len(p)) > w.left {
		return 0, errors.New("dir: object is longer than announced")
	}
	n, err := w.to.WriteAt(p, w.off)
	w.off += int64(n)
	w.left -= int64(n)
	return n, err
}

// readFrom copies r in aligned pieces, so that they can bypass the page cache.
func (w *writer) readFrom(r io.Reader) error {
	buf, err := direct.Alloc(int(min(1<<20, w.left+1)))
	if err != nil {
		return err
	}
	defer direct.Free(buf)
	for {
		n, err := io.ReadFull(r, buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}
