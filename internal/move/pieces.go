package move

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// table is the pieces of a move on disk: a record of each piece, and the digests of all
// blocks. A piece whose record is empty has never been written: it is zeroes.
//
// A record holds a hash over itself and the digests of its blocks. So the two files need no
// order between their writes: what a crash tore does not match, and the piece is written
// again.
type table struct {
	shape   Shape
	size    int64 // bytes of the volume
	pieces  int64
	records *os.File
	digests *os.File
	zero    [sha256.Size]byte // digest of a block of zeroes
	short   [sha256.Size]byte // of the last block, if it is a short one
	rounds  []int32           // by piece: the round that wrote it; 0: none; -1: torn
}

// A record: round (4 bytes), length of the receipt (1), 3 unused, the receipt, the hash.
const (
	recordHead = 8
	recordSize = recordHead + MaxReceipt + sha256.Size
)

func openTable(dir func(string) string, size int64, shape Shape) (t *table, err error) {
	t = &table{shape: shape, size: size, pieces: (size + shape.Piece - 1) / shape.Piece}
	t.zero = sha256.Sum256(make([]byte, shape.Block))
	t.short = t.zero
	if n := size % shape.Block; n != 0 {
		t.short = sha256.Sum256(make([]byte, n))
	}
	if t.records, err = os.OpenFile(dir("pieces"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if t.digests, err = os.OpenFile(dir("digests"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, errors.Join(err, t.records.Close())
	}
	if err := t.load(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *table) close() error { return errors.Join(t.records.Close(), t.digests.Close()) }

// load reads all records and finds those that a crash tore.
func (t *table) load() error {
	t.rounds = make([]int32, t.pieces)
	r := bufio.NewReaderSize(t.records, 1<<20)
	var record [recordSize]byte
	for i := range t.pieces {
		_, err := io.ReadFull(r, record[:])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			t.rounds[i] = -1
			return nil
		}
		if err != nil {
			return err
		}
		if record == [recordSize]byte{} {
			continue
		}
		digests, err := t.blocksOf(i)
		if err != nil {
			return err
		}
		t.rounds[i] = -1
		if sum := seal(i, record[:recordHead+MaxReceipt], digests); bytes.Equal(sum[:], record[recordHead+MaxReceipt:]) {
			t.rounds[i] = int32(binary.BigEndian.Uint32(record[:]))
		}
	}
	return nil
}

func seal(i int64, head, digests []byte) [sha256.Size]byte {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, i) // a hash never fails
	h.Write(head)
	h.Write(digests)
	return [sha256.Size]byte(h.Sum(nil))
}

// extent returns the range of bytes of a piece.
func (t *table) extent(i int64) (from, to int64) {
	return i * t.shape.Piece, min((i+1)*t.shape.Piece, t.size)
}

// blocks returns the range of blocks of a piece.
func (t *table) blocks(i int64) (from, to int64) {
	a, b := t.extent(i)
	return a / t.shape.Block, (b + t.shape.Block - 1) / t.shape.Block
}

// blocksOf reads the digests of a piece that has been written.
func (t *table) blocksOf(i int64) ([]byte, error) {
	from, to := t.blocks(i)
	b := make([]byte, (to-from)*sha256.Size)
	n, err := t.digests.ReadAt(b, from*sha256.Size)
	if errors.Is(err, io.EOF) {
		clear(b[n:]) // the seal will not match
		err = nil
	}
	return b, err
}

// put notes that a round has written a piece.
func (t *table) put(i int64, round int, receipt, digests []byte) error {
	if len(receipt) > MaxReceipt {
		return fmt.Errorf("move: a receipt of %d bytes", len(receipt))
	}
	var record [recordSize]byte
	binary.BigEndian.PutUint32(record[:], uint32(round))
	record[4] = byte(len(receipt))
	copy(record[recordHead:], receipt)
	sum := seal(i, record[:recordHead+MaxReceipt], digests)
	copy(record[recordHead+MaxReceipt:], sum[:])
	from, _ := t.blocks(i)
	if _, err := t.digests.WriteAt(digests, from*sha256.Size); err != nil {
		return err
	}
	if _, err := t.records.WriteAt(record[:], i*recordSize); err != nil {
		return err
	}
	t.rounds[i] = int32(round) // each piece is written by one worker
	return nil
}

// all yields all pieces.
func (t *table) all(yield func(Taken, error) bool) {
	r := bufio.NewReaderSize(io.NewSectionReader(t.records, 0, t.pieces*recordSize), 1<<20)
	var record [recordSize]byte
	for i := range t.pieces {
		if t.rounds[i] < 0 {
			yield(Taken{}, fmt.Errorf("move: piece %d has not been written", i))
			return
		}
		if _, err := io.ReadFull(r, record[:]); errors.Is(err, io.EOF) {
			clear(record[:])
		} else if err != nil {
			yield(Taken{}, err)
			return
		}
		if !yield(Taken{Index: i, Round: int(t.rounds[i]), Receipt: record[recordHead : recordHead+int(min(record[4], MaxReceipt))]}, nil) {
			return
		}
	}
}

// stream returns a reader of the digests of all blocks.
func (t *table) stream() io.Reader {
	return &digestStream{t: t}
}

type digestStream struct {
	t    *table
	next int64 // piece
	rest []byte
}

func (s *digestStream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.next == s.t.pieces {
			return 0, io.EOF
		}
		var err error
		if s.rest, err = s.t.known(s.next); err != nil {
			return 0, err
		}
		s.next++
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// known returns the digests of the blocks of a piece, also of one that was never written.
func (t *table) known(i int64) ([]byte, error) {
	if t.rounds[i] != 0 {
		return t.blocksOf(i)
	}
	from, to := t.blocks(i)
	b := make([]byte, 0, (to-from)*sha256.Size)
	for n := from; n < to; n++ {
		zero := t.zeroOf(n)
		b = append(b, zero[:]...)
	}
	return b, nil
}

// zeroOf returns the digest of a block if it is zeroes.
func (t *table) zeroOf(block int64) [sha256.Size]byte {
	if (block+1)*t.shape.Block > t.size {
		return t.short
	}
	return t.zero
}

// hash returns the digests of the blocks of a piece.
func (t *table) hash(i int64, data []byte) (digests []byte, zero bool) {
	first, last := t.blocks(i)
	digests, zero = make([]byte, 0, (last-first)*sha256.Size), true
	for n := first; n < last; n++ {
		block := data[:min(t.shape.Block, int64(len(data)))]
		data = data[len(block):]
		sum := t.zeroOf(n)
		if !isZero(block) {
			sum, zero = sha256.Sum256(block), false
		}
		digests = append(digests, sum[:]...)
	}
	return digests, zero
}

var zeroes [64 << 10]byte

func isZero(p []byte) bool {
	for len(p) > len(zeroes) {
		if !bytes.Equal(p[:len(zeroes)], zeroes[:]) {
			return false
		}
		p = p[len(zeroes):]
	}
	return bytes.Equal(p, zeroes[:len(p)])
}
