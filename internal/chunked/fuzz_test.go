package chunked_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
)

// FuzzRestore changes one object of a small store. The restore must either fail with a
// reason, or restore the original data.
func FuzzRestore(f *testing.F) {
	stores := map[chunked.Compression]map[string][]byte{}
	var volume []byte
	for _, kind := range []chunked.Compression{chunked.Zstd, chunked.Zlib, chunked.None} {
		var store *chunktest.Memory
		store, volume = smallChain(f, kind)
		stores[kind] = store.Objects()
	}
	kinds := slices.Sorted(maps.Keys(stores))
	f.Add(uint8(0), uint8(0), uint16(0), []byte{1}, uint8(1))
	f.Add(uint8(1), uint8(6), uint16(300), []byte("9999"), uint8(2))
	f.Fuzz(func(t *testing.T, kind, which uint8, at uint16, with []byte, drop uint8) {
		objects := stores[kinds[int(kind)%len(kinds)]]
		keys := slices.Sorted(maps.Keys(objects))
		changed := keys[int(which)%len(keys)]
		store := chunktest.NewMemory()
		for key, b := range objects {
			if key == changed {
				from := int(at) % (len(b) + 1)
				b = slices.Concat(b[:from], with, b[min(from+int(drop), len(b)):])
			}
			store.Set(key, b)
		}
		if got := restoreSmall(t, store, len(volume)); got != nil && !bytes.Equal(got, volume) {
			t.Fatalf("%s changed: wrong volume without an error", changed)
		}
	})
}
