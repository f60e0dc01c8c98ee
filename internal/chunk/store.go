// Package chunk is the interface of a store for Cinder's chunked backup format: the five
// primitives of ChunkedBackupDriver (cinder/backup/chunkeddriver.py) in four methods.
package chunk

import (
	"context"
	"io"
	"iter"

	"cindergate/internal/chunk/layout"
)

// Body returns a reader of an object's bytes, from the first byte. A store that has to send
// an object again calls it again. The store does not close the readers.
type Body func() (io.Reader, error)

// Store holds objects by key. Keys are slash-separated, relative, and have no empty, "." or
// ".." element. A Store is safe for concurrent use. chunktest.Run tests the rules below.
type Store interface {
	// Put stores the size bytes of body under key and replaces an existing object. It is
	// atomic: a reader sees the old object, none, or the whole new one. It is durable once
	// it has returned nil. If the body ends early or late, Put returns an error and stores
	// nothing. If the store is full, the error is syscall.ENOSPC.
	//
	// If a reader has WriteTo, Put uses it: bytes.Reader then hands over its whole slice
	// without a copy. The Store keeps neither the readers nor their memory.
	Put(ctx context.Context, key string, body Body, size int64) error

	// Get opens an object. If it does not exist, errors.Is(err, fs.ErrNotExist) holds. The
	// caller closes the reader.
	Get(ctx context.Context, key string) (io.ReadCloser, error)

	// Delete removes objects; the removal is durable once it has returned nil. An object
	// that does not exist is no error. After an error some of the objects may be left.
	Delete(ctx context.Context, keys ...string) error

	// List yields, in no particular order, every key that begins with prefix (a plain
	// string comparison). After an error it yields nothing more. Objects that are stored or
	// deleted meanwhile may or may not appear.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]

	// Check returns an error unless the store is there and is the one that was opened. A
	// directory that is not mounted looks like an empty store, and must not be taken for
	// one.
	Check(ctx context.Context) error

	// Layout returns the naming of containers and objects. It is always the same.
	Layout() layout.Layout
}

// Batcher is a store that can make many objects durable together, which may cost far less
// than one by one. chunktest.Run tests it, too.
type Batcher interface {
	Store

	// Batch begins a batch of objects. The caller closes it.
	Batch() Batch
}

// Batch stores objects like [Store], but they need be neither visible nor durable before
// Flush has returned nil. A Batch is safe for concurrent use.
type Batch interface {
	// Put is Store.Put without its promise about durability. Its error may be that of
	// another object of the batch.
	Put(ctx context.Context, key string, body Body, size int64) error

	// Flush makes all objects of the batch visible and durable. After an error some of
	// them may be missing.
	Flush(ctx context.Context) error

	// Close drops the objects that have not been flushed.
	Close() error
}

// Copier is a store that copies objects by itself, so that their bytes do not pass through this
// process. chunktest.Run tests it, too.
type Copier interface {
	Store

	// Copy copies each object to a new key, and replaces an object that is there. The copies are
	// durable once it has returned nil, and stay if the objects that they were made of are deleted.
	// If an object does not exist, errors.Is(err, fs.ErrNotExist) holds. After an error some of the
	// copies may be there.
	Copy(ctx context.Context, pairs ...Pair) error
}

// Pair names an object and its copy.
type Pair struct{ From, To string }
