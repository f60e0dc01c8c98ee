package chunked_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
)

// An incremental backup with the ranges that changed is its parent with those ranges laid
// over it, whatever the volume holds elsewhere.
func TestChanged(t *testing.T) {
	const size, block = 20<<20 + 4096, 32 << 10
	parent := make([]byte, size)
	noise := rand.NewChaCha8([32]byte{1})
	_, _ = noise.Read(parent[3<<20 : 12<<20])
	for name, changed := range map[string][][2]int64{
		"nothing":       {},
		"all":           {{0, size}},
		"the end":       {{20 << 20, size}},
		"one block":     {{5 * block, 6 * block}},
		"over data":     {{3<<20 - block, 3<<20 + block}, {11 << 20, 13 << 20}},
		"many":          {{0, block}, {2 * block, 3 * block}, {200 * block, 300 * block}, {301 * block, 302 * block}, {500 * block, 640 * block}},
		"across chunks": {{8<<20 - block, 8<<20 + block}},
	} {
		for _, how := range []string{"data", "zeroes", "hole", "same"} {
			t.Run(fmt.Sprint(name, "/", how), func(t *testing.T) {
				t.Parallel()
				store := chunktest.NewMemory()
				if _, err := chunked.Write(t.Context(), store, bytes.NewReader(parent), size, specOf(0)); err != nil {
					t.Fatal(err)
				}
				want := bytes.Clone(parent)
				f := volumeIn(t, t.TempDir(), "source", size)
				for _, c := range changed {
					switch now := want[c[0]:c[1]]; how {
					case "data":
						_, _ = rand.NewChaCha8([32]byte{9}).Read(now)
						apply(t, f, []patch{{c[0], now}}, false)
					case "zeroes":
						clear(now)
						apply(t, f, []patch{{c[0], now}}, false)
					case "hole":
						clear(now)
					case "same":
						apply(t, f, []patch{{c[0], now}}, false)
					}
				}
				spec := specOf(1)
				spec.Changed = changed
				result, err := chunked.Write(t.Context(), store, f, size, spec)
				if err != nil {
					t.Fatal(err)
				}
				if (how == "same" || len(changed) == 0) && result.Objects != 0 {
					t.Errorf("%d objects although nothing has changed", result.Objects)
				}
				to := volumeIn(t, t.TempDir(), "restored", size)
				if _, err := chunked.Restore(t.Context(), store, to, size, chainOf(2), chunked.RestoreOptions{Sparse: true}); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, size)
				if _, err := to.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v, the restored volume is not the parent with the changes", err)
				}
				// The digests are those of the whole content.
				if err := chunked.Check(t.Context(), store, size, chainOf(2)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for _, bad := range [][][2]int64{
		{{0, size + 1}}, {{0, 100}}, {{100, block}}, {{block, block}}, {{2 * block, block}},
		{{0, block}, {block, 2 * block}}, {{block, 2 * block}, {0, block}}, {{0, 2 * block}, {block, 3 * block}},
	} {
		store := chunktest.NewMemory()
		if _, err := chunked.Write(t.Context(), store, bytes.NewReader(parent), size, specOf(0)); err != nil {
			t.Fatal(err)
		}
		spec := specOf(1)
		spec.Changed = bad
		if _, err := chunked.Write(t.Context(), store, bytes.NewReader(parent), size, spec); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	spec := specOf(0)
	spec.Changed = [][2]int64{{0, block}}
	if _, err := chunked.Write(t.Context(), chunktest.NewMemory(), bytes.NewReader(parent), size, spec); err == nil {
		t.Error("a full backup of a part was taken")
	}
}
