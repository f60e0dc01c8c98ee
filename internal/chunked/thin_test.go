package chunked_test

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
	"cindergate/internal/sparse"
)

// patch is data in a thin volume.
type patch struct {
	off  int64
	data []byte
}

func some(off int64, n int) patch {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(off), byte(off >> 20), byte(n)}).Read(b)
	return patch{off, b}
}

func zero(off int64, n int) patch { return patch{off, make([]byte, n)} }

const mib = 1 << 20

// thinVolumes are volumes whose data lies where something could be forgotten. then is
// changed between the full and the incremental backup.
var thinVolumes = map[string]struct {
	size        int64
	first, then []patch
	punch       bool // the zeroes of then become holes
}{
	"empty":                         {64 * mib, nil, nil, false},
	"empty, then data":              {64 * mib, nil, []patch{some(33*mib, 5000)}, false},
	"one byte":                      {1, []patch{some(0, 1)}, []patch{zero(0, 1)}, false},
	"holes around":                  {40*mib + 12345, []patch{some(20*mib, 70000)}, []patch{zero(20*mib+32768, 32768)}, false},
	"holes around, punched":         {40 * mib, []patch{some(20*mib, 700000)}, []patch{zero(20*mib+65536, 262144)}, true},
	"data at both ends":             {600*mib + 5, []patch{some(0, 10), some(600*mib, 5)}, []patch{zero(0, 10), some(300*mib, 100)}, false},
	"the last byte":                 {300 * mib, []patch{some(300*mib-1, 1)}, []patch{zero(300*mib-4096, 4096)}, true},
	"across chunks":                 {64 * mib, []patch{some(8*mib-4096, 8192), some(16*mib-1, 2), some(24*mib, 1), some(32*mib-1, 1)}, []patch{some(16*mib-1, 2)}, false},
	"explicit zeroes":               {32 * mib, []patch{zero(0, 20*mib), some(21*mib, 100)}, []patch{zero(21*mib, 100)}, false},
	"explicit zeroes in data":       {24 * mib, []patch{some(0, 24*mib), zero(3*mib, 9*mib)}, []patch{zero(16*mib, 8*mib)}, true},
	"short holes":                   {24 * mib, []patch{some(0, 1000), some(mib/2, 1000), some(mib, 1000), some(2*mib+4096, 1000)}, []patch{zero(mib, 4096)}, true},
	"a hole of exactly the least":   {24 * mib, []patch{some(0, 4096), some(mib+4096, 4096)}, []patch{some(mib/2, 10)}, false},
	"all of the data becomes zero":  {64 * mib, []patch{some(10*mib, 3*mib), some(60*mib, mib)}, []patch{zero(10*mib, 3*mib), zero(60*mib, mib)}, true},
	"data over the rest of a block": {100 * mib, []patch{some(50*mib+4096, 4096)}, []patch{some(50*mib+12288, 4096), some(50*mib+40960, 4096)}, false},
}

// apply changes a volume's file.
func apply(t *testing.T, f *os.File, patches []patch, punch bool) {
	t.Helper()
	for _, p := range patches {
		if punch && bytes.Count(p.data, []byte{0}) == len(p.data) && sparse.Punch(f, p.off, int64(len(p.data))) == nil {
			continue
		}
		if _, err := f.WriteAt(p.data, p.off); err != nil {
			t.Fatal(err)
		}
	}
}

// unsparse hides that a volume is a file, as if its file system did not know holes.
type unsparse struct{ io.ReaderAt }

// Thin volumes are restored at every level: to new volumes, over data, and to longer ones.
// Blocks of all sizes, and a file system that does not know holes, make no difference.
func TestThin(t *testing.T) {
	for name, v := range thinVolumes {
		for _, block := range []int64{0, 512 << 10} {
			for _, how := range []string{"disk", "tmpfs", "no holes"} {
				if how != "disk" && (v.size > 100*mib || block > 0 || raceEnabled) {
					continue // the code is the same; without the race detector it is fast
				}
				if raceEnabled && (v.size > 100*mib || block > 0 || how != "disk") {
					continue // make test does these without the race detector
				}
				t.Run(fmt.Sprintf("%s/%d/%s", name, block>>10, how), func(t *testing.T) {
					dir := t.TempDir()
					if how == "tmpfs" {
						dir = tmpfs(t)
					}
					store := chunktest.NewMemory()
					f := volumeIn(t, dir, "source", v.size)
					var source io.ReaderAt = f
					if how == "no holes" {
						source = unsparse{f}
					}
					var images []*os.File
					for n := range 3 { // the last one is unchanged
						switch n {
						case 0:
							apply(t, f, v.first, false)
						case 1:
							apply(t, f, v.then, v.punch)
						}
						spec := specOf(n)
						spec.Compression = []chunked.Compression{chunked.Zstd, chunked.Zlib, chunked.None}[(n+len(name))%3]
						if n == 0 {
							spec.BlockSize = block
						}
						res, err := chunked.Write(t.Context(), store, source, v.size, spec)
						if err != nil {
							t.Fatal(err)
						}
						if n == 2 && res.Objects != 0 {
							t.Errorf("%d objects although nothing has changed", res.Objects)
						}
						contiguous(t, store, n, v.size)
						image := volumeIn(t, dir, fmt.Sprint("image", n), 0)
						if err := sparse.Clone(t.Context(), image.Name()+"x", f.Name(), nil); err != nil {
							t.Fatal(err)
						}
						copied, err := os.Open(image.Name() + "x")
						if err != nil {
							t.Fatal(err)
						}
						defer copied.Close()
						images = append(images, copied)
					}
					if how == "disk" && v.size <= 100*mib && !raceEnabled {
						asCinder(t, store, images, v.size)
					}
					for n, image := range images {
						for _, used := range []bool{false, true} {
							const more = 3*mib + 77
							to := volumeIn(t, dir, fmt.Sprint("restored", n, used), v.size+more)
							if used {
								for off := int64(0); off < v.size+more; off += max(7*mib/2, v.size/16) {
									apply(t, to, []patch{{off, bytes.Repeat([]byte{0xee}, int(min(5*mib/4, v.size+more-off)))}}, false)
								}
							}
							tail := make([]byte, more)
							if _, err := to.ReadAt(tail, v.size); err != nil {
								t.Fatal(err)
							}
							if _, err := chunked.Restore(t.Context(), store, to, v.size, chainOf(n+1), chunked.RestoreOptions{Sparse: !used}); err != nil {
								t.Fatal(err)
							}
							same(t, image, to, v.size)
							after := make([]byte, more)
							if _, err := to.ReadAt(after, v.size); err != nil || !bytes.Equal(tail, after) {
								t.Errorf("level %d: bytes beyond the backup were changed, %v", n, err)
							}
							if err := os.Remove(to.Name()); err != nil {
								t.Fatal(err)
							}
						}
					}
				})
			}
		}
	}
}

// asCinder restores each level to a used volume as Cinder does: it decompresses every
// object of every level and writes it, and looks at no digest (chunkeddriver.py restore).
func asCinder(t *testing.T, store *chunktest.Memory, images []*os.File, size int64) {
	t.Helper()
	volume := bytes.Repeat([]byte{0xee}, int(size))
	for n, image := range images {
		for _, o := range described(t, store, n) {
			b := store.Objects()[specOf(n).Container+"/"+o.Name]
			var r io.Reader = bytes.NewReader(b)
			var err error
			switch o.Compression {
			case "zlib":
				r, err = zlib.NewReader(r)
			case "bz2":
				r = bzip2.NewReader(r)
			case "zstd":
				r, err = zstd.NewReader(r)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r, volume[o.Offset:o.Offset+o.Length]); err != nil {
				t.Fatalf("%s of level %d, %s: %v", o.Name, n, o.Compression, err)
			}
			if more, _ := r.Read(make([]byte, 1)); more > 0 {
				t.Fatalf("%s of level %d is longer than %d bytes", o.Name, n, o.Length)
			}
		}
		want := make([]byte, size)
		if _, err := image.ReadAt(want, 0); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(volume, want) {
			t.Fatalf("level %d: Cinder restores another volume", n)
		}
	}
}

// tmpfs returns a directory in memory.
func tmpfs(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "thin")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func volumeIn(t *testing.T, dir, name string, size int64) *os.File {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := sparse.Create(path, size); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// same compares size bytes of two files. Only what is data in one of them is read.
func same(t *testing.T, a, b *os.File, size int64) {
	t.Helper()
	for _, f := range []*os.File{a, b} {
		for off := int64(0); off < size; {
			start, stop := sparse.NextData(f, off, size)
			for off = start; off < stop; off += mib {
				n := min(mib, stop-off)
				x, y := make([]byte, n), make([]byte, n)
				if _, err := a.ReadAt(x, off); err != nil {
					t.Fatal(err)
				}
				if _, err := b.ReadAt(y, off); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(x, y) {
					t.Fatalf("the files differ in the %d bytes at %d", n, off)
				}
			}
			off = stop
		}
	}
}

// described are the objects in a backup's metadata.
func described(t *testing.T, store *chunktest.Memory, n int) (objects []struct {
	Offset, Length int64
	Compression    string
	Name           string
}) {
	t.Helper()
	var m struct {
		Objects []map[string]struct {
			Offset, Length int64
			Compression    string
		}
	}
	spec := specOf(n)
	if err := json.Unmarshal(store.Objects()[spec.Container+"/"+spec.Prefix+"_metadata"], &m); err != nil {
		t.Fatal(err)
	}
	for _, entry := range m.Objects {
		for name, o := range entry {
			objects = append(objects, struct {
				Offset, Length int64
				Compression    string
				Name           string
			}{o.Offset, o.Length, o.Compression, name})
		}
	}
	return objects
}

// contiguous checks that the objects are numbered in order, that those of a full backup
// cover the volume, and that none is longer than 256 MiB, nor, with data, than 8 MiB.
func contiguous(t *testing.T, store *chunktest.Memory, n int, size int64) {
	t.Helper()
	end := int64(0)
	for i, o := range described(t, store, n) {
		if n == 0 && o.Offset != end || o.Offset < end {
			t.Fatalf("object %d of level %d begins at %d, not at %d", i+1, n, o.Offset, end)
		}
		if want := fmt.Sprintf("%s-%05d", specOf(n).Prefix, i+1); o.Name != want {
			t.Fatalf("object %d is %s", i+1, o.Name)
		}
		if o.Length > 256*mib || o.Length > 8*mib && o.Compression == "none" {
			t.Fatalf("object %s has %d bytes of %s", o.Name, o.Length, o.Compression)
		}
		end = o.Offset + o.Length
	}
	if n == 0 && end != size {
		t.Fatalf("the objects end at %d of %d", end, size)
	}
}

// A thin volume costs what its data costs: bytes read and stored, objects written and read.
func TestThinCost(t *testing.T) {
	const size = 1 << 40
	f := volumeIn(t, t.TempDir(), "v", size)
	if start, _ := sparse.NextData(f, 0, size); start != size {
		t.Skip("this file system does not know holes")
	}
	apply(t, f, []patch{some(100<<30, mib), some(700<<30+4096, 4096)}, false)
	store := chunktest.NewMemory()
	res, err := chunked.Write(t.Context(), store, f, size, specOf(0))
	if err != nil {
		t.Fatal(err)
	}
	if res.ReadBytes > mib+8192 || res.Objects > 4110 || res.StoredBytes > 40*mib {
		t.Errorf("full: %+v", res)
	}
	if n := len(store.Objects()[full+"_sha256file"]); n > 80*mib {
		t.Errorf("%d bytes of digests", n)
	}
	apply(t, f, []patch{some(900<<30, 4096), zero(100<<30, mib/2)}, false)
	if res, err = chunked.Write(t.Context(), store, f, size, specOf(1)); err != nil {
		t.Fatal(err)
	}
	if res.ReadBytes > 3*mib || res.Objects != 2 || res.StoredBytes > 2*mib {
		t.Errorf("incremental: %+v", res)
	}
	for _, used := range []bool{false, true} {
		to := volumeIn(t, t.TempDir(), "to", size)
		if used {
			apply(t, to, []patch{some(0, 3*mib), some(500<<30, mib), some(900<<30+mib/2, mib)}, false)
		}
		reads := &dataReads{Store: store}
		if _, err := chunked.Restore(t.Context(), reads, to, size, chainOf(2), chunked.RestoreOptions{Sparse: !used}); err != nil {
			t.Fatal(err)
		}
		// One piece of the full backup, and both of the incremental one: its first is half zeroes.
		if n := reads.count.Load(); n != 3 {
			t.Errorf("used %v: %d objects were read", used, n)
		}
		same(t, f, to, size)
	}
}

// An object of zeroes must be there, but what it holds does not matter: the digests say
// that its blocks are zeroes. One that holds data is checked, wherever it is.
func TestDamagedHoles(t *testing.T) {
	const size = 300 * mib
	f := volumeIn(t, t.TempDir(), "v", size)
	apply(t, f, []patch{some(50*mib, 100000), some(200*mib, 100000)}, false)
	store := chunktest.NewMemory()
	if _, err := chunked.Write(t.Context(), store, f, size, specOf(0)); err != nil {
		t.Fatal(err)
	}
	objects := described(t, store, 0)
	if len(objects) != 5 {
		t.Fatalf("%d objects", len(objects))
	}
	for i, o := range objects {
		key, hole := "c0/"+o.Name, i%2 == 0
		whole := store.Objects()[key]
		for name, damaged := range map[string][]byte{"flipped": flip(whole), "cut": whole[:len(whole)-1], "empty": {}, "missing": nil} {
			store.Set(key, damaged)
			to := volumeIn(t, t.TempDir(), "to", size)
			apply(t, to, []patch{some(100*mib, 4096)}, false)
			_, err := chunked.Restore(t.Context(), store, to, size, chainOf(1), chunked.RestoreOptions{})
			switch {
			case name == "missing":
				if reason := reasonOf(t, err); !strings.Contains(reason, "is missing") {
					t.Errorf("%s %s: %v", o.Name, name, err)
				}
				if got := make([]byte, 4096); !readInto(t, to, got, 100*mib) || !bytes.Equal(got, some(100*mib, 4096).data) {
					t.Errorf("%s %s: the volume was written to", o.Name, name)
				}
			case hole:
				if err != nil {
					t.Errorf("%s %s: %v", o.Name, name, err)
				}
				same(t, f, to, size)
			default:
				if reason := reasonOf(t, err); !strings.Contains(reason, o.Name) {
					t.Errorf("%s %s: %v", o.Name, name, err)
				}
			}
		}
		store.Set(key, whole)
	}
}

func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 4
	return b
}

func readInto(t *testing.T, f *os.File, b []byte, off int64) bool {
	t.Helper()
	_, err := f.ReadAt(b, off)
	return err == nil
}

// An object of zeroes that is too long to be known by its MD5, as those of 2 GB that Cinder
// writes, is not read either, for the digests say what it holds.
func TestLongZeroes(t *testing.T) {
	const size = 600 * mib
	f := volumeIn(t, t.TempDir(), "v", size)
	apply(t, f, []patch{some(0, 32<<10)}, false)
	store := chunktest.NewMemory()
	if _, err := chunked.Write(t.Context(), store, f, size, specOf(0)); err != nil {
		t.Fatal(err)
	}
	objects := described(t, store, 0)
	if len(objects) != 4 || objects[0].Length != 32<<10 {
		t.Fatalf("%+v", objects)
	}
	text := string(store.Objects()[full+"_metadata"])
	second, end := strings.Index(text, objects[1].Name), strings.Index(text, "\n  ],")
	entry := fmt.Sprintf(`%s": {"compression": "zlib", "length": %d, "md5": %q, "offset": 32768}}`, objects[1].Name, size-32<<10, strings.Repeat("ab", 16))
	store.Set(full+"_metadata", []byte(text[:second]+entry+text[end:]))
	store.Set("c0/"+objects[2].Name, nil)
	store.Set("c0/"+objects[3].Name, nil)
	reads := &dataReads{Store: store}
	to := volumeIn(t, t.TempDir(), "to", size)
	apply(t, to, []patch{some(500*mib, mib)}, false)
	if _, err := chunked.Restore(t.Context(), reads, to, size, chainOf(1), chunked.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := reads.count.Load(); n != 1 {
		t.Errorf("%d objects were read", n)
	}
	same(t, f, to, size)
}

// A metadata that takes an object with data for zeroes does not pass: the digest of the
// block is that of the data.
func TestDataDeclaredZeroes(t *testing.T) {
	const size = 4 * mib
	f := volumeIn(t, t.TempDir(), "v", size)
	apply(t, f, []patch{some(2*mib, 4096)}, false)
	store := chunktest.NewMemory()
	if _, err := chunked.Write(t.Context(), store, f, size, specOf(0)); err != nil {
		t.Fatal(err)
	}
	text := string(store.Objects()[full+"_metadata"])
	parts := strings.Split(text, `"md5": "`)
	if len(parts) != 4 {
		t.Fatalf("%d objects", len(parts)-1)
	}
	const zeroes4096 = "620f0b67a91f7f74151bc5be745b7110"
	parts[2] = zeroes4096 + parts[2][32:]
	store.Set(full+"_metadata", []byte(strings.Join(parts, `"md5": "`)))
	if reason := reasonOf(t, chunked.Restorable(t.Context(), store, size, chainOf(1))); !strings.Contains(reason, "is not what was backed up") {
		t.Error(reason)
	}
}

// A chain keeps the block size of its full backup, whatever it is.
func TestChainKeepsBlockSize(t *testing.T) {
	const size = 3*mib + 5
	store := chunktest.NewMemory()
	image := some(0, size).data
	for n := range 3 {
		spec := specOf(n)
		if n == 0 {
			spec.BlockSize = 96 << 10
		}
		if _, err := chunked.Write(t.Context(), store, bytes.NewReader(image), size, spec); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(store.Objects()[spec.Container+"/"+spec.Prefix+"_sha256file"], []byte(`"chunk_size": 98304,`)) {
			t.Errorf("level %d has another block size", n)
		}
		image[mib+n]++
	}
	if err := chunked.Restorable(t.Context(), store, size, chainOf(3)); err != nil {
		t.Error(err)
	}
}

// FuzzThin makes chains of random volumes, as [TestRoundTrip] does.
func FuzzThin(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { roundTrip(t, rand.New(rand.NewPCG(a, b))) })
}

// batched is a store with batches, in memory. Its objects appear when a batch is flushed.
type batched struct {
	*chunktest.Memory
	err error // of Flush
}

type memoryBatch struct {
	store *batched
	mu    sync.Mutex
	puts  []func(context.Context) error
}

func (s *batched) Batch() chunk.Batch { return &memoryBatch{store: s} }

func (b *memoryBatch) Put(_ context.Context, key string, body chunk.Body, size int64) error {
	r, err := body()
	if err != nil {
		return err
	}
	content, err := io.ReadAll(r) // the memory is the writer's
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts = append(b.puts, func(ctx context.Context) error { return b.store.Put(ctx, key, chunktest.Bytes(content), size) })
	return nil
}

func (b *memoryBatch) Flush(ctx context.Context) error {
	if b.store.err != nil {
		return b.store.err
	}
	for _, put := range b.puts {
		if err := put(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *memoryBatch) Close() error { return nil }

// The objects of a batch are flushed before digests and metadata are written. Without them
// there is no backup.
func TestBatchIsFlushed(t *testing.T) {
	image := some(0, 3*mib).data
	store := &batched{Memory: chunktest.NewMemory()}
	spec := specOf(0)
	spec.ChunkSize = 64 << 10
	if _, err := chunked.Write(t.Context(), store, bytes.NewReader(image), int64(len(image)), spec); err != nil {
		t.Fatal(err)
	}
	puts := store.Puts()
	if n := len(puts); n != 50 || puts[n-2] != full+"_sha256file" || puts[n-1] != full+"_metadata" {
		t.Errorf("%d objects: %v", n, puts)
	}
	if err := chunked.Restorable(t.Context(), store, int64(len(image)), chainOf(1)); err != nil {
		t.Error(err)
	}
	store = &batched{Memory: chunktest.NewMemory(), err: syscall.ENOSPC}
	_, err := chunked.Write(t.Context(), store, bytes.NewReader(image), int64(len(image)), spec)
	if reason := reasonOf(t, err); !strings.Contains(reason, "No space left") || len(store.Objects()) > 0 {
		t.Errorf("%v, %d objects", err, len(store.Objects()))
	}
}
