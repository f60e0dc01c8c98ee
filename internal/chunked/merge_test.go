package chunked_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
)

// rounds is how many random chains are tried; MERGE_ROUNDS changes it.
func rounds(t *testing.T, usual int) int {
	t.Helper()
	if raceEnabled {
		usual = (usual + 2) / 3
	}
	n, err := strconv.Atoi(os.Getenv("MERGE_ROUNDS"))
	if err != nil {
		return usual
	}
	return n
}

// Random backups of random chains are merged away. All others keep their content, at each step.
func TestMergeRandomChains(t *testing.T) {
	copied := 0
	for seed := range rounds(t, 10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { copied += mergeChain(t, rand.New(rand.NewPCG(uint64(seed), 8))) })
	}
	if copied == 0 {
		t.Error("no object was copied")
	}
}

// made is a backup of a chain with its content.
type made struct {
	chunked.Level
	spec  chunked.Spec
	image []byte
}

// makeChain writes a chain of random backups.
func makeChain(t *testing.T, r *rand.Rand, store chunk.Store, n int) (chain []made, size int64) {
	t.Helper()
	blockSize := []int64{512, 4096, 32 << 10}[r.IntN(3)]
	size = 1 + r.Int64N(120*blockSize)
	image := make([]byte, size)
	mutate(r, image, 0)
	for i := range n {
		spec := specOf(i)
		spec.Compression, spec.BlockSize = []chunked.Compression{chunked.Zstd, chunked.Zlib, chunked.None}[r.IntN(3)], blockSize
		spec.ChunkSize = blockSize * (1 + r.Int64N(20))
		name := fmt.Sprint("näme ", i)
		spec.Name = &name
		f := newVolume(t, size, false)
		for off := int64(0); off < size; off += blockSize {
			if p := image[off:min(off+blockSize, size)]; !bytes.Equal(p, make([]byte, len(p))) {
				if _, err := f.WriteAt(p, off); err != nil { // leaves holes
					t.Fatal(err)
				}
			}
		}
		if _, err := chunked.Write(t.Context(), store, f, size, spec); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		chain = append(chain, made{chunked.Level{Location: spec.Location, BackupID: spec.BackupID, ParentID: spec.ParentID}, spec, bytes.Clone(image)})
		if r.IntN(3) > 0 { // small changes are the usual ones
			for range 1 + r.IntN(5) {
				at := r.Int64N(size)
				p := image[at:min(at+1+r.Int64N(2*blockSize), size)]
				for i := range p {
					p[i] = byte(r.Uint32()) * byte(r.IntN(2))
				}
			}
		} else {
			mutate(r, image, i)
		}
	}
	return chain, size
}

func levelsOf(chain []made) (levels []chunked.Level) {
	for _, m := range chain {
		levels = append(levels, m.Level)
	}
	return levels
}

// wantChain restores each backup of a chain.
func wantChain(t *testing.T, store chunk.Store, size int64, chain []made, what string) {
	t.Helper()
	for n, m := range chain {
		f := newVolume(t, size, false)
		if _, err := chunked.Restore(t.Context(), store, f, size, levelsOf(chain[:n+1]), chunked.RestoreOptions{Sparse: true}); err != nil {
			t.Fatalf("%s: backup %s: %v", what, m.BackupID, err)
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, m.image) {
			t.Fatalf("%s: backup %s has another content, %v", what, m.BackupID, err)
		}
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
}

func mergeChain(t *testing.T, r *rand.Rand) (copied int) {
	store := chunktest.NewMemory()
	chain, size := makeChain(t, r, store, 2+r.IntN(19))
	for step := 0; len(chain) > 1; step++ {
		k := r.IntN(len(chain) - 1) // the backup that goes
		child := &chain[k+1]
		to := chunked.Location{Container: child.Container, Prefix: fmt.Sprintf("step%d_%s", step, child.spec.Prefix)}
		before := store.Objects()
		got, err := chunked.Merge(t.Context(), store, size, levelsOf(chain[k:k+2]), chunked.MergeSpec{Location: to, ParentID: chain[k].ParentID, CreatedAt: child.spec.CreatedAt})
		if err != nil {
			t.Fatal(err)
		}
		for key, content := range before {
			if !bytes.Equal(store.Objects()[key], content) {
				t.Fatalf("object %s has changed", key)
			}
		}
		copied += got.Copied
		if described, err := chunked.Describe(t.Context(), store, to); err != nil || described.DataBytes != got.DataBytes {
			t.Fatalf("the merge holds %d bytes, and its metadata says %d, %v", got.DataBytes, described.DataBytes, err)
		}
		for _, old := range chain[k : k+2] {
			if err := chunked.Delete(t.Context(), store, old.Location); err != nil {
				t.Fatal(err)
			}
		}
		child.Location, child.ParentID = to, chain[k].ParentID
		chain = slices.Delete(chain, k, k+1)
		wantChain(t, store, size, chain, fmt.Sprintf("step %d", step))
	}
	return copied
}

// A whole chain becomes one full backup. The chain stays.
func TestMergeToFull(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for range rounds(t, 10) {
		store := chunktest.NewMemory()
		chain, size := makeChain(t, r, store, 2+r.IntN(6))
		last := chain[len(chain)-1]
		to := chunked.Location{Container: "full", Prefix: "volume_v_backup_full"}
		if _, err := chunked.Merge(t.Context(), store, size, levelsOf(chain), chunked.MergeSpec{Location: to}); err != nil {
			t.Fatal(err)
		}
		wantChain(t, store, size, []made{{chunked.Level{Location: to, BackupID: last.BackupID}, last.spec, last.image}}, "full")
		wantChain(t, store, size, chain, "chain")
	}
}

// What does not change costs no bytes, and what does costs its objects.
func TestMergeCost(t *testing.T) {
	const size, block = 64 << 20, 32 << 10
	store := chunktest.NewMemory()
	image := make([]byte, size)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range image {
		image[i] = byte(r.Uint32())
	}
	write := func(n int, want int64) {
		spec := specOf(n)
		spec.ChunkSize, spec.BlockSize, spec.Compression = 1<<20, block, chunked.None
		got, err := chunked.Write(t.Context(), store, bytes.NewReader(image), size, spec)
		if err != nil {
			t.Fatal(err)
		}
		if got.DataBytes != want {
			t.Errorf("backup %d holds %d bytes, want %d", n, got.DataBytes, want)
		}
	}
	write(0, size)
	clear(image[5<<20 : 5<<20+block]) // in the middle of one object
	image[9<<20]++                    // at the begin of one
	clear(image[20<<20 : 23<<20])     // three whole objects
	write(1, block)                   // zeroes count as nothing
	got, err := chunked.Merge(t.Context(), store, size, chainOf(2), chunked.MergeSpec{Location: chunked.Location{Container: "c1", Prefix: "new"}, Compression: chunked.None})
	if err != nil {
		t.Fatal(err)
	}
	// Two objects of the full backup are cut. Of the other 62, three are covered. Zeroes are objects of
	// their own.
	if got.WrittenBytes > 2<<20 || got.ReadBytes > 3<<20 || got.Copied < 59 || got.DataBytes != size-3<<20-block {
		t.Errorf("%+v", got)
	}
}

// Nothing is written over, and nothing is complete, if a level is damaged or the store fails.
func TestMergeFailures(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	store := chunktest.NewMemory()
	chain, size := makeChain(t, r, store, 4)
	good := maps.Clone(store.Objects())
	to := chunked.Location{Container: "c3", Prefix: "new"}
	merge := func(ctx context.Context) error {
		_, err := chunked.Merge(ctx, store, size, levelsOf(chain), chunked.MergeSpec{Location: to})
		return err
	}
	wipe := func() {
		for key := range store.Objects() {
			if _, old := good[key]; !old {
				store.Set(key, nil)
			}
		}
	}
	complete := func() bool { _, there := store.Objects()[to.Container+"/"+to.Prefix+"_metadata"]; return there }
	for key, content := range good {
		if len(content) == 0 {
			continue
		}
		store.Set(key, nil)
		if err := merge(t.Context()); err == nil && !strings.HasSuffix(key, "_sha256file") {
			t.Errorf("%s is missing, and nobody minds", key)
		} else if err == nil { // the digests of the levels before the last one are not needed
			wipe()
		}
		if complete() {
			t.Errorf("%s is missing, and there is a backup", key)
		}
		wipe()
		store.Set(key, content)
	}
	for _, op := range []chunktest.Op{chunktest.Put, chunktest.Copy, chunktest.Get, chunktest.Read, chunktest.List} {
		for nth := 1; nth < 60; nth += 3 {
			store.Inject(chunktest.Fault{Op: op, Nth: nth, Err: errors.New("the store fails")})
			err := merge(t.Context())
			if err != nil && complete() {
				t.Errorf("%s %d fails, and there is a backup", op, nth)
			}
			wipe()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := merge(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	bad := levelsOf(chain)
	bad[1].ParentID = "other"
	if _, err := chunked.Merge(t.Context(), store, size, bad, chunked.MergeSpec{Location: to}); err == nil {
		t.Error("a level of another chain is accepted")
	}
	if _, err := chunked.Merge(t.Context(), store, size, levelsOf(chain[1:]), chunked.MergeSpec{Location: to}); err == nil {
		t.Error("an incremental backup becomes a full one without its parent")
	}
	if !maps.EqualFunc(store.Objects(), good, bytes.Equal) {
		t.Error("objects have changed")
	}
}

// A block that is not what its digest says is not carried over.
func TestMergeChecksDigests(t *testing.T) {
	const size = 1 << 20
	store := chunktest.NewMemory()
	image := bytes.Repeat([]byte("data"), size/4)
	for n := range 2 {
		spec := specOf(n)
		spec.BlockSize, spec.ChunkSize, spec.Compression = 4096, size, chunked.None
		_, err := chunked.Write(t.Context(), store, bytes.NewReader(image), size, spec)
		check(t, err)
		copy(image[8192:], "other")
	}
	key := chainOf(2)[1].Container + "/" + chainOf(2)[1].Prefix + "_sha256file"
	digests := store.Objects()[key]
	at := bytes.LastIndex(digests, []byte(`"version"`)) - 20 // in a digest
	store.Set(key, append(append(bytes.Clone(digests[:at]), 'f', 'e', 'd', 'c'), digests[at+4:]...))
	_, err := chunked.Merge(t.Context(), store, size, chainOf(2), chunked.MergeSpec{Location: chunked.Location{Container: "c1", Prefix: "new"}})
	if err == nil || !strings.Contains(err.Error(), "is not what was backed up") {
		t.Error(err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
