package chunked

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"

	"cindergate/internal/sparse"
)

// Objects of zeroes are made without compressing anything. They are what every decoder
// expects, and have the right MD5.
func TestZeroObjects(t *testing.T) {
	lengths := []int64{1, 36, 37, 38, 39, 511, 512, 4095, 4096, 4097, 100_001, 128 << 10, 128<<10 + 1, 1<<20 - 4096, 8<<20 + 4096}
	for _, kind := range []Compression{Zstd, Zlib, None} {
		for _, n := range lengths {
			if kind == None && n > 1<<20 {
				continue // as with zlib
			}
			stored, kind := encodeZeroes(kind, n)
			if int64(len(stored)) > n || n >= 4096 && int64(len(stored)) > 700+n/32000 {
				t.Errorf("%d zeroes take %d bytes of %s", n, len(stored), kind)
			}
			z, err := stream(bytes.NewReader(stored), kind)
			if err != nil {
				t.Fatal(err)
			}
			h, left := md5.New(), n
			for buf := make([]byte, 1<<20); ; {
				m, err := z.Read(buf)
				h.Write(buf[:m])
				left -= int64(m)
				if !isZero(buf[:m]) {
					t.Fatalf("%d zeroes in %s are others", n, kind)
				}
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("%d zeroes in %s: %v", n, kind, err)
				}
			}
			_ = z.Close()
			if sum := [md5.Size]byte(h.Sum(nil)); left != 0 || sum != zeroMD5(n) {
				t.Errorf("%d zeroes in %s: %d are missing; MD5 %x and %x", n, kind, left, sum, zeroMD5(n))
			}
			o := object{length: n, md5: zeroMD5(n)}
			if odd := n%grain != 0 && n > 64<<10; o.isHole() == odd {
				t.Errorf("%d zeroes are a hole: %v", n, !odd)
			}
			if o.md5[3]++; o.isHole() {
				t.Errorf("another object of %d bytes is taken for zeroes", n)
			}
		}
	}
	if (object{length: maxHole + grain}).isHole() || (object{length: 1 << 50}).isHole() {
		t.Error("an object of any length is hashed")
	}
}

// zstd's one-shot decoder, with which restores read, knows the frames, too.
func TestZeroFrames(t *testing.T) {
	for _, n := range []int{100, 128 << 10, 8 << 20} {
		var d decompressor
		dst := bytes.Repeat([]byte{1}, n)
		if err := d.into(dst, zstdZeroes(int64(n))); err != nil || !isZero(dst) {
			t.Errorf("%d zeroes: %v", n, err)
		}
		if err := d.into(dst[:n-1], zstdZeroes(int64(n))); err == nil {
			t.Errorf("%d zeroes fit in less", n)
		}
		d.close()
	}
}

// A block's digest is the same, whatever it begins with.
func TestBlockHasher(t *testing.T) {
	for _, size := range []int64{512, 1000, 32 << 10, 64 << 10, 100_000, 1 << 20} {
		h := newBlockHasher(size, 3*size+size/2)
		for _, length := range []int64{size, size / 2, 1} {
			for _, at := range []int64{0, 1, hashStep - 1, hashStep, hashStep + 5, length - 1, length} {
				block := make([]byte, length)
				if at >= 0 && at < length {
					block[at] = 7
				}
				if got, want := h.sum(block), plainDigest(block); got != want {
					t.Errorf("block of %d of %d, data at %d: %x, want %x", length, size, at, got, want)
				}
			}
		}
		if h.zeroBlock(2) != plainDigest(make([]byte, size)) || h.zeroBlock(3) != plainDigest(make([]byte, size/2)) {
			t.Errorf("blocks of %d zeroes", size)
		}
	}
}

func plainDigest(b []byte) digest { return sha256.Sum256(b) }

// The block size follows the data.
func TestBlockSize(t *testing.T) {
	const kib, mib, gib, tib = 1 << 10, 1 << 20, 1 << 30, 1 << 40
	// pieces is the tally of pieces of one length that lie apart, each at the start of a block.
	pieces := func(n, length int64) tally {
		c := tally{data: n * length}
		for i := range c.blocks {
			size := int64(DefaultBlockSize) << i
			c.blocks[i] = n * ((length + size - 1) / size)
		}
		return c
	}
	for name, test := range map[string]struct {
		size int64
		t    tally
		want int64
	}{
		"32 GiB, empty":                {32 * gib, tally{}, 32 * kib},
		"64 GiB, empty":                {64 * gib, tally{}, 64 * kib},
		"1 TiB, empty":                 {tib, tally{}, mib},
		"16 TiB, empty":                {16 * tib, tally{}, 16 * mib},
		"1000 TiB, empty":              {1000 * tib, tally{}, 64 * mib},
		"1 TiB, 1 GiB":                 {tib, pieces(1, gib), mib},
		"1 TiB, 1 GiB in MiBs":         {tib, pieces(1024, mib), mib},
		"1 TiB, 1 GiB in 64 KiB":       {tib, pieces(16384, 64*kib), 512 * kib},
		"1 TiB, 1 GiB in 4 KiB":        {tib, pieces(262144, 4*kib), 512 * kib},
		"1 TiB, 64 MiB in 64 KiB":      {tib, pieces(1024, 64*kib), mib},
		"1 TiB, 16 GiB":                {tib, pieces(1, 16*gib), 64 * kib},
		"1 TiB, a sixth":               {tib, pieces(1, tib/6), 32 * kib},
		"100 GiB, 1 GiB":               {100 * gib, pieces(1, gib), 128 * kib},
		"100 GiB, 1 GiB in pieces":     {100 * gib, pieces(16384, 64*kib), 128 * kib},
		"100 GiB, 1 GiB in small ones": {100 * gib, pieces(262144, 4*kib), 64 * kib},
	} {
		if got := test.t.blockSize(test.size); got != test.want {
			t.Errorf("%s: blocks of %d KiB, want %d", name, got/kib, test.want/kib)
		}
	}
}

// The tally of a file counts its extents. A source that is no file is all data.
func TestTally(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	const size = 1 << 40
	if err := sparse.Create(path, size); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{0, 40 << 10, 1 << 30, 1<<39 - 2048, size - 4096} {
		if _, err := f.WriteAt(make([]byte, 4096), off); err != nil {
			t.Fatal(err)
		}
	}
	s, err := newSource(f, size)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	got := s.tally(size)
	if first, _ := sparse.NextData(f, 0, size); first == 0 && got.data == size {
		t.Skip("this file system does not know holes")
	}
	if got.data != 6*4096 || got.blocks[0] != 6 || got.blocks[1] != 5 || got.blocks[5] != 5 {
		t.Errorf("%+v", got)
	}
	if got := s.chooseBlockSize(); got != 1<<20 {
		t.Errorf("blocks of %d bytes", got)
	}
	dense, err := newSource(bytes.NewReader(nil), size)
	if err != nil {
		t.Fatal(err)
	}
	if got := dense.chooseBlockSize(); got != DefaultBlockSize {
		t.Errorf("dense: blocks of %d bytes", got)
	}
}

// Where no holes can be punched, zeroes are written, and only there.
func TestZeroWithoutHoles(t *testing.T) {
	for _, noPunch := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "v")
		const size = 4<<20 + 1234
		data := bytes.Repeat([]byte{0xff}, size)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		target, err := newTarget(f, size, false)
		if err != nil {
			t.Fatal(err)
		}
		defer target.close()
		target.noPunch.Store(noPunch)
		for _, s := range []span{{4096, 1<<20 + 5}, {2 << 20, size}} {
			if err := target.zero(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			clear(data[s.from:s.to])
		}
		piece := append(bytes.Repeat([]byte{1}, 32<<10), make([]byte, 64<<10)...)
		if err := target.write(piece, 1<<20+32<<10); err != nil {
			t.Fatal(err)
		}
		copy(data[1<<20+32<<10:], piece)
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("noPunch %v: another content, %v", noPunch, err)
		}
	}
}

// A set of blocks answers as a slice of bools would.
func TestBlockSet(t *testing.T) {
	h := newBlockHasher(512, 512*200+7)
	var s blockSet
	in := map[int64]bool{0: true, 63: true, 64: true, 130: true, 200: true}
	for first := int64(0); first < 201; first += 67 {
		batch := make([]digest, min(67, 201-first))
		for i := range batch {
			if n := first + int64(i); !in[n] {
				batch[i] = h.zeroBlock(n)
			}
		}
		s.add(batch, first, h)
	}
	for from := int64(0); from <= 201; from++ {
		for to := from; to <= 201; to++ {
			want := false
			for n := from; n < to; n++ {
				want = want || in[n]
			}
			if got := s.any(from, to); got != want {
				t.Fatalf("any(%d, %d) is %v", from, to, got)
			}
		}
	}
}

// However long a volume is, holes between its data do not lead to more objects than a
// restore takes.
func TestLeastHole(t *testing.T) {
	const chunk, tib = DefaultChunkSize, 1 << 40
	for size := int64(1 << 30); size <= 16*tib; size *= 2 {
		least := leastHole(chunk, size)
		if size <= tib && least != minHole {
			t.Errorf("%d GiB: holes of %d bytes", size>>30, least)
		}
		// Holes and data take turns, and data is also cut at chunks.
		if most := 2*(size/(least+grain)) + size/chunk; most > maxObjects {
			t.Errorf("%d GiB: up to %d objects", size>>30, most)
		}
	}
}

// The sums of zeroes are those that hashing all of them gives.
func TestZeroSums(t *testing.T) {
	h := md5.New()
	for n := int64(grain); n <= maxHole; n += grain {
		h.Write(zeroes[:grain])
		if n%stretch16 <= grain || n%(3<<20) == 0 {
			if sum := [md5.Size]byte(h.Sum(nil)); sum != zeroMD5(n) {
				t.Fatalf("%d zeroes: %x, want %x", n, zeroMD5(n), sum)
			}
		}
		if n%stretch16 == 0 && n < maxHole && !bytes.Equal(h.Sum(nil), md5OfZeroes(n/stretch16).Sum(nil)) {
			t.Fatalf("the state after %d zeroes is another", n)
		}
	}
}
