package chunked

import (
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"encoding/hex"
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

// stretch16 is the number of zeroes between two of zeroStates, in bytes.
const stretch16 = 16 << 20

// zeroStates are the states of MD5 (RFC 1321, 3.3: A, B, C, D) after 0, 16, 32 … MiB of zeroes, so
// that the sum of any number of zeroes takes at most 16 MiB of hashing, and not up to maxHole.
var zeroStates = [maxHole / stretch16]string{
	"67452301efcdab8998badcfe10325476", "7725cf733acdc362a65558dddad59005",
	"719976a77f248508affcf4e0bbc37dd7", "d4cd0643065c1528b6315f1d47d30809",
	"f797d816ccf93c586a154951b4e7b96c", "7f7fd4c77a50da7525e0e372634eaf6f",
	"485aff4f0be5a3338addb4a5fe08c305", "1026295f5c9790424ea267d559f9b0d7",
	"5ba291ab041b4d3e0162aa5332a8c5eb", "3d1a850a8752da1daeb9137ccb771eec",
	"37082e59c2c98963ea0cb25fe14436f3", "3c05160cf16da838f71c141512879327",
	"1fa602bc1a57bcf1193a2a202f0b38a5", "4d68c789fc855b3f674b008422f832ce",
	"cd1dd617cf0f781d35090910faa21a7d", "d254fde335e5598190dfcb08e28a4e39",
}

// zeroSums are the MD5s of 1, 2, 3 … grains of zeroes, up to maxHole, by stretches of 16 MiB, as far
// as these have been needed. They are the same in every backup: 1 MiB, and half a second, once.
var zeroSums struct {
	sync.Mutex
	sums [maxHole / stretch16][][md5.Size]byte
}

// md5OfZeroes returns the hash after a number of stretches of zeroes.
func md5OfZeroes(stretches int64) hash.Hash {
	h := md5.New()
	state, _ := hex.DecodeString(zeroStates[stretches]) // a test decodes all
	saved := append([]byte("md5\x01"), state...)
	saved = append(saved, make([]byte, md5.BlockSize)...) // no part of a block waits
	saved = binary.BigEndian.AppendUint64(saved, uint64(stretches*stretch16))
	if into, ok := h.(encoding.BinaryUnmarshaler); ok && into.UnmarshalBinary(saved) == nil {
		return h
	}
	for range stretches * stretch16 / grain { // another implementation of MD5, with states of its own
		_, _ = h.Write(zeroes[:grain]) // a hash never fails
	}
	return h
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
	stretch := (n - 1) / stretch16
	sums := &z.sums[stretch]
	if *sums == nil {
		h := md5OfZeroes(stretch)
		*sums = make([][md5.Size]byte, stretch16/grain)
		for i := range *sums {
			_, _ = h.Write(zeroes[:grain]) // a hash never fails
			(*sums)[i] = [md5.Size]byte(h.Sum(nil))
		}
	}
	return (*sums)[(n-stretch*stretch16)/grain-1]
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
