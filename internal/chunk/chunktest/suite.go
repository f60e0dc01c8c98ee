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
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
)

// RunBelow runs the suite for a store whose containers have no slashes and follow rules of
// their own: all keys of the suite begin with the container, which must exist and be empty.
// The store's default container must exist, too.
func RunBelow(t *testing.T, container string, open func(t *testing.T) chunk.Store) {
	Run(t, func(t *testing.T) chunk.Store { return below{open(t), container + "/"} })
}

// below is a store whose keys all begin with a container.
type below struct {
	chunk.Store
	root string
}

func (b below) Put(ctx context.Context, key string, body chunk.Body, size int64) error {
	return b.Store.Put(ctx, b.root+key, body, size)
}

func (b below) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	return b.Store.Get(ctx, b.root+key)
}

func (b below) Delete(ctx context.Context, keys ...string) error {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = b.root + key
	}
	return b.Store.Delete(ctx, full...)
}

func (b below) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range b.Store.List(ctx, b.root+prefix) {
			if !yield(strings.TrimPrefix(key, b.root), err) {
				return
			}
		}
	}
}

// Run runs the suite. open returns an empty store each time.
func Run(t *testing.T, open func(t *testing.T) chunk.Store) {
	for name, test := range map[string]func(*testing.T, chunk.Store){
		"RoundTrip": roundTrip, "Readers": readers, "Replace": replace, "Missing": missing,
		"Delete": deletes, "List": lists, "WrongSize": wrongSize, "BadKeys": badKeys,
		"SentAgain": sentAgain, "Layout": layouts, "Cancelled": cancelled, "Concurrent": concurrent, "StopListing": stopListing,
		"Batch": batches, "Copy": copies,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Bytes is the body of an object with the content b.
func Bytes(b []byte) chunk.Body {
	return func() (io.Reader, error) { return bytes.NewReader(b), nil }
}

func put(t *testing.T, s chunk.Store, key string, b []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, Bytes(b), int64(len(b))); err != nil {
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

// readers stores bodies whose readers have no WriteTo, and reads in pieces of odd sizes.
func readers(t *testing.T, s chunk.Store) {
	for _, n := range sizes {
		want := random(n)
		body := func() (io.Reader, error) {
			if n > 1<<16 {
				return iotest.HalfReader(bytes.NewReader(want)), nil
			}
			return iotest.OneByteReader(bytes.NewReader(want)), nil
		}
		if err := s.Put(t.Context(), "c/o", body, int64(n)); err != nil {
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
	put(t, s, "aa/bb/one-00001", random(2)) // the container can be created again
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
	for range s.List(t.Context(), "") { //nolint:errcheck // the loop ends early
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
			for _, body := range []chunk.Body{Bytes(random(n)), func() (io.Reader, error) {
				return iotest.DataErrReader(bytes.NewReader(random(n))), nil
			}} {
				if err := s.Put(t.Context(), "c/o", body, int64(announced)); err == nil {
					t.Errorf("%d bytes announced as %d were stored", n, announced)
				}
			}
		}
	}
	broken := errors.New("broken")
	for name, body := range map[string]chunk.Body{
		"reader": func() (io.Reader, error) { return iotest.ErrReader(broken), nil },
		"body":   func() (io.Reader, error) { return nil, broken },
	} {
		if err := s.Put(t.Context(), "c/o", body, 0); !errors.Is(err, broken) {
			t.Errorf("a broken %s: %v", name, err)
		}
	}
	if got := list(t, s, ""); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// sentAgain stores a body whose first reader fails midway. A store may send it again from
// the first byte, or give up. It never stores a part.
func sentAgain(t *testing.T, s chunk.Store) {
	for _, n := range []int{100, 1<<20 + 7} {
		want, calls := random(n), 0
		body := func() (io.Reader, error) {
			calls++
			if calls == 1 {
				return io.MultiReader(bytes.NewReader(want[:n/2]), iotest.ErrReader(errors.New("broken off"))), nil
			}
			return bytes.NewReader(want), nil
		}
		if err := s.Put(t.Context(), "c/o", body, int64(n)); err != nil {
			if got := list(t, s, ""); len(got) != 0 {
				t.Fatalf("left after %v: %v", err, got)
			}
			if err := s.Put(t.Context(), "c/o", body, int64(n)); err != nil {
				t.Fatalf("the same body again: %v", err)
			}
		}
		if got := get(t, s, "c/o"); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came back as %d other ones", n, len(got))
		}
		if err := s.Delete(t.Context(), "c/o"); err != nil {
			t.Fatal(err)
		}
	}
}

var layoutBackup = layout.Backup{ID: "bbbbcccc-2222-4333-8444-555555555555", VolumeID: "aaaaaaaa-2222-4333-8444-555555555555",
	AvailabilityZone: "nova", CreatedAt: time.Date(2026, 11, 21, 17, 0, 59, 0, time.UTC)}

// layouts checks that a store accepts the names of its layout.
func layouts(t *testing.T, s chunk.Store) {
	if b, ok := s.(below); ok {
		s = b.Store
	}
	l := s.Layout()
	b := layoutBackup
	if !layout.Readable(l.Service()) {
		t.Errorf("what the service %q wrote cannot be read", l.Service())
	}
	container := l.Container(b)
	if err := l.CheckContainer(container); err != nil {
		t.Errorf("the default container %q: %v", container, err)
	}
	seen := map[string]bool{}
	for attempt := 1; attempt <= 3; attempt++ {
		name := l.Prefix(b, attempt) + "-00001"
		put(t, s, container+"/"+name, random(attempt))
		if c, n := l.Split(container + "/" + name); c != container || n != name {
			t.Errorf("%s/%s is split into %q and %q", container, name, c, n)
		}
	}
	for _, key := range list(t, s, container+"/"+l.Attempts(b)) {
		_, name := l.Split(key)
		prefix, ok := l.Attempt(b, name)
		if !ok {
			t.Errorf("%s is no object of the backup", name)
		}
		seen[prefix] = true
	}
	if len(seen) != 3 {
		t.Errorf("3 attempts have the prefixes %v", seen)
	}
}

func badKeys(t *testing.T, s chunk.Store) {
	for _, key := range []string{"", ".", "..", "/etc/o", "../o", "c/../../o", "c/../o", "c//o", "c/", "c/./o", "c/\x00o", strings.Repeat("../", 9) + "tmp/o"} {
		if err := s.Put(t.Context(), key, Bytes(nil), 0); err == nil {
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
	if err := s.Put(ctx, "c/o2", Bytes(nil), 0); !errors.Is(err, context.Canceled) {
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

// concurrent stores and deletes objects in one container, which appears and disappears.
func concurrent(t *testing.T, s chunk.Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := fmt.Sprintf("x/y/o-%d", i)
			for n := range 20 {
				if err := s.Put(t.Context(), key, Bytes(random(n)), int64(n)); err != nil {
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

// batches stores more objects in batches than a store publishes at a time. A store that has
// no batches passes.
func batches(t *testing.T, s chunk.Store) {
	store, ok := s.(chunk.Batcher)
	if !ok {
		return
	}
	const n = 300
	var wg sync.WaitGroup
	for one := range 3 {
		wg.Go(func() {
			b := store.Batch()
			var puts sync.WaitGroup
			for i := range n {
				puts.Go(func() {
					size := i * 7
					if i%100 == 0 {
						size = 300 << 10
					}
					if err := b.Put(t.Context(), fmt.Sprintf("x/%d/o-%d", one, i), Bytes(random(size)), int64(size)); err != nil {
						t.Errorf("Put: %v", err)
					}
				})
			}
			puts.Wait()
			if err := b.Flush(t.Context()); err != nil {
				t.Errorf("Flush: %v", err)
			}
			if err := b.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
	if got := list(t, s, "x/"); len(got) != 3*n {
		t.Fatalf("%d objects of %d", len(got), 3*n)
	}
	for _, i := range []int{0, 1, 100, n - 1} {
		if got := get(t, s, fmt.Sprintf("x/2/o-%d", i)); !bytes.Equal(got, random(len(got))) || len(got) < i {
			t.Errorf("object %d came back as %d other bytes", i, len(got))
		}
	}
	// What was not flushed is not there, or it is there as a whole.
	b := store.Batch()
	for i := range n {
		if err := b.Put(t.Context(), fmt.Sprintf("y/o-%d", i), Bytes(random(50)), 50); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Put(t.Context(), "y/short", Bytes(random(50)), 51); err == nil {
		t.Error("a short body was stored")
	}
	if err := b.Put(t.Context(), "../y", Bytes(nil), 0); err == nil {
		t.Error("a bad key was stored")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Put(ctx, "y/late", Bytes(nil), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for _, key := range list(t, s, "y/") {
		if got := get(t, s, key); !bytes.Equal(got, random(50)) {
			t.Errorf("%s has %d other bytes", key, len(got))
		}
	}
	again := store.Batch() // the first gave back all that it held
	defer again.Close()
	for i := range n {
		if err := again.Put(t.Context(), fmt.Sprintf("y/o-%d", i), Bytes(random(51)), 51); err != nil {
			t.Fatal(err)
		}
	}
	if err := again.Flush(t.Context()); err != nil || len(list(t, s, "y/")) != n {
		t.Errorf("Flush: %v, %d objects", err, len(list(t, s, "y/")))
	}
}

// copies copies objects within a store. A store that cannot passes.
func copies(t *testing.T, s chunk.Store) {
	store, ok := s.(chunk.Copier)
	if !ok {
		return
	}
	const n = 40
	var pairs []chunk.Pair
	for i := range n {
		put(t, s, fmt.Sprintf("x/a b+%%/o-%d", i), random(i*1000))
		pairs = append(pairs, chunk.Pair{From: fmt.Sprintf("x/a b+%%/o-%d", i), To: fmt.Sprintf("y/deep/c d+%%/o-%d", i)})
	}
	put(t, s, pairs[3].To, random(7)) // is replaced
	if err := store.Copy(t.Context(), pairs...); err != nil {
		t.Fatal(err)
	}
	if err := store.Copy(t.Context(), pairs[:5]...); err != nil { // once more
		t.Fatal(err)
	}
	for i := range n { // the copies stay without what they were made of
		if err := s.Delete(t.Context(), pairs[i].From); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range pairs {
		if got := get(t, s, p.To); !bytes.Equal(got, random(i*1000)) {
			t.Errorf("%s has %d other bytes", p.To, len(got))
		}
	}
	put(t, s, pairs[0].From, random(9))
	if err := store.Copy(t.Context(), chunk.Pair{From: pairs[0].From, To: "y/one"}); err != nil {
		t.Fatal(err)
	}
	put(t, s, pairs[0].From, random(11)) // a new object, and the copy stays as it was
	if got := get(t, s, "y/one"); !bytes.Equal(got, random(9)) {
		t.Errorf("the copy has %d other bytes", len(got))
	}
	if err := store.Copy(t.Context(), chunk.Pair{From: "x/none", To: "y/none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy of nothing: %v", err)
	}
	if err := store.Copy(t.Context(), chunk.Pair{From: "y/one", To: "../y"}); err == nil {
		t.Error("a bad key was stored")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.Copy(ctx, chunk.Pair{From: "y/one", To: "y/late"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a copy for nobody: %v", err)
	}
	if got := list(t, s, "y/"); len(got) != n+1 {
		t.Errorf("%d copies, want %d", len(got), n+1)
	}
}

func (b below) Copy(ctx context.Context, pairs ...chunk.Pair) error {
	full := make([]chunk.Pair, len(pairs))
	for i, p := range pairs {
		full[i] = chunk.Pair{From: b.root + p.From, To: b.root + p.To}
	}
	return b.Store.(chunk.Copier).Copy(ctx, full...)
}
