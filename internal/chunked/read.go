package chunked

import (
	"context"
	"crypto/md5"
	"errors"
	"hash"
	"io"

	"cindergate/internal/chunk"
	"cindergate/internal/direct"
)

// objectReader reads data objects and checks their MD5s and lengths.
type objectReader struct {
	store        chunk.Store
	md5          *md5Server
	decompressor decompressor
	scratch      *direct.Pool // for compressed objects
}

// whole reads the whole object o of at into dst. dst has the object's length.
func (r *objectReader) whole(ctx context.Context, at Location, o object, dst []byte) error {
	name := at.name(o.suffix)
	stored, err := r.store.Get(ctx, at.key(o.suffix))
	if err != nil {
		return getError(err, name)
	}
	defer stored.Close()
	if o.kind == Zstd {
		err = r.zstd(ctx, stored, dst)
	} else {
		err = exactly(stored, o.kind, dst)
	}
	if err != nil {
		return objectError(ctx, err, name)
	}
	if r.md5.sum(dst) != o.md5 {
		return errorf("The MD5 of object %s is not that in the metadata.", name)
	}
	return nil
}

// zstd decompresses an object in one call, which is faster than streaming.
func (r *objectReader) zstd(ctx context.Context, stored io.Reader, dst []byte) error {
	buf, err := r.scratch.Get(ctx)
	if err != nil {
		return err
	}
	defer r.scratch.Put(buf)
	n, err := io.ReadFull(stored, buf)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.decompressor.into(dst, buf[:n])
	case err == nil:
		return errLength // compressed objects are shorter than raw ones
	}
	return storeFailure{err}
}

// exactly decompresses an object as a stream. The stream must have exactly len(dst) bytes.
func exactly(stored io.Reader, kind Compression, dst []byte) error {
	z, err := stream(tell{stored}, kind)
	if err != nil {
		return err
	}
	defer z.Close()
	if _, err := io.ReadFull(z, dst); err != nil {
		return err
	}
	return atEnd(z)
}

// atEnd checks that the stream has ended.
func atEnd(r io.Reader) error {
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n > 0:
		return errLength
	case err != io.EOF:
		return err
	}
	return nil
}

// tell wraps the errors of a reader in [storeFailure].
type tell struct{ r io.Reader }

func (t tell) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err != nil && err != io.EOF {
		err = storeFailure{err}
	}
	return n, err
}

// objectError explains why an object could not be read.
func objectError(ctx context.Context, err error, name string) error {
	var failed storeFailure
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &failed):
		return getError(failed.error, name)
	case errors.Is(err, errLength), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return wrap(err, "Object %s does not have the length that the metadata says.", name)
	}
	return wrap(err, "Object %s cannot be decompressed.", name)
}

// straddler is an object that lies in several windows, like the 2 GB objects of Cinder's
// posix driver. Its parts are read in order.
type straddler struct {
	at     Location
	object object
	stored io.ReadCloser
	z      io.ReadCloser
	sum    hash.Hash
}

// part waits for the previous part and then reads the part p into dst.
func (s *straddler) part(ctx context.Context, store chunk.Store, p part, dst []byte) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.turn:
	}
	if p.from == 0 {
		stored, err := store.Get(ctx, s.at.key(s.object.suffix))
		if err != nil {
			return getError(err, s.at.name(s.object.suffix))
		}
		s.stored, s.sum = stored, md5.New()
		if s.z, err = stream(tell{stored}, s.object.kind); err != nil {
			return objectError(ctx, err, s.at.name(s.object.suffix))
		}
	}
	if _, err := io.ReadFull(s.z, dst); err != nil {
		return objectError(ctx, err, s.at.name(s.object.suffix))
	}
	s.sum.Write(dst)
	if p.to == s.object.length {
		if err := atEnd(s.z); err != nil {
			return objectError(ctx, err, s.at.name(s.object.suffix))
		}
		if [md5.Size]byte(s.sum.Sum(nil)) != s.object.md5 {
			return errorf("The MD5 of object %s is not that in the metadata.", s.at.name(s.object.suffix))
		}
		s.close()
	}
	close(p.next)
	return nil
}

// close releases the object's readers.
func (s *straddler) close() {
	if s.z != nil {
		_ = s.z.Close()
		s.z = nil
	}
	if s.stored != nil {
		_ = s.stored.Close()
		s.stored = nil
	}
}
