package chunked

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
	"cindergate/internal/direct"
)

// MergeSpec says where and how to write a merged level.
type MergeSpec struct {
	Location                // of the new objects
	ParentID    string      // of the backup before the first level; "" if that is a full one
	CreatedAt   time.Time   // of the last level's backup
	Compression Compression // of the objects that are written again; "": zstd
}

// Merged reports what [Merge] did.
type Merged struct {
	Objects      int   // data objects of the new level: Cinder's object_count
	Copied       int   // of them, those that the store has copied
	WrittenBytes int64 // bytes of data objects as stored, of those that were written again
	DataBytes    int64 // as in [Summary]
	ReadBytes    int64 // bytes of the volume that were read for them
}

// Merge writes the last levels of a chain as one level: that of the last backup, which then needs no
// backup of the levels before it, but the parent of the first of them. If the first one is full, so is the
// result. The levels stay as they are.
//
// Objects that no later level covers, or that nothing is left of, cost no bytes: the store copies
// or leaves them. Only those that are covered in part are read and written again, and each of
// their blocks is compared with its digest. If Merge returns nil, the level is complete and durable; otherwise the
// caller must remove it with [Delete]. Unless ctx has ended, errors are or wrap [*Error].
func Merge(ctx context.Context, store chunk.Store, size int64, levels []Level, spec MergeSpec) (Merged, error) {
	if len(levels) < 2 || size <= 0 {
		return Merged{}, errorf("There is nothing to merge.")
	}
	if err := spec.check(); err != nil {
		return Merged{}, err
	}
	m := &merger{store: store, size: size, spec: spec, last: levels[len(levels)-1]}
	if err := m.load(ctx, levels); err != nil {
		return Merged{}, err
	}
	defer m.plan.digests.close()
	return m.run(ctx)
}

// merger is the state of one running Merge.
type merger struct {
	store chunk.Store
	size  int64
	spec  MergeSpec
	last  Level
	plan  *plan
	w     *writer

	mu     sync.Mutex
	result Merged
}

// load reads and checks what describes the levels.
func (m *merger) load(ctx context.Context, levels []Level) error {
	p := &plan{size: m.size}
	digests, info, err := loadDigests(ctx, m.store, m.last.Location, m.size)
	if err != nil {
		return err
	}
	p.digests, p.blockSize = digests, info.blockSize
	m.plan = p
	if err := m.loadLevels(ctx, levels, info); err != nil {
		digests.close()
		return err
	}
	return nil
}

func (m *merger) loadLevels(ctx context.Context, levels []Level, info digestsInfo) error {
	p := m.plan
	if err := p.checkDigests(m.last.Location, info); err != nil {
		return err
	}
	parent := m.spec.ParentID
	for _, level := range levels {
		loaded, err := p.loadLevel(ctx, m.store, level)
		if err != nil {
			return err
		}
		if loaded.parentID != parent {
			return errorf("Backup %s is no child of the backup before it in the chain.", level.BackupID)
		}
		parent = loaded.backupID
		if err := checkListing(ctx, m.store, level.Location, loaded.objects); err != nil {
			return err
		}
		p.levels = append(p.levels, planLevel{level.Location, loaded})
	}
	return nil
}

// output is one object of the new level.
type output struct {
	parts   []extent
	object  object
	digests []digest // of the whole blocks in it, if it is written again
}

func (o *output) span() span { return span{o.parts[0].from, o.parts[len(o.parts)-1].to} }

// copied reports whether the store copies the object.
func (o *output) copied() bool { return len(o.parts) == 1 && o.parts[0].whole() }

func (m *merger) run(ctx context.Context) (Merged, error) {
	groups := pieces(overlay(m.plan.levels))
	if len(groups) > maxObjects {
		return Merged{}, errorf("The backup has more than %d objects, and could not be restored. Do a full backup.", maxObjects)
	}
	outputs := make([]output, len(groups))
	longest := int64(1)
	for i, parts := range groups {
		outputs[i] = output{parts: parts}
		outputs[i].object = object{offset: parts[0].from, length: outputs[i].span().length(), suffix: dataSuffix(i + 1)}
		if outputs[i].copied() {
			o := &outputs[i].object
			o.md5, o.kind = parts[0].object.md5, parts[0].object.kind
			continue
		}
		for _, e := range parts {
			if !e.object.isHole() {
				longest = max(longest, e.object.length)
			}
		}
	}
	if m.spec.ParentID == "" {
		objects := make([]object, len(outputs))
		for i := range outputs {
			objects[i] = outputs[i].object
		}
		if err := m.plan.complete(objects); err != nil {
			return Merged{}, err
		}
	}
	if longest > MaxChunkSize {
		return Merged{}, errorf("An object of %d bytes is too long to be written again.", longest)
	}
	if err := m.open(longest); err != nil {
		return Merged{}, err
	}
	defer m.close()
	if err := m.writeAll(ctx, outputs, longest); err != nil {
		return Merged{}, err
	}
	if err := m.copyAll(ctx, outputs); err != nil {
		return Merged{}, err
	}
	m.result.Objects = len(outputs)
	m.result.WrittenBytes = m.w.stored.Load()
	for i := range outputs {
		m.result.DataBytes += outputs[i].object.dataBytes()
	}
	return m.result, m.describe(ctx, outputs)
}

// open prepares to write objects of up to longest bytes.
func (m *merger) open(longest int64) error {
	spec := Spec{Location: m.spec.Location, Compression: m.spec.Compression, BlockSize: m.plan.blockSize}
	if spec.Compression == "" {
		spec.Compression = Zstd
	}
	if !spec.Compression.writable() {
		return errorf("Compression %.32q cannot be written.", string(spec.Compression))
	}
	m.w = &writer{store: m.store, spec: spec, size: m.size, hasher: newBlockHasher(m.plan.blockSize, m.size), md5: newMD5Server()}
	var err error
	if m.w.compressor, err = newCompressor(spec.Compression); err != nil {
		m.w.md5.close()
		return wrap(err, "Compression failed.")
	}
	raw, compressed := workers(longest)
	m.w.raw = direct.NewPool(2*raw, int(longest)) // for the object that is read, and for the one that is made
	m.w.compressed = direct.NewPool(compressed, int(longest)+encodeSlack)
	return nil
}

func (m *merger) close() {
	m.w.md5.close()
	m.w.raw.Close()
	m.w.compressed.Close()
}

// writeAll writes the objects that the store cannot copy. They are durable when it returns nil.
func (m *merger) writeAll(ctx context.Context, outputs []output, longest int64) error {
	if batcher, ok := m.store.(chunk.Batcher); ok {
		m.w.batch = batcher.Batch()
		defer m.w.batch.Close()
	}
	read := &objectReader{store: m.store, md5: newMD5Server(), scratch: direct.NewPool(2, int(longest)+encodeSlack)}
	defer func() {
		read.md5.close()
		read.decompressor.close()
		read.scratch.Close()
	}()
	raw, _ := workers(longest)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(raw)
	at := int64(0) // the block that the next digest is of
	for i := range outputs {
		o := &outputs[i]
		if o.copied() {
			continue
		}
		if err := m.loadDigestsOf(o, &at); err != nil {
			return firstError(err, group.Wait())
		}
		group.Go(safely(func() error { return m.write(gctx, read, o) }))
		if gctx.Err() != nil {
			break
		}
	}
	if err := firstError(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	if m.w.batch == nil {
		return nil
	}
	if err := m.w.batch.Flush(ctx); err != nil {
		return putError(err, m.spec.name(""))
	}
	return nil
}

// loadDigestsOf reads the digests of the whole blocks of an object. at is the number of the next one.
func (m *merger) loadDigestsOf(o *output, at *int64) error {
	s, block := o.span(), m.plan.blockSize
	if o.parts[0].object.isHole() { // its bytes are not read
		return nil
	}
	first := (s.from + block - 1) / block
	end := s.to / block
	if s.to == m.size {
		end = m.plan.blocks()
	}
	if first >= end {
		return nil
	}
	if err := m.plan.digests.skip(first - *at); err != nil {
		return err
	}
	o.digests = make([]digest, end-first)
	*at = end
	return m.plan.digests.fill(o.digests)
}

// write assembles one object of its parts, checks it and stores it.
func (m *merger) write(ctx context.Context, read *objectReader, o *output) error {
	s := o.span()
	c := &chunkWriter{writer: m.w, job: job{blocks: s}}
	defer c.release()
	hole := o.parts[0].object.isHole()
	if !hole {
		var err error
		if c.buf, err = m.assemble(ctx, read, o); err != nil {
			return err
		}
		first := (s.from + m.plan.blockSize - 1) / m.plan.blockSize
		for i, want := range o.digests {
			block := m.w.hasher.block(first + int64(i))
			if m.w.hasher.sum(c.bytes(block)) != want {
				return errorf("The block at %d is not what was backed up.", block.from)
			}
		}
	}
	put, err := c.put(ctx, piece{s, hole}, o.object.suffix, true)
	if err == nil {
		o.object.md5, o.object.kind = put.md5, put.kind
	}
	return err
}

// assemble returns the bytes of an object, in a buffer of the writer's pool.
func (m *merger) assemble(ctx context.Context, read *objectReader, o *output) (_ []byte, err error) {
	buf, err := m.w.raw.Get(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.w.raw.Put(buf)
		}
	}()
	s := o.span()
	buf = buf[:s.length()]
	base, err := m.w.raw.Get(ctx)
	if err != nil {
		return nil, err
	}
	defer m.w.raw.Put(base)
	loaded := false // base has the object that the output begins with
	for _, e := range o.parts {
		dst := buf[e.from-s.from : e.to-s.from]
		if e.whole() {
			if err := m.fetch(ctx, read, e, dst); err != nil {
				return nil, err
			}
			continue
		}
		if !loaded {
			if err := m.fetch(ctx, read, e, base[:e.object.length]); err != nil {
				return nil, err
			}
			loaded = true
		}
		copy(dst, base[e.from-e.object.offset:e.to-e.object.offset])
	}
	return buf, nil
}

func (m *merger) fetch(ctx context.Context, read *objectReader, e extent, dst []byte) error {
	m.mu.Lock()
	m.result.ReadBytes += int64(len(dst))
	m.mu.Unlock()
	return read.whole(ctx, m.plan.levels[e.level].Location, e.object, dst)
}

// copyBatch is how many objects the store copies at a time.
const copyBatch = 512

// copyAll has the store copy the other objects, and the digests.
func (m *merger) copyAll(ctx context.Context, outputs []output) error {
	pairs := []chunk.Pair{{From: m.last.key(digestsSuffix), To: m.spec.key(digestsSuffix)}}
	for i := range outputs {
		o := &outputs[i]
		if !o.copied() {
			continue
		}
		e := o.parts[0]
		pairs = append(pairs, chunk.Pair{From: m.plan.levels[e.level].key(e.object.suffix), To: m.spec.key(o.object.suffix)})
		m.result.Copied++
	}
	for len(pairs) > 0 {
		n := min(len(pairs), copyBatch)
		if err := copyObjects(ctx, m.store, pairs[:n]); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return putError(err, m.spec.name(""))
		}
		pairs = pairs[n:]
	}
	return nil
}

// copyObjects copies objects. If the store cannot do it, their bytes pass through here.
func copyObjects(ctx context.Context, store chunk.Store, pairs []chunk.Pair) error {
	if copier, ok := store.(chunk.Copier); ok {
		return copier.Copy(ctx, pairs...)
	}
	for _, p := range pairs {
		if err := copyObject(ctx, store, p); err != nil {
			return err
		}
	}
	return nil
}

func copyObject(ctx context.Context, store chunk.Store, p chunk.Pair) error {
	r, err := store.Get(ctx, p.From)
	if err != nil {
		return err
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(r, maxCopied+1)); err != nil {
		return err
	}
	if b.Len() > maxCopied {
		return errorf("Object %s is too long to be copied.", p.From)
	}
	body := func() (io.Reader, error) { return bytes.NewReader(b.Bytes()), nil }
	return store.Put(ctx, p.To, body, int64(b.Len()))
}

// maxCopied is the longest object that passes through memory.
const maxCopied = 256 << 20

// describe writes the metadata: that of the last level, with other objects and another parent.
func (m *merger) describe(ctx context.Context, outputs []output) error {
	target := m.plan.levels[len(m.plan.levels)-1].metadata
	spec := Spec{Location: m.spec.Location, BackupID: target.backupID, ParentID: m.spec.ParentID, CreatedAt: m.spec.CreatedAt, VolumeMeta: target.volumeMeta}
	for _, field := range []struct {
		raw json.RawMessage
		to  any
	}{{target.volumeID, &spec.VolumeID}, {target.name, &spec.Name}, {target.description, &spec.Description}} {
		if field.raw == nil {
			continue
		}
		if err := json.Unmarshal(field.raw, field.to); err != nil {
			return damaged(err, m.last.name(metadataSuffix))
		}
	}
	objects := make([]object, len(outputs))
	for i := range outputs {
		objects[i] = outputs[i].object
	}
	m.w.batch = nil // it must come last
	return m.w.putText(ctx, metadataSuffix, func() io.Reader { return metadataText(spec, objects) })
}
