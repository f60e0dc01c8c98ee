package chunked

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"io"

	"cindergate/internal/chunk"
)

// ScrubOptions tune [Scrub].
type ScrubOptions struct {
	// Sample decides for each data object whether its bytes are read; nil: all are read.
	Sample func() bool
}

// Scrubbed reports what [Scrub] read.
type Scrubbed struct {
	Objects int      // data objects whose bytes were read
	Bytes   int64    // of the volume, in these objects
	Damaged []Damage // at most maxDamages; empty: nothing is damaged
}

// Damage is one fault of a stored backup.
type Damage struct {
	// Object is the data object, as in [Uses]; "" if the metadata, the digests or the
	// listing are damaged, so that no byte of the backup can be trusted.
	Object string
	Reason string // a sentence for the backup's fail_reason
	// Inherited says that the digests of the backup and of its parent do not agree. Either
	// may be wrong; [Restorable] tells whether the backup can be restored.
	Inherited bool
}

// maxDamages limits the length of a report.
const maxDamages = 1000

// Scrub checks one backup of size bytes as it lies in the store, without its parents'
// data: the listing, the metadata, all digests, and the bytes of its own data objects. The
// blocks of an incremental backup that are not in its own objects must have the digests
// that parent has. So a backup can be restored if Scrub finds no damage in it and in its
// ancestors.
//
// An error says that the store did not answer, and nothing about the backup.
func Scrub(ctx context.Context, store chunk.Store, level Level, parent *Location, size int64, o ScrubOptions) (Scrubbed, error) {
	v := &scrubber{store: store, at: level.Location, options: o}
	err := v.run(ctx, level, parent, size)
	if ctx.Err() != nil {
		return v.Scrubbed, ctx.Err()
	}
	if err != nil && !IsDamage(err) {
		return v.Scrubbed, err
	}
	v.found("", err)
	return v.Scrubbed, nil
}

// IsDamage reports whether an error of this package is about the content of a backup, as
// opposed to a store that does not answer. An object that is missing from a store that
// answers is damage.
func IsDamage(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return !errors.As(err, new(storeFailure))
}

type scrubber struct {
	Scrubbed
	store   chunk.Store
	at      Location
	options ScrubOptions
	hasher  *blockHasher
}

// found records a damage.
func (v *scrubber) found(object string, err error) {
	var e *Error
	if errors.As(err, &e) && len(v.Damaged) < maxDamages {
		v.Damaged = append(v.Damaged, Damage{object, e.Reason, errors.Is(err, errInherited)})
	}
}

func (v *scrubber) run(ctx context.Context, level Level, parent *Location, size int64) error {
	own, info, err := loadDigests(ctx, v.store, v.at, size)
	if err != nil {
		return err
	}
	defer own.close()
	p := &plan{size: size, blockSize: info.blockSize}
	if err := p.checkDigests(level.Location, info); err != nil {
		return err
	}
	v.hasher = newBlockHasher(p.blockSize, size)
	m, err := p.loadLevel(ctx, v.store, level)
	if err != nil {
		return err
	}
	if level.ParentID == "" {
		if err := p.complete(m.objects); err != nil {
			return err
		}
	}
	if err := checkListing(ctx, v.store, v.at, m.objects); err != nil {
		return err
	}
	w := &digestWalk{own: own, blockSize: p.blockSize, size: size}
	if parent != nil {
		old, info, err := loadDigests(ctx, v.store, *parent, 0)
		if err != nil {
			return err
		}
		defer old.close()
		if info.blockSize != p.blockSize {
			return wrap(errInherited, "Its blocks have %d bytes and those of its parent %d.", p.blockSize, info.blockSize)
		}
		w.parent, w.parentCount = old, info.count
	}
	for _, o := range m.objects {
		if err := w.inherited(o.offset / p.blockSize); err != nil {
			return err
		}
		if v.options.Sample == nil || v.options.Sample() {
			err := v.read(ctx, w, o)
			if ctx.Err() != nil || w.err != nil || err != nil && !IsDamage(err) {
				return errors.Join(ctx.Err(), w.err, err)
			}
			v.found(o.suffix, err)
			v.Objects++
			v.Bytes += o.length
		}
		w.skip((o.end() + p.blockSize - 1) / p.blockSize)
	}
	return w.inherited((size + p.blockSize - 1) / p.blockSize)
}

// read checks an object's length, its MD5, and the digests of its blocks. A block that lies
// in two objects has only the MD5s of both; Cinder's objects begin and end at blocks.
func (v *scrubber) read(ctx context.Context, w *digestWalk, o object) error {
	if o.isHole() {
		if same, err := v.isOurHole(ctx, o); err != nil || same {
			return errors.Join(err, v.readHole(w, o))
		}
	}
	name := v.at.name(o.suffix)
	stored, err := v.store.Get(ctx, v.at.key(o.suffix))
	if err != nil {
		return getError(err, name)
	}
	defer stored.Close()
	z, err := stream(tell{stored}, o.kind)
	if err != nil {
		return objectError(ctx, err, name)
	}
	defer z.Close()
	sum := md5.New()
	wrong := int64(-1) // the first block whose digest differs
	block := make([]byte, min(w.blockSize, o.length))
	for at := o.offset; at < o.end() && w.err == nil; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(w.blockSize-at%w.blockSize, o.end()-at)
		if _, err := io.ReadFull(z, block[:n]); err != nil {
			return objectError(ctx, err, name)
		}
		sum.Write(block[:n])
		if want := w.of(at, n); want != nil && wrong < 0 && v.hasher.sum(block[:n]) != *want {
			wrong = at
		}
		at += n
	}
	if w.err != nil {
		return w.err
	}
	if err := atEnd(z); err != nil {
		return objectError(ctx, err, name)
	}
	if [md5.Size]byte(sum.Sum(nil)) != o.md5 {
		return errorf("The MD5 of object %s is not that in the metadata.", name)
	}
	if wrong >= 0 {
		return errorf("The block at %d in object %s is not what was backed up.", wrong, name)
	}
	return nil
}

// isOurHole reports whether the store has, byte for byte, what [Write] stores for a hole.
// That spares decompressing a TiB of zeroes.
func (v *scrubber) isOurHole(ctx context.Context, o object) (bool, error) {
	want, kind := encodeZeroes(o.kind, o.length)
	if kind != o.kind {
		return false, nil
	}
	name := v.at.name(o.suffix)
	stored, err := v.store.Get(ctx, v.at.key(o.suffix))
	if err != nil {
		return false, getError(err, name)
	}
	defer stored.Close()
	got, err := io.ReadAll(io.LimitReader(tell{stored}, int64(len(want))+1))
	if err != nil {
		return false, objectError(ctx, err, name)
	}
	return bytes.Equal(got, want), nil
}

// readHole checks the digests of the blocks of an object that holds only zeroes.
func (v *scrubber) readHole(w *digestWalk, o object) error {
	for at := o.offset; at < o.end(); {
		n := min(w.blockSize-at%w.blockSize, o.end()-at)
		if want := w.of(at, n); want != nil && *want != v.hasher.zeroBlock(at/w.blockSize) {
			return errorf("The block at %d in object %s is not what was backed up.", at, v.at.name(o.suffix))
		}
		at += n
	}
	return w.err
}

var errInherited = errors.New("digests do not agree")

// digestWalk reads the digests of a backup and of its parent, side by side, once.
type digestWalk struct {
	own, parent     *digestReader // parent: nil for a full backup
	parentCount     int64
	blockSize, size int64

	at        int64 // the next block
	mine, old digest
	err       error // of the first read that failed
}

// step reads the digests of the next block.
func (w *digestWalk) step() bool {
	if w.err == nil {
		w.err = w.one(w.own, &w.mine)
	}
	if w.err == nil && w.at < w.parentCount {
		w.err = w.one(w.parent, &w.old)
	}
	w.at++
	return w.err == nil
}

func (w *digestWalk) one(d *digestReader, to *digest) error {
	var one [1]digest
	err := d.fill(one[:])
	*to = one[0]
	return err
}

// skip moves to a block.
func (w *digestWalk) skip(block int64) {
	for w.at < block && w.step() {
	}
}

// of returns the digest of the n bytes at an offset; nil if they are no whole block.
func (w *digestWalk) of(at, n int64) *digest {
	block := at / w.blockSize
	if at%w.blockSize != 0 || n != min(w.blockSize, w.size-at) || block < w.at {
		return nil
	}
	w.skip(block)
	if !w.step() {
		return nil
	}
	return &w.mine
}

// inherited moves to a block. The blocks until then are in none of the backup's objects, so
// their digests must be the parent's.
func (w *digestWalk) inherited(block int64) error {
	for w.at < block && w.step() {
		if w.at > w.parentCount || w.mine != w.old {
			return wrap(errInherited, "The block at %d is in no object of this backup, and is not the one of the backup before.", (w.at-1)*w.blockSize)
		}
	}
	return w.err
}

// Restorable makes all checks of [Restore] of the last backup of chain, of size bytes. It
// reads everything that the restore would read.
func Restorable(ctx context.Context, store chunk.Store, size int64, chain []Level) error {
	if err := checkDigestsOfParents(ctx, store, chain); err != nil {
		return err
	}
	_, err := restore(ctx, store, size, chain, nowhere{})
	return err
}

// nowhere is a sink that forgets.
type nowhere struct{}

func (nowhere) write([]byte, int64) error        { return nil }
func (nowhere) zero(context.Context, span) error { return nil }

// Uses reports whether a restore of the last backup of chain, of size bytes, reads one of
// the damaged objects. damaged says so of the backup with an id.
func Uses(ctx context.Context, store chunk.Store, size int64, chain []Level, damaged func(backupID, object string) bool) (bool, error) {
	p, err := loadPlan(ctx, store, size, chain)
	if err != nil {
		return false, err
	}
	p.digests.close()
	c := newCutter(p)
	for off := int64(0); off < p.size; off += p.window {
		for _, part := range c.cut(off, min(off+p.window, p.size)) {
			if damaged(p.levels[part.level].backupID, part.object.suffix) {
				return true, nil
			}
		}
	}
	return false, nil
}
