// Package chunk is what Cinder's chunked backup format needs from a place to
// keep objects: the five primitives of ChunkedBackupDriver
// (cinder/backup/chunkeddriver.py) in four methods.
package chunk

import (
	"context"
	"io"
	"iter"

	"cindergate/internal/chunk/layout"
)

// Body returns the bytes of an object from the first on, each time that it is called: a
// store that has to send an object again calls it again. The readers are not closed.
type Body func() (io.Reader, error)

// Store holds objects by key. Keys are slash-separated, relative, and have no
// empty, "." or ".." element. A Store is safe for concurrent use, and
// chunktest.Run says in code what follows in words.
type Store interface {
	// Put stores the size bytes of body under key, replacing what was there. It is
	// atomic (a reader sees the old object, none, or the whole new one) and
	// durable once it has returned nil. A body that ends early or late is an
	// error and stores nothing. A full store's error is syscall.ENOSPC.
	//
	// A reader with WriteTo is asked to write itself: bytes.Reader then hands over
	// its whole slice without a copy. The Store keeps neither the readers nor their
	// memory.
	Put(ctx context.Context, key string, body Body, size int64) error

	// Get opens an object. A missing one is an error for which
	// errors.Is(err, fs.ErrNotExist) holds. The caller closes the reader.
	Get(ctx context.Context, key string) (io.ReadCloser, error)

	// Delete removes objects, durably once it has returned nil; removing what is
	// gone is no error. After an error some of them may be left.
	Delete(ctx context.Context, keys ...string) error

	// List yields, in no particular order, every key that begins with prefix,
	// a plain string comparison. After an error it yields nothing more.
	// Objects put or deleted meanwhile may or may not be seen.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]

	// Check tells whether the store is there and is the one that was opened: one
	// that is not mounted looks empty, which must not be taken for the truth.
	Check(ctx context.Context) error

	// Layout says how containers and objects of the store are named. It is always the
	// same.
	Layout() layout.Layout
}
