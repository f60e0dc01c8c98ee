package chunked_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
	"cindergate/internal/sparse"
)

// golden is a store that a real cinder-backup 21.3.1 wrote.
type golden struct {
	Steps []struct {
		Decoded struct {
			ID              string
			ParentID        *string `json:"parent_id"`
			Container       string
			ServiceMetadata string `json:"service_metadata"`
			Size            int64
		}
	}
	Full string `json:"sha_full"`
	Inc1 string `json:"sha_inc1"`
	Inc2 string `json:"sha_snap"`
}

func (g golden) chain() []chunked.Level {
	var chain []chunked.Level
	for _, s := range g.Steps {
		d := s.Decoded
		l := chunked.Level{Location: chunked.Location{Container: d.Container, Prefix: d.ServiceMetadata}, BackupID: d.ID}
		if d.ParentID != nil {
			l.ParentID = *d.ParentID
		}
		chain = append(chain, l)
	}
	return chain
}

func loadGolden(tb testing.TB, kind string) (store *chunktest.Memory, g golden) {
	tb.Helper()
	store = chunktest.NewMemory()
	manifest := store.Unpack(tb, filepath.Join("testdata", "chunked-posix-"+kind+".tar.zst"), kind)
	if err := json.Unmarshal(manifest, &g); err != nil {
		tb.Fatal(err)
	}
	return store, g
}

// newVolume creates an empty volume, or one filled with 0xff.
func newVolume(tb testing.TB, size int64, full bool) *os.File {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "volume")
	if err := sparse.Create(path, size); err != nil {
		tb.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	for off := int64(0); full && off < size; off += 1 << 20 {
		if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, int(min(1<<20, size-off))), off); err != nil {
			tb.Fatal(err)
		}
	}
	return f
}

func hashOf(tb testing.TB, f *os.File) string {
	tb.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, 1<<40)); err != nil {
		tb.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Backups of a real Cinder are restored bit by bit.
func TestGolden(t *testing.T) {
	kinds := []string{"zlib", "bz2", "zstd"}
	if raceEnabled {
		kinds = []string{"zstd"} // a GiB takes minutes; make test restores all kinds without the race detector
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			store, g := loadGolden(t, kind)
			for i, want := range []string{g.Full, g.Inc1, g.Inc2} {
				if raceEnabled && i < 2 {
					continue
				}
				chain := g.chain()[:i+1]
				f := newVolume(t, g.Steps[0].Decoded.Size<<30, false)
				r, err := chunked.Restore(t.Context(), store, f, g.Steps[0].Decoded.Size<<30, chain, chunked.RestoreOptions{Sparse: true})
				if err != nil {
					t.Fatal(err)
				}
				if got := hashOf(t, f); got != want {
					t.Errorf("level %d: volume has SHA-256 %s, want %s", i, got, want)
				}
				m, err := chunked.MergeVolumeMeta(r.VolumeMeta)
				if err != nil || m.Base["display_name"] == nil || *m.Base["display_name"] != "gold-"+kind {
					t.Errorf("level %d: volume_meta %v %v", i, m, err)
				}
			}
		})
	}
}
