package chunked

import (
	"crypto/md5"
	"encoding/binary"
	"hash"
	"math/bits"
	"sync"
)

// Objects of holes.
const (
	// maxHole is the largest object of a hole, in bytes. A real cinder-backup decompresses
	// an object as a whole, which takes twice the object's length for bz2: 512 MiB, a
	// quarter of what its own objects of 2 GB take. A TiB is 4096 such objects.
	maxHole = 256 << 20

	// minHole is the smallest hole that gets an object of its own, in bytes. Two more
	// objects cost about as much as hashing and compressing that many zeroes.
	minHole = 1 << 20

	// grain is what the bounds of holes are multiples of, in bytes: the block of most file
	// systems. Only the end of the volume may be none.
	grain = 4 << 10
)

// encodeZeroes returns an object of n zeroes, n ≤ [maxHole], without compressing anything. Zeroes
// are always stored compressed, even in backups that are not: a backup costs what its data
// costs. With zstd they are zstd, 4 bytes for 128 KiB, which every decoder expands at the
// speed of memory. Otherwise they are bz2, which Python has always had, and where they take
// 208 bytes for 256 MiB. zlib would take 1/1032 of the length, a GiB for each TiB.
func encodeZeroes(kind Compression, n int64) ([]byte, Compression) {
	stored := bz2Zeroes(n)
	if kind == Zstd {
		stored = zstdZeroes(n)
	} else {
		kind = Bz2
	}
	if int64(len(stored)) >= n {
		return make([]byte, n), None
	}
	return stored, kind
}

// zstdZeroes returns a Zstandard frame (RFC 8878) of n zeroes: a header with the content
// size, and blocks of the type RLE.
func zstdZeroes(n int64) []byte {
	const most, window, rle, last = 128 << 10, 7 << 3, 1 << 1, 1 // bytes in a block; 128 KiB; bits of a block's header
	b := make([]byte, 0, 10+4*(n/most+1))
	b = append(b, 0x28, 0xb5, 0x2f, 0xfd, 0x80, window)
	b = binary.LittleEndian.AppendUint32(b, uint32(n)) // #nosec G115 -- n ≤ maxHole
	for n > 0 {
		size := min(n, most)
		n -= size
		head := uint32(size)<<3 | rle // #nosec G115 -- size ≤ most
		if n == 0 {
			head |= last
		}
		b = append(b, byte(head), byte(head>>8), byte(head>>16), 0)
	}
	return b
}

// bz2Zeroes returns n zeroes as bz2. Streams may follow each other, so there is one for each
// bit of n.
func bz2Zeroes(n int64) []byte {
	var b []byte
	for ; n > 0; n &= n - 1 {
		b = append(b, bz2Powers[bits.TrailingZeros64(uint64(n))]...) // #nosec G115 -- n > 0
	}
	return b
}

// zeroSums are the MD5s of 1, 2, 3 … grains of zeroes, up to maxHole, as far as they have been
// needed. They are the same in every backup: 1 MiB, and half a second, once.
var zeroSums struct {
	sync.Mutex
	hash hash.Hash
	sums [][md5.Size]byte
}

// zeroMD5 returns the MD5 of n zeroes, 0 < n ≤ [maxHole].
func zeroMD5(n int64) [md5.Size]byte {
	if n%grain != 0 { // only at the end of a volume
		h := md5.New()
		for left := n; left > 0; left -= int64(len(zeroes)) {
			h.Write(zeroes[:min(left, int64(len(zeroes)))])
		}
		return [md5.Size]byte(h.Sum(nil))
	}
	z := &zeroSums
	z.Lock()
	defer z.Unlock()
	if z.hash == nil {
		z.hash = md5.New()
	}
	for int64(len(z.sums)) < n/grain {
		_, _ = z.hash.Write(zeroes[:grain]) // a hash never fails
		z.sums = append(z.sums, [md5.Size]byte(z.hash.Sum(nil)))
	}
	return z.sums[n/grain-1]
}

// isHole reports whether an object holds only zeroes, by its MD5 alone. It does not know
// objects that are longer than maxHole, or of odd lengths, for which a stranger's metadata
// could make it hash without end.
func (o object) isHole() bool {
	if o.length > maxHole || o.length%grain != 0 && o.length > int64(len(zeroes)) {
		return false
	}
	return zeroMD5(o.length) == o.md5
}
