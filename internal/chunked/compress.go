package chunked

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Compression says how an object is stored. It is the value of backup_compression_algorithm
// and of an object's "compression" (cinder/backup/chunkeddriver.py _get_compressor).
type Compression string

// The compressions. [Write] accepts the first three; Restore reads all of them. Zlib and
// Gzip both mean a zlib stream; Bz2 and Bzip2 are also the same.
const (
	Zstd  Compression = "zstd"
	Zlib  Compression = "zlib"
	None  Compression = "none"
	Gzip  Compression = "gzip"
	Bz2   Compression = "bz2"
	Bzip2 Compression = "bzip2"
)

func (c Compression) writable() bool { return c == Zstd || c == Zlib || c == None }

// parseCompression returns the constant with that name, so that the objects' entries do not
// keep the JSON text in memory.
func parseCompression(name string) (Compression, bool) {
	all := []Compression{Zstd, Zlib, None, Gzip, Bz2, Bzip2}
	i := slices.Index(all, Compression(strings.ToLower(name)))
	if i < 0 {
		return "", false
	}
	return all[i], true
}

// encodeSlack is how many bytes an encoder may write beyond the length of its input before
// it is clear that the object does not shrink.
const encodeSlack = 64 << 10

// compressor compresses whole objects. It is safe for concurrent use.
type compressor struct {
	kind Compression
	zstd *zstd.Encoder
	zlib sync.Pool // of *zlib.Writer
}

func newCompressor(kind Compression) (*compressor, error) {
	c := &compressor{kind: kind}
	if kind != Zstd {
		return c, nil
	}
	var err error
	// Fastest, because a backup should not take longer than its disks. No checksum, because
	// the object has its MD5. A window of 1 MiB, because a larger one costs memory and
	// cache and does not help at this level.
	c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	return c, err
}

// compress compresses src into the memory of dst. It returns false if src does not shrink.
// dst should have room for len(src)+encodeSlack bytes.
func (c *compressor) compress(dst, src []byte) ([]byte, bool) {
	switch c.kind {
	case Zstd:
		dst = c.zstd.EncodeAll(src, dst[:0])
	case Zlib:
		w, _ := c.zlib.Get().(*zlib.Writer)
		if w == nil {
			w, _ = zlib.NewWriterLevel(nil, zlib.BestSpeed)
		}
		defer c.zlib.Put(w)
		out := bytes.NewBuffer(dst[:0])
		w.Reset(out)
		_, err := w.Write(src)
		if err := errors.Join(err, w.Close()); err != nil {
			return nil, false
		}
		dst = out.Bytes()
	default:
		return nil, false
	}
	return dst, len(dst) < len(src)
}

// worthwhile estimates from samples whether src shrinks enough to be worth compressing. If
// the estimate is wrong, the object is stored raw and is only larger.
func (c *compressor) worthwhile(src []byte) bool {
	const piece, pieces = 1 << 10, 64
	if c.kind == None {
		return false
	}
	if len(src) < 2*piece*pieces {
		return true
	}
	var sample [piece * pieces]byte
	step := len(src) / pieces
	for i := range pieces {
		copy(sample[i*piece:(i+1)*piece], src[i*step:])
	}
	out, ok := c.compress(make([]byte, 0, len(sample)+encodeSlack), sample[:])
	return ok && len(out) < len(sample)*31/32
}

// maxZstdWindow limits the memory that a hostile frame can make the decoder allocate, in
// bytes. Levels up to 19 use at most 8 MiB. The format asks every decoder to support that
// size.
const maxZstdWindow = 32 << 20

// decompressor decompresses objects. It is safe for concurrent use.
type decompressor struct {
	mu   sync.Mutex
	zstd *zstd.Decoder // nil until needed
}

// into decompresses the zstd frames in src. They must fill dst exactly.
func (d *decompressor) into(dst, src []byte) error {
	d.mu.Lock()
	if d.zstd == nil {
		var err error
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			d.mu.Unlock()
			return err
		}
	}
	d.mu.Unlock()
	out, err := d.zstd.DecodeAll(src, dst[:0:len(dst)])
	if err != nil {
		return err
	}
	if len(out) != len(dst) {
		return errLength
	}
	return nil
}

func (d *decompressor) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}

// errLength is the error for an object whose length differs from its entry in the metadata.
var errLength = errors.New("wrong length")

// stream decompresses r while it is read.
func stream(r io.Reader, kind Compression) (io.ReadCloser, error) {
	switch kind {
	case None:
		return io.NopCloser(r), nil
	case Zlib, Gzip:
		return zlib.NewReader(r)
	case Bz2, Bzip2:
		return io.NopCloser(bzip2.NewReader(r)), nil
	case Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return nil, errors.New("unknown compression")
}
