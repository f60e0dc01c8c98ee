package chunked

import (
	"context"
	"sync"

	"cindergate/internal/direct"
)

// smallObject is the largest size, in bytes, of an object that is compressed into a buffer
// of its own. If it took a whole chunk's buffer, other workers would have to wait.
const smallObject = 256 << 10

// chunk backs up one chunk.
func (w *writer) chunk(ctx context.Context, j job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &chunkWriter{writer: w, job: j, result: chunkResult{digests: make([]digest, (j.length+w.spec.BlockSize-1)/w.spec.BlockSize)}}
	defer c.release()
	if err := c.load(ctx); err != nil {
		return err
	}
	runs := c.runs()
	var number int
	select {
	case <-ctx.Done():
		return ctx.Err()
	case number = <-j.number:
		j.next <- number + len(runs)
	}
	for i, r := range runs {
		o, err := c.put(ctx, r, dataSuffix(number+i), i == len(runs)-1)
		if err != nil {
			return err
		}
		c.result.objects = append(c.result.objects, o)
	}
	j.done <- c.result
	return nil
}

// chunkWriter is the state of a chunk in progress.
type chunkWriter struct {
	*writer
	job
	buf    []byte // nil: all zeroes, or no longer needed
	zeroed bool   // the chunk is all zeroes
	result chunkResult
}

func (c *chunkWriter) release() {
	if c.buf != nil {
		c.raw.Put(c.buf)
		c.buf = nil
	}
}

// load reads the chunk and computes the digests of its blocks.
func (c *chunkWriter) load(ctx context.Context) error {
	size := c.spec.BlockSize
	if !c.source.data(c.off, c.off+c.length) {
		c.zeroed = true
		for i := range c.result.digests {
			c.result.digests[i] = c.hasher.zero
		}
		if last := c.length % size; last != 0 {
			c.result.digests[len(c.result.digests)-1] = zeroDigest(int(last))
		}
		return nil
	}
	buf, err := c.raw.Get(ctx)
	if err != nil {
		return err
	}
	c.buf = buf[:c.length]
	read, err := c.source.read(c.buf, c.off)
	if err != nil {
		return err
	}
	c.read.Add(read)
	c.zeroed = c.length == c.spec.ChunkSize
	for i := range c.result.digests {
		at := int64(i) * size
		d := c.hasher.sum(c.buf[at:min(at+size, c.length)])
		c.zeroed = c.zeroed && d == c.hasher.zero
		c.result.digests[i] = d
	}
	return nil
}

// run is a range within a chunk that becomes an object.
type run struct{ from, to int64 }

// runs returns the whole chunk for a full backup. For an incremental one it returns every
// longest run of blocks that differ from the parent's (chunkeddriver.py backup).
func (c *chunkWriter) runs() []run {
	if c.base == nil {
		return []run{{0, c.length}}
	}
	var runs []run
	open := false
	for i, d := range c.result.digests {
		from := int64(i) * c.spec.BlockSize
		to := min(from+c.spec.BlockSize, c.length)
		changed := d != c.base[i]
		switch {
		case changed && open:
			runs[len(runs)-1].to = to
		case changed:
			runs = append(runs, run{from, to})
		}
		open = changed
	}
	return runs
}

// put stores one run as an object. After the last run it releases the chunk's buffer.
func (c *chunkWriter) put(ctx context.Context, r run, suffix string, last bool) (object, error) {
	if err := ctx.Err(); err != nil {
		return object{}, err
	}
	o := object{offset: c.off + r.from, length: r.to - r.from, kind: None, suffix: suffix}
	if c.zeroed && o.length == c.spec.ChunkSize {
		c.release()
		z, err := c.zero.get()
		if err != nil {
			return o, err
		}
		o.md5, o.kind = z.md5, z.kind
		return o, c.putBytes(ctx, suffix, z.stored)
	}
	if c.buf == nil {
		buf, err := c.raw.Get(ctx)
		if err != nil {
			return o, err
		}
		c.buf = buf[:c.length]
		clear(c.buf)
	}
	data := c.buf[r.from:r.to]
	o.md5 = c.md5.sum(data)
	if c.spec.Compression == None {
		return o, c.putBytes(ctx, suffix, data)
	}
	return c.putCompressed(ctx, o, data, last)
}

// putCompressed stores an object compressed, or raw if it does not shrink
// (chunkeddriver.py _prepare_output_data).
func (c *chunkWriter) putCompressed(ctx context.Context, o object, data []byte, last bool) (object, error) {
	var out []byte
	if len(data) <= smallObject {
		out = make([]byte, 0, len(data)+encodeSlack)
	} else {
		if !c.compressor.worthwhile(data) {
			return o, c.putBytes(ctx, o.suffix, data)
		}
		buf, err := c.compressed.Get(ctx)
		if err != nil {
			return o, err
		}
		defer c.compressed.Put(buf)
		out = buf
	}
	stored, ok := c.compressor.compress(out, data)
	if !ok {
		return o, c.putBytes(ctx, o.suffix, data)
	}
	o.kind = c.spec.Compression
	if last {
		c.release() // so that another chunk can be read while this one is written
	}
	return o, c.putBytes(ctx, o.suffix, stored)
}

// zeroObject is the object of a chunk of zeroes. It is compressed only once.
type zeroObject struct {
	w      *writer
	once   sync.Once
	err    error
	memory []byte
	stored []byte
	md5    [16]byte
	kind   Compression
}

func newZeroObject(w *writer) *zeroObject { return &zeroObject{w: w} }

func (z *zeroObject) get() (*zeroObject, error) {
	z.once.Do(func() {
		z.memory, z.err = direct.Alloc(int(z.w.spec.ChunkSize))
		if z.err != nil {
			return
		}
		z.stored, z.kind, z.md5 = z.memory, None, z.w.md5.sum(z.memory)
		if out, ok := z.w.compressor.compress(nil, z.memory); ok {
			z.stored, z.kind = out, z.w.spec.Compression
			direct.Free(z.memory)
			z.memory = nil
		}
	})
	return z, z.err
}

func (z *zeroObject) close() {
	if z.memory != nil {
		direct.Free(z.memory)
	}
}
