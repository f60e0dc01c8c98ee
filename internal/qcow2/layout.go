package qcow2

import (
	"encoding/binary"
	"errors"
	"io"
)

// Layout is an image whose data is written first and whose tables are written last: the file
// is the tables, and after them the data in pieces of one size.
type Layout struct {
	size, piece int64
	pieces      []int64 // the index of each piece, in the order of the file

	// All in clusters.
	l1, refTable, refBlocks, tables int64
	head                            int64
	regions                         []int64         // the L2 tables, by the part of the disk that they map
	region                          map[int64]int64 // the place of an L2 table among them
	places                          map[int64]int64 // the place of a piece in the file
}

const (
	layoutBits    = 16
	layoutCluster = 1 << layoutBits
	perL2         = layoutCluster / 8
	perRefBlock   = layoutCluster / 2 // reference counts of 16 bits
)

// NewLayout describes the image of a disk of size bytes, of which only pieces are not zeroes.
// piece is their size in bytes, a multiple of 64 KiB; pieces are their indices, in the order
// of the file. The tables get at least least bytes.
func NewLayout(size, piece int64, pieces []int64, least int64) (*Layout, error) {
	if size <= 0 || size > maxSize || size%layoutCluster != 0 || piece <= 0 || piece%layoutCluster != 0 || size%piece != 0 {
		return nil, errors.New("qcow2: the size of the disk must be a multiple of that of the pieces, and that of 64 KiB")
	}
	l := &Layout{size: size, piece: piece, pieces: pieces, region: map[int64]int64{}, places: map[int64]int64{}}
	span := int64(perL2 * layoutCluster)
	for at, p := range pieces {
		if _, twice := l.places[p]; twice || p < 0 || p*piece >= size {
			return nil, errors.New("qcow2: a piece lies outside of the disk, or is there twice")
		}
		l.places[p] = int64(at)
		for r := p * piece / span; r*span < (p+1)*piece; r++ {
			if _, ok := l.region[r]; !ok {
				l.region[r] = int64(len(l.regions))
				l.regions = append(l.regions, r)
			}
		}
	}
	up := func(n, unit int64) int64 { return (n + unit - 1) / unit }
	l.l1 = up(8*up(size, span), layoutCluster)
	l.tables = int64(len(l.regions))
	data := int64(len(pieces)) * (piece / layoutCluster)
	for { // the counts count themselves
		l.head = max(1+l.l1+l.refTable+l.refBlocks+l.tables, up(least, layoutCluster))
		blocks := up(l.head+data, perRefBlock)
		table := up(8*blocks, layoutCluster)
		if blocks == l.refBlocks && table == l.refTable {
			return l, nil
		}
		l.refBlocks, l.refTable = max(blocks, l.refBlocks), max(table, l.refTable)
	}
}

// Head returns the length of the tables, in bytes.
func (l *Layout) Head() int64 { return l.head * layoutCluster }

// Tables returns the tables. Only one of them is in memory at a time.
func (l *Layout) Tables() io.Reader { return &tableReader{l: l} }

// tableReader makes the clusters of the tables one by one.
type tableReader struct {
	l    *Layout
	n    int64 // of the next cluster
	rest []byte
}

func (t *tableReader) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		if t.n == t.l.head {
			return 0, io.EOF
		}
		t.rest = t.l.cluster(t.n)
		t.n++
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// cluster returns one cluster of the tables.
func (l *Layout) cluster(n int64) []byte {
	c := make([]byte, layoutCluster)
	put := func(i, v int64, flags uint64) { binary.BigEndian.PutUint64(c[8*i:], uint64(v)*layoutCluster|flags) }
	l1, refTable := int64(1), 1+l.l1
	refBlock := refTable + l.refTable
	l2 := refBlock + l.refBlocks
	used := l2 + l.tables
	switch {
	case n == 0:
		l.header(c)
	case n < refTable: // L1
		for i := range int64(perL2) {
			if at, ok := l.region[(n-l1)*perL2+i]; ok {
				put(i, l2+at, copied)
			}
		}
	case n < refBlock:
		for i := range int64(perL2) {
			if block := (n-refTable)*perL2 + i; block < l.refBlocks {
				put(i, refBlock+block, 0)
			}
		}
	case n < l2: // reference counts: one for all but the padding
		end := l.head + int64(len(l.pieces))*(l.piece/layoutCluster)
		for i := range int64(perRefBlock) {
			if k := (n-refBlock)*perRefBlock + i; k < used || k >= l.head && k < end {
				binary.BigEndian.PutUint16(c[2*i:], 1)
			}
		}
	case n < used:
		first := l.regions[n-l2] * perL2
		perPiece := l.piece / layoutCluster
		for i := range int64(perL2) {
			k := first + i
			if at, ok := l.places[k/perPiece]; ok {
				put(i, l.head+at*perPiece+k%perPiece, copied)
			}
		}
	}
	return c
}

func (l *Layout) header(c []byte) {
	binary.BigEndian.PutUint32(c[0:], magic)
	binary.BigEndian.PutUint32(c[4:], 3)
	binary.BigEndian.PutUint32(c[20:], layoutBits)
	binary.BigEndian.PutUint64(c[24:], uint64(l.size))
	span := int64(perL2 * layoutCluster)
	binary.BigEndian.PutUint32(c[36:], uint32((l.size+span-1)/span))
	binary.BigEndian.PutUint64(c[40:], layoutCluster)
	binary.BigEndian.PutUint64(c[48:], uint64(1+l.l1)*layoutCluster)
	binary.BigEndian.PutUint32(c[56:], uint32(l.refTable))
	binary.BigEndian.PutUint32(c[96:], 4) // reference counts of 2^4 bits
	binary.BigEndian.PutUint32(c[100:], headerV3)
}
