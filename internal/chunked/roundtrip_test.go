package chunked_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
)

// Random volumes with random changes, in chains of one to six backups, are restored
// correctly at every level, to new and to used volumes, for any sizes.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { roundTrip(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func roundTrip(t *testing.T, r *rand.Rand) {
	blockSize := []int64{512, 1000, 4096, 32 << 10}[r.IntN(4)]
	size := 1 + r.Int64N(100*blockSize)
	kinds := []chunked.Compression{chunked.Zstd, chunked.Zlib, chunked.None}
	store := chunktest.NewMemory()
	image := make([]byte, size)
	mutate(r, image, 0)
	var images [][]byte
	for n := range 1 + r.IntN(6) {
		spec := specOf(n)
		spec.Compression, spec.BlockSize = kinds[r.IntN(3)], blockSize
		// An incremental may have another chunk size (chunkeddriver.py reads only offsets).
		spec.ChunkSize = blockSize * (1 + r.Int64N(20))
		f := newVolume(t, size, false)
		for off := int64(0); off < size; off += blockSize {
			if p := image[off:min(off+blockSize, size)]; !bytes.Equal(p, make([]byte, len(p))) {
				if _, err := f.WriteAt(p, off); err != nil { // leaves holes
					t.Fatal(err)
				}
			}
		}
		res, err := chunked.Write(t.Context(), store, f, size, spec)
		if err != nil {
			t.Fatal(err)
		}
		objects := 0
		for key := range store.Objects() {
			if strings.HasPrefix(key, spec.Container+"/"+spec.Prefix+"-") {
				objects++
			}
		}
		if res.Objects != objects {
			t.Errorf("%d objects, %d counted", objects, res.Objects)
		}
		images = append(images, bytes.Clone(image))
		mutate(r, image, r.IntN(3))
	}
	for n, want := range images {
		for _, used := range []bool{false, true} {
			extra := int64(r.IntN(2) * 5000)
			f := newVolume(t, size+extra, used)
			_, err := chunked.Restore(t.Context(), store, f, size, chainOf(n+1), chunked.RestoreOptions{Sparse: !used})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, size+extra)
			if _, err := f.ReadAt(got, 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[:size], want) {
				t.Errorf("level %d, used %v: wrong volume", n, used)
			}
			if used && !bytes.Equal(got[size:], bytes.Repeat([]byte{0xff}, int(extra))) {
				t.Errorf("level %d: bytes beyond the backup were changed", n)
			}
		}
	}
}

// mutate changes some ranges to random bytes, repeated bytes or zeroes.
func mutate(r *rand.Rand, image []byte, how int) {
	for range 3 {
		from := r.IntN(len(image))
		p := image[from : from+r.IntN(len(image)-from+1)]
		switch r.IntN(3) {
		case 0:
			for i := range p {
				p[i] = byte(r.Uint32())
			}
		case 1:
			copy(p, bytes.Repeat([]byte{byte(how), 1, 2}, len(p)/3+1))
		case 2:
			clear(p)
		}
	}
}

// Data that was zeroed after the full backup is zero on a new volume, too. Cinder restores
// the old data (chunkeddriver.py _write_nonzero since 23.0.0).
func TestZeroedAfterFull(t *testing.T) {
	const size = 4 << 20
	store := chunktest.NewMemory()
	image := bytes.Repeat([]byte("data"), size/4)
	if _, err := chunked.Write(t.Context(), store, bytes.NewReader(image), size, specOf(0)); err != nil {
		t.Fatal(err)
	}
	clear(image[1<<20 : 3<<20])
	if _, err := chunked.Write(t.Context(), store, bytes.NewReader(image), size, specOf(1)); err != nil {
		t.Fatal(err)
	}
	for _, used := range []bool{false, true} {
		f := newVolume(t, size, used)
		if _, err := chunked.Restore(t.Context(), store, f, size, chainOf(2), chunked.RestoreOptions{Sparse: !used}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, image) {
			t.Errorf("used %v: wrong volume, %v", used, err)
		}
	}
}

// If nothing has changed, the incremental backup has no objects, and can be restored.
func TestNoChange(t *testing.T) {
	store, image := chunktest.NewMemory(), bytes.Repeat([]byte("data"), 1<<18)
	for n := range 2 {
		res, err := chunked.Write(t.Context(), store, bytes.NewReader(image), 1<<20, specOf(n))
		if err != nil || res.Objects != 1-n {
			t.Fatalf("%+v %v", res, err)
		}
	}
	if err := chunked.Restorable(t.Context(), store, 1<<20, chainOf(2)); err != nil {
		t.Error(err)
	}
	if !bytes.Contains(store.Objects()[partial+"_metadata"], []byte(`"objects": [],`)) {
		t.Error("objects is no empty list")
	}
}

// The metadata has the text that Cinder's json.dumps(sort_keys, indent=2) makes.
func TestText(t *testing.T) {
	store := chunktest.NewMemory()
	name, meta := "näme <&> \"x\"", `{"version": 2, "volume-base-metadata": {"display_name": "v"}}`
	spec := smallSpec(0)
	spec.Name, spec.VolumeMeta, spec.Compression = &name, &meta, chunked.None
	spec.CreatedAt = time.Date(2026, 11, 21, 17, 38, 24, 0, time.UTC)
	if _, err := chunked.Write(t.Context(), store, strings.NewReader(strings.Repeat("a", 600)), 600, spec); err != nil {
		t.Fatal(err)
	}
	const wantMeta = `{
  "backup_description": null,
  "backup_id": "b0",
  "backup_name": "näme <&> \"x\"",
  "created_at": "2026-11-21 17:38:24+00:00",
  "objects": [
    {
      "volume_v_backup_b0-00001": {
        "compression": "none",
        "length": 600,
        "md5": "f5091e6f3df8500fadf1c3ca00e10caf",
        "offset": 0
      }
    }
  ],
  "parent_id": null,
  "version": "1.0.0",
  "volume_id": "v",
  "volume_meta": "{\"version\": 2, \"volume-base-metadata\": {\"display_name\": \"v\"}}"
}`
	const wantDigests = `{
  "backup_description": null,
  "backup_id": "b0",
  "backup_name": "näme <&> \"x\"",
  "chunk_size": 512,
  "created_at": "2026-11-21 17:38:24+00:00",
  "sha256s": [
    "471be6558b665e4f6dd49f1184814d1491b0315d466beea768c153cc5500c836",
    "97538d8661e8d75c8fc59f7a759b1baeb3cbf6ca282b90016fa76cc05a36e6d8"
  ],
  "version": "1.0.0",
  "volume_id": "v"
}`
	if got := string(store.Objects()[full+"_metadata"]); got != wantMeta {
		t.Errorf("metadata:\n%s", got)
	}
	if got := string(store.Objects()[full+"_sha256file"]); got != wantDigests {
		t.Errorf("sha256file:\n%s", got)
	}
	for _, suffix := range []string{"_metadata", "_sha256file"} {
		if !json.Valid(store.Objects()[full+suffix]) {
			t.Errorf("%s is no JSON", suffix)
		}
	}
}
