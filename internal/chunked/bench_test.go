package chunked_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cindergate/internal/chunk/dir"
	"cindergate/internal/chunked"
)

// benchSize returns the size of the benchmarks' volumes in bytes, from BENCH_MIB.
func benchSize() int64 {
	mib, err := strconv.Atoi(os.Getenv("BENCH_MIB"))
	if err != nil {
		mib = 256
	}
	return int64(mib) << 20
}

// fillVolume fills a new volume: with random data, half (2 random KiB in each 4 KiB), or
// sparse (1 MiB in 64).
func fillVolume(tb testing.TB, kind string, size int64) *os.File {
	tb.Helper()
	f := newVolume(tb, size, false)
	r := rand.NewChaCha8([32]byte{1})
	buf := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(buf)) {
		if kind == "sparse" && off%(64<<20) != 0 {
			continue
		}
		_, _ = r.Read(buf)
		if kind == "half" {
			for i := 0; i < len(buf); i += 4096 {
				clear(buf[i+2048 : i+4096])
			}
		}
		if _, err := f.WriteAt(buf, off); err != nil {
			tb.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		tb.Fatal(err)
	}
	return f
}

// touch changes a tenth of the volume: 1 MiB in each 10.
func touch(tb testing.TB, f *os.File, size int64) {
	tb.Helper()
	r := rand.NewChaCha8([32]byte{2})
	buf := make([]byte, 1<<20)
	for off := int64(0); off < size; off += 10 << 20 {
		_, _ = r.Read(buf)
		if _, err := f.WriteAt(buf, off); err != nil {
			tb.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		tb.Fatal(err)
	}
}

func openDir(tb testing.TB) *dir.Store {
	tb.Helper()
	s, err := dir.Open(filepath.Join(tb.TempDir(), "store"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func specOf(n int) chunked.Spec {
	spec := chunked.Spec{Location: chunked.Location{Container: fmt.Sprintf("c%d", n), Prefix: fmt.Sprintf("volume_v_backup_b%d", n)},
		BackupID: fmt.Sprintf("b%d", n), VolumeID: "v"}
	if n > 0 {
		parent := specOf(n - 1)
		spec.ParentID, spec.Parent = parent.BackupID, &parent.Location
	}
	return spec
}

func chainOf(n int) []chunked.Level {
	var chain []chunked.Level
	for i := range n {
		s := specOf(i)
		chain = append(chain, chunked.Level{Location: s.Location, BackupID: s.BackupID, ParentID: s.ParentID})
	}
	return chain
}

func BenchmarkBackup(b *testing.B) {
	for _, kind := range []string{"random", "half", "sparse", "incremental"} {
		b.Run(kind, func(b *testing.B) {
			size := benchSize()
			f, store := fillVolume(b, strings.Replace(kind, "incremental", "random", 1), size), openDir(b)
			spec := specOf(0)
			if kind == "incremental" {
				if _, err := chunked.Write(b.Context(), store, f, size, spec); err != nil {
					b.Fatal(err)
				}
				touch(b, f, size)
				spec = specOf(1)
			}
			b.SetBytes(size)
			for b.Loop() {
				if _, err := chunked.Write(b.Context(), store, f, size, spec); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := chunked.Delete(b.Context(), store, spec.Location); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

func BenchmarkRestore(b *testing.B) {
	for _, kind := range []string{"random", "half", "incremental", "large-objects"} {
		b.Run(kind, func(b *testing.B) {
			size := benchSize()
			fill, full := "random", specOf(0)
			switch kind {
			case "half":
				fill = kind
			case "large-objects": // as Cinder writes them; they lie in many windows
				full.ChunkSize = chunked.MaxChunkSize
			}
			f, store := fillVolume(b, fill, size), openDir(b)
			levels := 1
			if _, err := chunked.Write(b.Context(), store, f, size, full); err != nil {
				b.Fatal(err)
			}
			if kind == "incremental" {
				levels = 2
				touch(b, f, size)
				if _, err := chunked.Write(b.Context(), store, f, size, specOf(1)); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(size)
			for b.Loop() {
				if _, err := chunked.Restore(b.Context(), store, f, size, chainOf(levels), chunked.RestoreOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkThin measures volumes with 1/1024 of data: 64 GiB, or BENCH_THIN_GIB.
func BenchmarkThin(b *testing.B) {
	gib, err := strconv.Atoi(os.Getenv("BENCH_THIN_GIB"))
	if err != nil {
		gib = 64
	}
	size := int64(gib) << 30
	for _, piece := range []int64{1 << 20, 64 << 10} {
		f := newVolume(b, size, false)
		r := rand.NewChaCha8([32]byte{1})
		buf := make([]byte, piece)
		for off := int64(0); off < size; off += piece << 10 {
			_, _ = r.Read(buf)
			at := off + int64(r.Uint64()%(uint64(piece)<<10-uint64(piece)))&^4095 // #nosec G115 -- small
			if _, err := f.WriteAt(buf, at); err != nil {
				b.Fatal(err)
			}
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		store := openDir(b)
		write := func(b *testing.B, n int) {
			for b.Loop() {
				b.StopTimer()
				if err := chunked.Delete(b.Context(), store, specOf(n).Location); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := chunked.Write(b.Context(), store, f, size, specOf(n)); err != nil {
					b.Fatal(err)
				}
			}
		}
		name := fmt.Sprintf("%dKiB", piece>>10)
		b.Run(name+"/full", func(b *testing.B) { write(b, 0) })
		b.Run(name+"/incremental", func(b *testing.B) { write(b, 1) })
		b.Run(name+"/restore", func(b *testing.B) {
			for b.Loop() {
				to := newVolume(b, size, false)
				if _, err := chunked.Restore(b.Context(), store, to, size, chainOf(2), chunked.RestoreOptions{Sparse: true}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
