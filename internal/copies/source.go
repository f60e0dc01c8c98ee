package copies

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cindergate/driver"
	"cindergate/internal/move"
)

// source reads the backup that is copied, and the one that its copy is incremental on. It makes
// nothing.
type source struct{ job driver.Copy }

var _ move.Source = (*source)(nil)

func volumeOf(job driver.Copy) move.Volume {
	v := move.Volume{ID: job.Backup.VolumeID, Size: job.Content.Size(), Name: text(job.Volume.Name), Description: text(job.Volume.Description),
		Bootable: job.Volume.Bootable, ImageMetadata: job.Volume.ImageMetadata, Encrypted: job.Backup.EncryptionKeyID != ""}
	v.Metadata, _ = move.Travels(job.Volume.Metadata) // that names backends of this gateway
	return v
}

func pointOf(b driver.Backup, size int64) move.Point {
	p := move.Point{ID: b.ID, Name: text(b.Name), Description: text(b.Description), Size: size, Taken: b.DataTimestamp, Incremental: b.ParentID != ""}
	p.Metadata, _ = move.Travels(b.Metadata)
	if p.Taken.IsZero() {
		p.Taken = b.CreatedAt
	}
	return p
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (s *source) Assess(context.Context) (move.Assessment, error) { return move.Assessment{}, nil }

func (s *source) Describe(context.Context) (move.Volume, error) { return volumeOf(s.job), nil }

func (s *source) Chain(context.Context) ([]move.Point, error) {
	return []move.Point{pointOf(s.job.Backup, s.job.Content.Size())}, nil
}

func (s *source) Freeze(context.Context, int) (move.Point, error) {
	return move.Point{}, errors.New("a backup is frozen already")
}

func (s *source) Open(ctx context.Context, p move.Point) (move.Content, error) {
	switch {
	case p.ID == s.job.Backup.ID:
		return bytesOf{s.job.Content}, nil
	case s.job.Parent != nil && p.ID == s.job.Parent.Backup.ID:
		c, err := s.job.Parent.Open(ctx)
		return bytesOf{c}, err
	}
	return nil, fmt.Errorf("%w: backup %s is not at hand", move.ErrNoBase, p.ID)
}

func (s *source) Release(context.Context) error               { return nil }
func (s *source) Leftovers(context.Context) ([]string, error) { return nil, nil }

// bytesOf is the content of a backup as the engine reads it.
type bytesOf struct{ driver.Content }

var _ move.Content = bytesOf{}

func (b bytesOf) Grid() int64  { return 0 }
func (b bytesOf) Close() error { return nil }

func (b bytesOf) Copy(ctx context.Context, w io.Writer, from, to int64) error {
	out := &remembering{w: w}
	return out.blame(b.Content.Copy(ctx, out, from, to))
}

func (b bytesOf) Digests(ctx context.Context, w io.Writer) (int64, error) {
	out := &remembering{w: w}
	return b.BlockSize(), out.blame(b.CopyDigests(ctx, out, 0, b.DigestsSize()))
}

// remembering is a writer that remembers whether it failed, which tells its errors from those of
// the content.
type remembering struct {
	w      io.Writer
	failed bool
}

func (r *remembering) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	r.failed = r.failed || err != nil
	return n, err
}

func (r *remembering) blame(err error) error {
	if err == nil || r.failed {
		return err
	}
	return &sourceError{err}
}

// sourceError is an error of the content that is copied.
type sourceError struct{ err error }

func (s *sourceError) Error() string { return s.err.Error() }
func (s *sourceError) Unwrap() error { return s.err }
