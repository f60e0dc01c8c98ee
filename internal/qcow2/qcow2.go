// Package qcow2 reads and writes disk images in QEMU's qcow2 format (qemu/docs/interop/qcow2.txt):
// those that stand for themselves, without a backing file, encryption or a data file of their
// own.
package qcow2

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	magic       = 0x514649fb // "QFI\xfb"
	headerV2    = 72
	headerV3    = 104
	offsetBits  = 0x00fffffffffffe00 // of an entry of an L1 or L2 table
	compressed  = 1 << 62
	copied      = 1 << 63 // the cluster's reference count is one
	allZeroes   = 1       // of an L2 entry, since version 3
	maxSize     = 64 << 40
	maxL1       = 4 << 20 // entries: 2 EiB in clusters of 2 MiB
	tablesKept  = 32
	dirty       = 1 << 0 // incompatible features
	otherCodec  = 1 << 3
	maxClusters = 21 // bits
)

// ReaderAt reads a part of an image's file.
type ReaderAt interface {
	// ReadAt fills p with the bytes from off on. An early end is an error.
	ReadAt(ctx context.Context, p []byte, off int64) error
}

// Image is an image that is read. Its methods may be called concurrently.
type Image struct {
	r       ReaderAt
	length  int64 // of the file
	size    int64 // of the disk
	bits    uint  // of a cluster's size
	version uint32
	zstd    bool
	l1      []uint64

	mu     sync.Mutex
	tables map[uint64][]uint64 // by their offset; at most tablesKept
}

// Open reads the header of an image whose file has length bytes.
func Open(ctx context.Context, r ReaderAt, length int64) (*Image, error) {
	if length < headerV2 {
		return nil, errors.New("qcow2: the file is shorter than a header")
	}
	head := make([]byte, min(length, 112))
	if err := r.ReadAt(ctx, head, 0); err != nil {
		return nil, err
	}
	at32 := func(off int) uint32 { return binary.BigEndian.Uint32(head[off:]) }
	at64 := func(off int) uint64 { return binary.BigEndian.Uint64(head[off:]) }
	m := &Image{r: r, length: length, size: int64(at64(24)), bits: uint(at32(20)), version: at32(4), tables: map[uint64][]uint64{}}
	switch {
	case at32(0) != magic:
		return nil, errors.New("qcow2: the file is no qcow2 image")
	case m.version != 2 && m.version != 3:
		return nil, fmt.Errorf("qcow2: version %d is not known", m.version)
	case at64(8) != 0:
		return nil, errors.New("qcow2: the image has a backing file")
	case at32(32) != 0:
		return nil, errors.New("qcow2: the image is encrypted")
	case m.bits < 9 || m.bits > maxClusters:
		return nil, fmt.Errorf("qcow2: the clusters have 2^%d bytes, not 2^9 to 2^%d", m.bits, maxClusters)
	case m.size < 0 || m.size > maxSize:
		return nil, fmt.Errorf("qcow2: the disk has %d bytes, more than %d", uint64(m.size), int64(maxSize))
	}
	if m.version == 3 {
		if len(head) < headerV3 || at32(100) < headerV3 {
			return nil, errors.New("qcow2: the header is too short")
		}
		features := at64(72)
		if features&^uint64(dirty|otherCodec) != 0 {
			return nil, fmt.Errorf("qcow2: the image has features that are not known (%#x), or is marked as damaged", features)
		}
		if at32(100) > headerV3 && len(head) > headerV3 {
			switch head[headerV3] {
			case 0:
			case 1:
				m.zstd = true
			default:
				return nil, fmt.Errorf("qcow2: compression type %d is not known", head[headerV3])
			}
		}
	}
	entries := int64(at32(36))
	if span := m.cluster() * m.perTable(); entries > maxL1 || entries < (m.size+span-1)/span {
		return nil, fmt.Errorf("qcow2: an L1 table of %d entries does not fit a disk of %d bytes", entries, m.size)
	}
	var err error
	m.l1, err = m.table(ctx, at64(40), entries)
	return m, err
}

func (m *Image) cluster() int64  { return 1 << m.bits }
func (m *Image) perTable() int64 { return m.cluster() / 8 }

// Size returns the length of the disk in bytes.
func (m *Image) Size() int64 { return m.size }

// Cluster returns the size of a cluster in bytes.
func (m *Image) Cluster() int64 { return m.cluster() }

func (m *Image) table(ctx context.Context, off uint64, entries int64) ([]uint64, error) {
	if off > maxSize || int64(off)+8*entries > m.length {
		return nil, errors.New("qcow2: a table lies outside of the file")
	}
	raw := make([]byte, 8*entries)
	if err := m.r.ReadAt(ctx, raw, int64(off)); err != nil {
		return nil, err
	}
	t := make([]uint64, entries)
	for i := range t {
		t[i] = binary.BigEndian.Uint64(raw[8*i:])
	}
	return t, nil
}

// l2 returns an L2 table; nil: there is none.
func (m *Image) l2(ctx context.Context, n int64) ([]uint64, error) {
	off := m.l1[n] & offsetBits
	if off == 0 {
		return nil, nil
	}
	m.mu.Lock()
	t, ok := m.tables[off]
	m.mu.Unlock()
	if ok {
		return t, nil
	}
	t, err := m.table(ctx, off, m.perTable())
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tables) >= tablesKept {
		for old := range m.tables { // any will do: reads go forwards
			delete(m.tables, old)
			break
		}
	}
	m.tables[off] = t
	return t, nil
}

// entry returns the L2 entry of a cluster of the disk; 0: it is zeroes.
func (m *Image) entry(ctx context.Context, n int64) (uint64, error) {
	t, err := m.l2(ctx, n/m.perTable())
	if err != nil || t == nil {
		return 0, err
	}
	e := t[n%m.perTable()]
	if m.version == 3 && e&compressed == 0 && e&allZeroes != 0 || e&^copied == 0 {
		return 0, nil
	}
	return e, nil
}

// Data yields the ranges [from, to) of the disk that may hold anything but zeroes, in order.
// After an error it yields nothing more.
func (m *Image) Data(ctx context.Context) iter.Seq2[[2]int64, error] {
	return func(yield func([2]int64, error) bool) {
		from := int64(-1)
		clusters := (m.size + m.cluster() - 1) >> m.bits
		for n := int64(0); n < clusters; n++ {
			if n%m.perTable() == 0 && m.l1[n/m.perTable()]&offsetBits == 0 { // a whole table of zeroes
				if from >= 0 && !yield([2]int64{from, n << m.bits}, nil) {
					return
				}
				from = -1
				n += m.perTable() - 1
				continue
			}
			e, err := m.entry(ctx, n)
			if err != nil {
				yield([2]int64{}, err)
				return
			}
			switch {
			case e != 0 && from < 0:
				from = n << m.bits
			case e == 0 && from >= 0:
				if !yield([2]int64{from, n << m.bits}, nil) {
					return
				}
				from = -1
			}
		}
		if from >= 0 {
			yield([2]int64{from, m.size}, nil)
		}
	}
}

// ReadAt fills p with the bytes of the disk from off on.
func (m *Image) ReadAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off+int64(len(p)) > m.size {
		return fmt.Errorf("qcow2: the bytes from %d to %d are not in the disk", off, off+int64(len(p)))
	}
	for len(p) > 0 {
		n, within := off>>m.bits, off&(m.cluster()-1)
		e, err := m.entry(ctx, n)
		if err != nil {
			return err
		}
		length := min(int64(len(p)), m.cluster()-within)
		switch {
		case e == 0:
			clear(p[:length])
		case e&compressed != 0:
			whole, err := m.inflate(ctx, e)
			if err != nil {
				return err
			}
			copy(p[:length], whole[within:])
		default:
			host := int64(e&offsetBits) + within
			for length < int64(len(p)) { // clusters that follow one another in the file are read at once
				next, err := m.entry(ctx, (off+length)>>m.bits)
				if err != nil {
					return err
				}
				if next == 0 || next&compressed != 0 || int64(next&offsetBits) != host+length {
					break
				}
				length += min(int64(len(p))-length, m.cluster())
			}
			if err := m.r.ReadAt(ctx, p[:length], host); err != nil {
				return err
			}
		}
		p, off = p[length:], off+length
	}
	return nil
}

// inflate reads a compressed cluster. Its entry has the offset in the lower bits and, above
// them, the number of further sectors of 512 bytes.
func (m *Image) inflate(ctx context.Context, e uint64) ([]byte, error) {
	shift := 62 - (m.bits - 8)
	off := int64(e & (1<<shift - 1))
	sectors := int64(e&^(copied|compressed)) >> shift
	length := min((sectors+1)*512-off%512, m.length-off) // the last sector need not be whole
	if length <= 0 || length > 2<<m.bits {
		return nil, errors.New("qcow2: a compressed cluster is too long, or lies outside of the file")
	}
	raw := make([]byte, length)
	if err := m.r.ReadAt(ctx, raw, off); err != nil {
		return nil, err
	}
	whole := make([]byte, m.cluster())
	if m.zstd {
		d, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(8<<20))
		if err != nil {
			return nil, err
		}
		defer d.Close()
		_, err = io.ReadFull(d, whole)
		return whole, damaged(err)
	}
	_, err := io.ReadFull(flate.NewReader(bytes.NewReader(raw)), whole)
	return whole, damaged(err)
}

func damaged(err error) error {
	if err != nil {
		return fmt.Errorf("qcow2: a compressed cluster is damaged: %w", err)
	}
	return nil
}
