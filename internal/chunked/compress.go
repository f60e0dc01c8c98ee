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

// Compression names how an object is stored: the value of backup_compression_
// algorithm and of an object's "compression" (cinder/backup/chunkeddriver.py
// _get_compressor).
type Compression string

// The compressions. [Write] takes the first three; all are read. Zlib and Gzip
// are the same, a zlib stream, and so are Bz2 and Bzip2.
const (
	Zstd  Compression = "zstd"
	Zlib  Compression = "zlib"
	None  Compression = "none"
	Gzip  Compression = "gzip"
	Bz2   Compression = "bz2"
	Bzip2 Compression = "bzip2"
)

func (c Compression) writable() bool { return c == Zstd || c == Zlib || c == None }

// parseCompression returns the compression of that name, which is one of the
// constants: an object's entry keeps no text alive.
func parseCompression(name string) (Compression, bool) {
	all := []Compression{Zstd, Zlib, None, Gzip, Bz2, Bzip2}
	i := slices.Index(all, Compression(strings.ToLower(name)))
	if i < 0 {
		return "", false
	}
	return all[i], true
}

// encodeSlack is by how many bytes an encoder may overshoot its input before it
// is known that the object does not shrink.
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
	// Fastest, because a backup should not take longer than its disks. No
	// checksum, because the object has its MD5. A window of 1 MiB, because more
	// costs memory and cache and gains nothing at this level.
	c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	return c, err
}

// compress returns src compressed into dst's memory, or false if src does not
// shrink. dst should have room for len(src)+encodeSlack bytes.
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

// worthwhile guesses from samples whether compressing src can shrink it enough
// to be worth the time. What it misses is stored raw, which is only larger.
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

// maxZstdWindow bounds what a hostile frame makes the decoder allocate, in
// bytes. Levels up to 19 use at most 8 MiB, which is also what the format asks
// every decoder to support.
const maxZstdWindow = 32 << 20

// decompressor decompresses objects. It is safe for concurrent use.
type decompressor struct {
	mu   sync.Mutex
	zstd *zstd.Decoder // nil until needed
}

// into decompresses the zstd frames in src to exactly fill dst.
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

// errLength says that an object does not have the length its entry says.
var errLength = errors.New("wrong length")

// stream decompresses r as it is read.
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
