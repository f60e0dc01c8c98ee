package chunked

import "math/bits"

// blockSet is a set of blocks of a volume, a bit for each: 4 MiB for a TiB in blocks of
// 32 KiB.
type blockSet []uint64

// add adds those blocks of the batch that hold data. The batch begins at block first, which
// is the number of blocks that the set has been asked to add so far.
func (s *blockSet) add(batch []digest, first int64, h *blockHasher) {
	for i := range batch {
		n := first + int64(i)
		if n%64 == 0 {
			*s = append(*s, 0)
		}
		if batch[i] != h.zeroBlock(n) {
			(*s)[n/64] |= 1 << (n % 64)
		}
	}
}

// any reports whether one of the blocks [from, to) is in the set.
func (s blockSet) any(from, to int64) bool {
	for from < to {
		word := s[from/64] >> (from % 64)
		if word != 0 {
			return from+int64(bits.TrailingZeros64(word)) < to
		}
		from += 64 - from%64
	}
	return false
}
