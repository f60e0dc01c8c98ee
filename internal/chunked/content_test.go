package chunked_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
)

// Every range of the content is that of the volume, for objects that are smaller and larger
// than what is read at a time.
func TestContent(t *testing.T) {
	const size = 40<<20 + 512
	volume := make([]byte, size)
	random := rand.NewChaCha8([32]byte{7})
	_, _ = random.Read(volume[3<<20 : 9<<20])
	_, _ = random.Read(volume[25<<20:])
	changed := bytes.Clone(volume)
	_, _ = random.Read(changed[:1<<20])
	clear(changed[26<<20 : 30<<20])
	for _, chunkSize := range []int64{1 << 20, 8 << 20, 64 << 20} {
		for _, kind := range []chunked.Compression{chunked.Zstd, chunked.None} {
			t.Run(fmt.Sprint(chunkSize>>20, kind), func(t *testing.T) {
				t.Parallel()
				store := chunktest.NewMemory()
				for n, v := range [][]byte{volume, changed} {
					spec := specOf(n)
					spec.ChunkSize, spec.Compression = chunkSize, kind
					if _, err := chunked.Write(t.Context(), store, bytes.NewReader(v), size, spec); err != nil {
						t.Fatal(err)
					}
				}
				c, err := chunked.Open(t.Context(), store, size, chainOf(2))
				if err != nil || c.Size() != size {
					t.Fatal(err)
				}
				r := rand.New(rand.NewPCG(uint64(chunkSize), 1))
				ranges := [][2]int64{{0, size}, {0, 1}, {size - 1, size}, {5, 5}, {26<<20 - 1, 30<<20 + 1}}
				for range 20 {
					from := r.Int64N(size)
					ranges = append(ranges, [2]int64{from, from + r.Int64N(size-from)})
				}
				for _, want := range ranges {
					var got bytes.Buffer
					if err := c.Copy(t.Context(), &got, want[0], want[1]); err != nil || !bytes.Equal(got.Bytes(), changed[want[0]:want[1]]) {
						t.Fatalf("%v: %v, %d bytes", want, err, got.Len())
					}
				}
				end := int64(0)
				for from, to := range c.Data() {
					if from < end || to <= from || bytes.Count(changed[end:from], []byte{0}) != int(from-end) {
						t.Errorf("data at %d to %d, after %d", from, to, end)
					}
					end = to
				}
				if bytes.Count(changed[end:], []byte{0}) != len(changed[end:]) || end == 0 {
					t.Errorf("data ends at %d", end)
				}
			})
		}
	}
}

// The tag is that of the content: another full backup of the same bytes has the same one.
func TestContentTag(t *testing.T) {
	store, volume := smallChain(t, chunked.Zstd)
	tag := func(chain []chunked.Level, store *chunktest.Memory) [32]byte {
		c, err := chunked.Open(t.Context(), store, int64(len(volume)), chain)
		if err != nil {
			t.Fatal(err)
		}
		return c.Tag()
	}
	other := chunktest.NewMemory()
	if _, err := chunked.Write(t.Context(), other, bytes.NewReader(volume), int64(len(volume)), smallSpec(0)); err != nil {
		t.Fatal(err)
	}
	if tag(chainOf(2), store) == tag(chainOf(1), store) {
		t.Error("the incremental backup has the tag of the full one")
	}
	if tag(chainOf(2), store) != tag(chainOf(1), other) {
		t.Error("a full backup of the same bytes has another tag")
	}
}

// A damaged object is an error, and not one of its bytes comes out.
func TestContentOfDamage(t *testing.T) {
	store, volume := smallChain(t, chunked.None)
	b := bytes.Clone(store.Objects()[full+"-00001"])
	b[0] ^= 1
	store.Set(full+"-00001", b)
	c, err := chunked.Open(t.Context(), store, int64(len(volume)), chainOf(1))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	var e *chunked.Error
	if err := c.Copy(t.Context(), &got, 0, 100); !errors.As(err, &e) || got.Len() > 0 {
		t.Errorf("%v, %d bytes", err, got.Len())
	}
}
