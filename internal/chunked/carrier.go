package chunked

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
)

// Carrier is a backup that another cinder-backup wrote and whose content is replaced by other
// content, so that a restore brings that one. Its methods may be called concurrently.
type Carrier struct {
	Location
	// BackupID, ParentID and VolumeID are those of the carrier. ParentID is "" for a full
	// backup.
	BackupID, ParentID, VolumeID string
	// VolumeMeta is the volume_meta of the carrier; nil: null.
	VolumeMeta *string
	BlockSize  int64   // of its digests, in bytes
	Entries    []Entry // its data objects, in order, when it was opened

	store chunk.Store
	size  int64
	spec  Spec
	zlib  *compressor
}

// Entry is a data object.
type Entry struct {
	Suffix         string // of the object's name, after the prefix: "-00001"
	Offset, Length int64  // bytes of the volume
	MD5            [md5.Size]byte
	Compression    Compression
}

// OpenCarrier reads the description of a backup of size bytes. It does not read its digests:
// a carrier whose content is being replaced has none that fit.
func OpenCarrier(ctx context.Context, store chunk.Store, at Location, size int64) (*Carrier, error) {
	if err := at.check(); err != nil {
		return nil, err
	}
	d, err := openDigests(ctx, store, at)
	if err != nil {
		return nil, err
	}
	_, err = d.header()
	d.close()
	if err != nil {
		return nil, err
	}
	if !validBlockSize(d.blockSize) {
		return nil, errorf("The digests of %s have blocks of %d bytes.", at.Prefix, d.blockSize)
	}
	m, err := loadMetadata(ctx, store, at, size, (size+d.blockSize-1)/d.blockSize)
	if err != nil {
		return nil, err
	}
	c := &Carrier{Location: at, BackupID: m.backupID, ParentID: m.parentID, VolumeMeta: m.volumeMeta, BlockSize: d.blockSize, store: store, size: size}
	var created string
	if err := errors.Join(optional(m.volumeID, &c.VolumeID), optional(m.name, &c.spec.Name), optional(m.description, &c.spec.Description),
		optional(m.createdAt, &created)); err != nil {
		return nil, damaged(err, at.name(metadataSuffix))
	}
	c.spec.Location, c.spec.BackupID, c.spec.VolumeID, c.spec.ParentID, c.spec.BlockSize = at, c.BackupID, c.VolumeID, c.ParentID, c.BlockSize
	c.spec.CreatedAt = parsePythonTime(created)
	for _, o := range m.objects {
		c.Entries = append(c.Entries, Entry{o.suffix, o.offset, o.length, o.md5, o.kind})
	}
	c.zlib, err = newCompressor(Zlib)
	return c, err
}

func optional(raw json.RawMessage, into any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// parsePythonTime reads str() of a datetime; the zero time if it is none. No restore uses it.
func parsePythonTime(text string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999999-07:00", "2006-01-02 15:04:05.999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// Put stores bytes of the volume as a data object, with zlib where that makes it smaller: every
// cinder-backup reads that.
func (c *Carrier) Put(ctx context.Context, suffix string, offset int64, data []byte) (Entry, error) {
	e := Entry{Suffix: suffix, Offset: offset, Length: int64(len(data)), MD5: md5.Sum(data), Compression: None}
	stored := data
	if c.zlib.worthwhile(data) {
		if z, ok := c.zlib.compress(make([]byte, 0, len(data)/2), data); ok {
			stored, e.Compression = z, Zlib
		}
	}
	return e, c.put(ctx, suffix, stored)
}

// Zeroes stores a data object of zeroes. length is at most [MaxHole].
func (c *Carrier) Zeroes(ctx context.Context, suffix string, offset, length int64) (Entry, error) {
	stored, _ := encodeZeroes(Zlib, length)
	return ZeroesEntry(suffix, offset, length), c.put(ctx, suffix, stored)
}

// ZeroesEntry returns the entry of an object that [Carrier.Zeroes] stores.
func ZeroesEntry(suffix string, offset, length int64) Entry {
	_, kind := encodeZeroes(Zlib, length)
	return Entry{suffix, offset, length, zeroMD5(length), kind}
}

// MaxHole is the largest object of zeroes, in bytes.
const MaxHole = maxHole

func (c *Carrier) put(ctx context.Context, suffix string, stored []byte) error {
	body := func() (io.Reader, error) { return bytes.NewReader(stored), nil }
	if err := c.store.Put(ctx, c.key(suffix), body, int64(len(stored))); err != nil {
		return putError(err, c.name(suffix))
	}
	return nil
}

// Describe makes the store have exactly the data objects in entries, which must be stored
// already, and writes the digests of all blocks and then the metadata. digests returns 32
// bytes for each block. volumeMeta is what a restore does to the volume; nil: nothing.
func (c *Carrier) Describe(ctx context.Context, entries []Entry, digests func() io.Reader, volumeMeta *string) error {
	objects := make([]object, len(entries))
	end := int64(0)
	for i, e := range entries {
		if e.Offset < end || e.Length <= 0 || e.Offset+e.Length > c.size {
			return errorf("Object %s covers %d bytes at %d, which is out of order or not within the volume.", c.name(e.Suffix), e.Length, e.Offset)
		}
		end = e.Offset + e.Length
		objects[i] = object{offset: e.Offset, length: e.Length, md5: e.MD5, kind: e.Compression, suffix: e.Suffix}
	}
	if err := c.deleteOthers(ctx, objects); err != nil {
		return err
	}
	spec := c.spec
	spec.VolumeMeta = volumeMeta
	w := &writer{store: c.store, spec: spec}
	if err := w.putText(ctx, digestsSuffix, func() io.Reader { return digestsText(spec, digests()) }); err != nil {
		return err
	}
	if err := w.putText(ctx, metadataSuffix, func() io.Reader { return metadataText(spec, objects) }); err != nil {
		return err
	}
	return c.settle(ctx, objects)
}

// Bounds of [Carrier.settle].
const (
	settleAfter = 15 * time.Minute
	settlePause = time.Second
)

// settle waits until the store's listing is right: a restore by Cinder compares it with the
// metadata, and a listing may lag.
func (c *Carrier) settle(ctx context.Context, objects []object) error {
	for began := time.Now(); ; {
		l, err := list(ctx, c.store, c.Location, objects)
		if err != nil || l.equal() {
			return err
		}
		if time.Since(began) > settleAfter {
			return errorf("The listing of %s still differs from its objects after %s.", c.Prefix, settleAfter)
		}
		timer := time.NewTimer(settlePause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// deleteOthers deletes the data objects that are not listed: a restore by Cinder wants none.
func (c *Carrier) deleteOthers(ctx context.Context, objects []object) error {
	keep := make(map[string]bool, len(objects))
	for _, o := range objects {
		keep[o.suffix] = true
	}
	var others []string
	flush := func() error {
		if err := c.store.Delete(ctx, others...); err != nil {
			return wrap(err, "The objects of %s could not be deleted from the backup store.", c.Prefix)
		}
		others = others[:0]
		return nil
	}
	prefix := c.key("")
	for key, err := range c.store.List(ctx, prefix+"-") {
		if err != nil {
			return listError(err, c.Location)
		}
		if keep[strings.TrimPrefix(key, prefix)] {
			continue
		}
		if others = append(others, key); len(others) == deleteBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(others) == 0 {
		return nil
	}
	return flush()
}

// Find returns where the objects of a backup are, from the names in a container of the store.
// Without such objects the error is [fs.ErrNotExist].
func Find(ctx context.Context, store chunk.Store, container, volumeID, backupID string) (Location, error) {
	l := store.Layout()
	b := layout.Backup{ID: backupID, VolumeID: volumeID}
	found := map[string]bool{}
	for key, err := range store.List(ctx, container+"/"+l.Attempts(b)) {
		if err != nil {
			return Location{}, err
		}
		_, name := l.Split(key)
		prefix, ok := l.Attempt(b, name)
		if ok && name == prefix+metadataSuffix {
			found[prefix] = true
		}
	}
	if len(found) == 0 {
		return Location{}, fmt.Errorf("container %s has no objects of backup %s: %w", container, backupID, fs.ErrNotExist)
	}
	if len(found) > 1 {
		return Location{}, errorf("Container %s has %d times the objects of backup %s.", container, len(found), backupID)
	}
	for prefix := range found {
		return Location{Container: container, Prefix: prefix}, nil
	}
	return Location{}, nil // unreachable
}

// ChainOf returns the levels of a backup, the full one first. location says where the objects
// of a backup are.
func ChainOf(ctx context.Context, store chunk.Store, backupID string, size int64, location func(ctx context.Context, id string) (Location, error)) ([]Level, error) {
	const most = 10000
	var chain []Level
	for id := backupID; id != ""; {
		if len(chain) == most {
			return nil, errorf("The chain of backup %s has more than %d backups.", backupID, most)
		}
		at, err := location(ctx, id)
		if err != nil {
			return nil, err
		}
		m, err := loadMetadata(ctx, store, at, size, size/minBlockSize+1)
		if err != nil {
			return nil, err
		}
		if m.backupID != id {
			return nil, errorf("Object %s is of backup %.64q, not %s.", at.name(metadataSuffix), m.backupID, id)
		}
		chain = append([]Level{{Location: at, BackupID: id, ParentID: m.parentID}}, chain...)
		id = m.parentID
	}
	return chain, nil
}
