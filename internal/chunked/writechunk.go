package chunked

import "context"

// smallObject is the largest size, in bytes, of an object that is compressed into a buffer
// of its own. If it took a whole chunk's buffer, other workers would have to wait.
const smallObject = 256 << 10

// do does one job.
func (w *writer) do(ctx context.Context, j job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &chunkWriter{writer: w, job: j}
	defer c.release()
	if err := c.load(ctx); err != nil {
		return err
	}
	pieces := c.pieces
	if w.parent != nil {
		c.keepUnchanged()
		pieces = c.changes()
	}
	var number int
	select {
	case <-ctx.Done():
		return ctx.Err()
	case number = <-j.number:
		j.next <- number + len(pieces)
	}
	r := result{blocks: j.blocks, digests: c.digests}
	for i, p := range pieces {
		o, err := c.put(ctx, p, dataSuffix(number+i), i == len(pieces)-1)
		if err != nil {
			return err
		}
		r.objects = append(r.objects, o)
	}
	j.done <- r
	return nil
}

// chunkWriter is the state of a job in progress.
type chunkWriter struct {
	*writer
	job
	buf     []byte   // the blocks, where they were read; nil: all zeroes, or no longer needed
	read    []span   // whole blocks that are in buf
	digests []digest // of the blocks; nil: all zeroes
}

func (c *chunkWriter) release() {
	if c.buf != nil {
		c.raw.Put(c.buf)
		c.buf = nil
	}
}

// load reads the blocks that hold data, and computes the digests of all.
func (c *chunkWriter) load(ctx context.Context) error {
	if len(c.data) == 0 {
		return nil
	}
	buf, err := c.raw.Get(ctx)
	if err != nil {
		return err
	}
	c.buf = buf[:c.blocks.length()]
	for _, d := range c.data {
		d = d.cover(c.spec.BlockSize, c.size)
		if last := len(c.read) - 1; last >= 0 && d.from <= c.read[last].to {
			c.read[last].to = d.to
		} else {
			c.read = append(c.read, d)
		}
	}
	i := 0 // in c.read
	for n := c.first(); ; n++ {
		block := c.hasher.block(n)
		if block.from >= c.blocks.to {
			return nil
		}
		if i == len(c.read) || c.read[i].from > block.from {
			c.digests = append(c.digests, c.hasher.zeroBlock(n))
			continue
		}
		if c.read[i].from == block.from {
			read, err := c.source.read(c.bytes(c.read[i]), block.from)
			if err != nil {
				return err
			}
			c.writer.read.Add(read)
		}
		c.digests = append(c.digests, c.hasher.sum(c.bytes(block)))
		if c.read[i].to == block.to {
			i++
		}
	}
}

// first returns the number of the job's first block.
func (c *chunkWriter) first() int64 { return c.blocks.from / c.spec.BlockSize }

// bytes returns the part of the buffer that has the range.
func (c *chunkWriter) bytes(s span) []byte {
	return c.buf[s.from-c.blocks.from : s.to-c.blocks.from]
}

// keepUnchanged gives the blocks outside of [Spec.Changed] the digests that they have in the
// parent.
func (c *chunkWriter) keepUnchanged() {
	if c.spec.Changed == nil {
		return
	}
	for i, base := range c.base {
		if c.spec.changes(c.hasher.block(c.first() + int64(i))) {
			continue
		}
		if c.digests == nil { // all zeroes
			c.digests = make([]digest, len(c.base))
			for k := range c.digests {
				c.digests[k] = c.hasher.zeroBlock(c.first() + int64(k))
			}
		}
		c.digests[i] = base
	}
}

// changes returns every longest run of blocks that differ from the parent's (chunkeddriver.py
// backup), cut where data begins and ends.
func (c *chunkWriter) changes() []piece {
	var runs []piece
	open, at := false, 0
	for i, base := range c.base {
		n := c.first() + int64(i)
		block := c.hasher.block(n)
		for at < len(c.read) && c.read[at].to <= block.from {
			at++
		}
		hole := at == len(c.read) || c.read[at].from > block.from
		now := c.hasher.zeroBlock(n)
		if c.digests != nil {
			now = c.digests[i]
		}
		changed := now != base
		switch {
		case changed && open && runs[len(runs)-1].hole == hole:
			runs[len(runs)-1].to = block.to
		case changed:
			runs = append(runs, piece{block, hole})
		}
		open = changed
	}
	return runs
}

// put stores one piece as an object. After the last piece it releases the buffer.
func (c *chunkWriter) put(ctx context.Context, p piece, suffix string, last bool) (object, error) {
	if err := ctx.Err(); err != nil {
		return object{}, err
	}
	o := object{offset: p.from, length: p.length(), kind: None, suffix: suffix}
	if p.hole || isZero(c.bytes(p.span)) {
		if last {
			c.release()
		}
		stored, kind := encodeZeroes(c.spec.Compression, o.length)
		o.md5, o.kind = zeroMD5(o.length), kind
		return o, c.putBytes(ctx, suffix, stored)
	}
	data := c.bytes(p.span)
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
