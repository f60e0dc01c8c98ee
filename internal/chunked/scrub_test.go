package chunked_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
)

// scrub returns the damages of both backups of a [smallChain].
func scrub(tb testing.TB, store *chunktest.Memory, size int, sample func() bool) []chunked.Damage {
	tb.Helper()
	var found []chunked.Damage
	for i, level := range chainOf(2) {
		var parent *chunked.Location
		if i > 0 {
			parent = &chainOf(2)[i-1].Location
		}
		got, err := chunked.Scrub(tb.Context(), store, level, parent, int64(size), chunked.ScrubOptions{Sample: sample})
		if err != nil {
			tb.Fatal(err)
		}
		found = append(found, got.Damaged...)
	}
	return found
}

func TestScrubReadsAll(t *testing.T) {
	for _, kind := range []chunked.Compression{chunked.Zstd, chunked.Zlib, chunked.None} {
		store, volume := smallChain(t, kind)
		if found := scrub(t, store, len(volume), nil); len(found) > 0 {
			t.Errorf("%s: %v", kind, found)
		}
		objects := 0
		for key := range store.Objects() {
			if strings.Contains(key, "_backup_b0-") {
				objects++
			}
		}
		got, err := chunked.Scrub(t.Context(), store, chainOf(1)[0], nil, int64(len(volume)), chunked.ScrubOptions{})
		if err != nil || got.Objects != objects || got.Bytes != int64(len(volume)) {
			t.Errorf("%s: %+v, %v; want %d objects, %d bytes", kind, got, err, objects, len(volume))
		}
	}
}

// Every damaged object is found, not only the first.
func TestScrubGoesOn(t *testing.T) {
	store, volume := smallChain(t, chunked.None)
	for _, key := range []string{full + "-00001", full + "-00003"} {
		b := bytes.Clone(store.Objects()[key])
		b[0] ^= 1
		store.Set(key, b)
	}
	var objects []string
	for _, d := range scrub(t, store, len(volume), nil) {
		objects = append(objects, d.Object)
	}
	if got := strings.Join(objects, " "); got != "-00001 -00003" {
		t.Errorf("damaged: %s", got)
	}
}

// A sample reads only the objects that it chooses, and all metadata and digests.
func TestScrubSamples(t *testing.T) {
	store, volume := smallChain(t, chunked.None)
	b := bytes.Clone(store.Objects()[full+"-00002"])
	b[0] ^= 1
	store.Set(full+"-00002", b)
	reads := &dataReads{Store: store}
	n := 0
	got, err := chunked.Scrub(t.Context(), reads, chainOf(1)[0], nil, int64(len(volume)),
		chunked.ScrubOptions{Sample: func() bool { n++; return n == 1 }})
	if err != nil || len(got.Damaged) > 0 || got.Objects != 1 || reads.count.Load() != 1 {
		t.Errorf("%+v, %v, %d reads", got, err, reads.count.Load())
	}
}

// A block of an incremental backup that is in none of its objects must be the parent's.
func TestScrubComparesWithTheParent(t *testing.T) {
	store, volume := smallChain(t, chunked.None)
	other, _ := smallChain(t, chunked.None)
	spec := smallSpec(0)
	changed := bytes.Clone(volume)
	changed[7000]++
	if _, err := chunked.Write(t.Context(), other, bytes.NewReader(changed), int64(len(changed)), spec); err != nil {
		t.Fatal(err)
	}
	store.Set(full+"_sha256file", other.Objects()[full+"_sha256file"])
	found := scrub(t, store, len(volume), func() bool { return false })
	if len(found) != 1 || !strings.Contains(found[0].Reason, "is not the one of the backup before") {
		t.Error(found)
	}
}

// A store that does not answer says nothing about a backup.
func TestScrubOfAStoreThatFails(t *testing.T) {
	down := errors.New("the store is down")
	for op, fault := range map[string]chunktest.Fault{
		"get":            {Op: chunktest.Get, Err: down},
		"get data":       {Op: chunktest.Get, Key: "-00002", Err: down},
		"read data":      {Op: chunktest.Read, Key: "-00002", Err: down},
		"read metadata":  {Op: chunktest.Read, Key: "_metadata", Err: down},
		"read digests":   {Op: chunktest.Read, Key: "_sha256file", Err: down},
		"list":           {Op: chunktest.List, Err: down},
		"not permitted":  {Op: chunktest.Get, Err: fs.ErrPermission},
		"data forbidden": {Op: chunktest.Get, Key: "-00001", Err: fs.ErrPermission},
	} {
		t.Run(op, func(t *testing.T) {
			store, volume := smallChain(t, chunked.Zstd)
			store.Inject(fault)
			got, err := chunked.Scrub(t.Context(), store, chainOf(1)[0], nil, int64(len(volume)), chunked.ScrubOptions{})
			if err == nil || chunked.IsDamage(err) || len(got.Damaged) > 0 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	store, volume := smallChain(t, chunked.Zstd)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := chunked.Scrub(ctx, store, chainOf(1)[0], nil, int64(len(volume)), chunked.ScrubOptions{}); !errors.Is(err, context.Canceled) || len(got.Damaged) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A backup uses a damaged object of its parent unless its own objects replace it.
func TestUses(t *testing.T) {
	store, volume := smallChain(t, chunked.None)
	for object, want := range map[string]bool{"-00001": true, "-00004": true, "-00099": false} {
		got, err := chunked.Uses(t.Context(), store, int64(len(volume)), chainOf(2),
			func(id, suffix string) bool { return id == "b0" && suffix == object })
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", object, got, err)
		}
	}
}
