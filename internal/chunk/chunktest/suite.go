// Package chunktest is the conformance suite of chunk.Store, and a store in
// memory that fails on demand.
package chunktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"cindergate/internal/chunk"
)

// Run runs the suite. open returns an empty store each time.
func Run(t *testing.T, open func(t *testing.T) chunk.Store) {
	for name, test := range map[string]func(*testing.T, chunk.Store){
		"RoundTrip": roundTrip, "Readers": readers, "Replace": replace, "Missing": missing,
		"Delete": deletes, "List": lists, "WrongSize": wrongSize, "BadKeys": badKeys,
		"Cancelled": cancelled, "Concurrent": concurrent, "StopListing": stopListing,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func put(t *testing.T, s chunk.Store, key string, b []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatalf("Put %s: %v", key, err)
	}
}

func get(t *testing.T, s chunk.Store, key string) []byte {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get %s: %v", key, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("reading %s: %v", key, err)
	}
	return b
}

func list(t *testing.T, s chunk.Store, prefix string) []string {
	t.Helper()
	var keys []string
	for key, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List %q: %v", prefix, err)
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(uint64(n), 1)) // #nosec G404 -- repeatable
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

var sizes = []int{0, 1, 511, 4095, 4096, 4097, 256 << 10, 256<<10 + 1, 1<<20 - 1, 1 << 20, 3<<20 + 4099}

func roundTrip(t *testing.T, s chunk.Store) {
	for i, n := range sizes {
		key := fmt.Sprintf("aa/bb/c/volume_x-%05d", i)
		put(t, s, key, random(n))
		if got := get(t, s, key); !bytes.Equal(got, random(n)) {
			t.Errorf("%d bytes came back as %d other ones", n, len(got))
		}
	}
}

// readers puts from a reader without WriteTo and gets in odd pieces.
func readers(t *testing.T, s chunk.Store) {
	for _, n := range sizes {
		want := random(n)
		r := iotest.OneByteReader(bytes.NewReader(want))
		if n > 1<<16 {
			r = iotest.HalfReader(bytes.NewReader(want))
		}
		if err := s.Put(t.Context(), "c/o", struct{ io.Reader }{r}, int64(n)); err != nil {
			t.Fatalf("Put %d bytes: %v", n, err)
		}
		o, err := s.Get(t.Context(), "c/o")
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for piece := 1; ; piece = min(piece*3+1, 70000) {
			p := make([]byte, piece)
			m, err := o.Read(p)
			got = append(got, p[:m]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_ = o.Close()
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d other ones", n, len(got))
		}
	}
}

func replace(t *testing.T, s chunk.Store) {
	put(t, s, "c/o", random(5000))
	old, err := s.Get(t.Context(), "c/o")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	put(t, s, "c/o", random(7))
	if got := get(t, s, "c/o"); !bytes.Equal(got, random(7)) {
		t.Errorf("got %d bytes", len(got))
	}
	if got, err := io.ReadAll(old); err == nil && !bytes.Equal(got, random(5000)) {
		t.Error("an open reader saw parts of the new object")
	}
}

func missing(t *testing.T, s chunk.Store) {
	put(t, s, "c/d/o", random(1))
	for _, key := range []string{"x", "c/x", "c/d/o2", "c/d", "c", "c/d/o/x", "x/y/z"} {
		r, err := s.Get(t.Context(), key)
		if err == nil {
			_ = r.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get %s: %v, want fs.ErrNotExist", key, err)
		}
	}
}

func deletes(t *testing.T, s chunk.Store) {
	put(t, s, "aa/bb/one-00001", random(1))
	put(t, s, "aa/bb/one-00002", random(1))
	for _, key := range []string{"aa/bb/one-00001", "aa/bb/one-00001", "aa/bb/never", "no/such/container"} {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete %s: %v", key, err)
		}
	}
	if got := list(t, s, ""); !slices.Equal(got, []string{"aa/bb/one-00002"}) {
		t.Errorf("left: %v", got)
	}
	if err := s.Delete(t.Context(), "aa/bb/one-00002"); err != nil {
		t.Error(err)
	}
	put(t, s, "aa/bb/one-00001", random(2)) // the container can be made again
}

func lists(t *testing.T, s chunk.Store) {
	keys := []string{"a/p-00001", "a/p-00002", "a/p_metadata", "a/p2-00001", "a/q/p-00001", "ab/p-00001", "top"}
	for _, key := range keys {
		put(t, s, key, random(1))
	}
	for prefix, want := range map[string][]string{
		"": keys, "a/p": keys[:4], "a/p-": keys[:2], "a/": keys[:5], "a": keys[:6], "a/q/": keys[4:5], "a/q": keys[4:5],
		"a/q/p-00001": keys[4:5], "a/q/p-00001x": nil, "b/": nil, "top": keys[6:], "top/": nil, "a/p-00001/": nil,
	} {
		want = slices.Sorted(slices.Values(want))
		if got := list(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("List %q: %v, want %v", prefix, got, want)
		}
	}
}

func stopListing(t *testing.T, s chunk.Store) {
	for i := range 10 {
		put(t, s, fmt.Sprintf("c/%d/o", i), nil)
	}
	seen := 0
	for range s.List(t.Context(), "") { //nolint:errcheck // it is cut short
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("saw %d", seen)
	}
}

func wrongSize(t *testing.T, s chunk.Store) {
	for _, n := range []int{10, 1 << 20} {
		for _, announced := range []int{n - 1, n + 1, 0} {
			for _, r := range []io.Reader{bytes.NewReader(random(n)), iotest.DataErrReader(bytes.NewReader(random(n)))} {
				if err := s.Put(t.Context(), "c/o", r, int64(announced)); err == nil {
					t.Errorf("%d bytes announced as %d were stored", n, announced)
				}
			}
		}
	}
	broken := errors.New("broken")
	if err := s.Put(t.Context(), "c/o", iotest.ErrReader(broken), 0); !errors.Is(err, broken) {
		t.Errorf("a broken reader: %v", err)
	}
	if got := list(t, s, ""); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func badKeys(t *testing.T, s chunk.Store) {
	for _, key := range []string{"", ".", "..", "/etc/o", "../o", "c/../../o", "c/../o", "c//o", "c/", "c/./o", "c/\x00o", strings.Repeat("../", 9) + "tmp/o"} {
		if err := s.Put(t.Context(), key, bytes.NewReader(nil), 0); err == nil {
			t.Errorf("Put %q succeeded", key)
		}
		if r, err := s.Get(t.Context(), key); err == nil {
			_ = r.Close()
			t.Errorf("Get %q succeeded", key)
		}
	}
}

func cancelled(t *testing.T, s chunk.Store) {
	put(t, s, "c/o", random(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "c/o2", bytes.NewReader(nil), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.Get(ctx, "c/o"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
	if err := s.Delete(ctx, "c/o"); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete: %v", err)
	}
	if got := list(t, s, ""); !slices.Equal(got, []string{"c/o"}) {
		t.Errorf("left: %v", got)
	}
}

// concurrent puts and deletes in one container, which comes and goes.
func concurrent(t *testing.T, s chunk.Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := fmt.Sprintf("x/y/o-%d", i)
			for n := range 20 {
				if err := s.Put(t.Context(), key, bytes.NewReader(random(n)), int64(n)); err != nil {
					t.Errorf("Put: %v", err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Errorf("Delete: %v", err)
				}
			}
			put(t, s, key, random(i))
		})
	}
	wg.Wait()
	if got := list(t, s, "x/y/o-"); len(got) != 8 {
		t.Errorf("left: %v", got)
	}
}
