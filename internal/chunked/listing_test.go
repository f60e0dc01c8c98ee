package chunked_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
)

// lagging is a store whose next listings miss some keys, and name ghosts.
type lagging struct {
	chunk.Store
	listings int // that are wrong
	miss     string
	ghost    string
}

func (l *lagging) ListingLag() time.Duration { return time.Millisecond }

func (l *lagging) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	l.listings--
	if l.listings < 0 {
		return l.Store.List(ctx, prefix)
	}
	return func(yield func(string, error) bool) {
		if l.ghost != "" && !yield(prefix+l.ghost, nil) {
			return
		}
		for key, err := range l.Store.List(ctx, prefix) {
			if err == nil && l.miss != "" && strings.HasSuffix(key, l.miss) {
				continue
			}
			if !yield(key, err) {
				return
			}
		}
	}
}

// A listing may lag. The metadata is trusted, unless the objects themselves contradict it.
func TestLaggingListing(t *testing.T) {
	memory := chunktest.NewMemory()
	spec := specOf(0)
	spec.BlockSize, spec.ChunkSize = 512, 1024
	const size = 8 * 1024
	if _, err := chunked.Write(t.Context(), memory, newVolume(t, size, true), size, spec); err != nil {
		t.Fatal(err)
	}
	chain := []chunked.Level{{Location: spec.Location, BackupID: spec.BackupID}}
	object := spec.Container + "/" + spec.Prefix + "-00003"
	const forever = 1 << 30
	for name, c := range map[string]struct {
		store  *lagging
		delete bool
		add    string
		want   string
	}{
		"right at once":              {store: &lagging{}},
		"an object comes later":      {store: &lagging{listings: 1, miss: "-00003"}},
		"an object is never listed":  {store: &lagging{listings: forever, miss: "-00003"}},
		"objects are never listed":   {store: &lagging{listings: forever, miss: ""}},
		"a deleted object is listed": {store: &lagging{listings: forever, ghost: "-00099"}},
		"both":                       {store: &lagging{listings: forever, miss: "-00003", ghost: "-00099"}},
		"an object is missing":       {store: &lagging{}, delete: true, want: "-00003 is missing."},
		"it is listed, but missing":  {store: &lagging{listings: forever, miss: "-00003"}, delete: true, want: "-00003 is missing."},
		"one is missing, one late":   {store: &lagging{listings: forever, miss: "-00005"}, delete: true, want: "-00003 is missing."},
		"one too many":               {store: &lagging{}, add: "-00099", want: "-00099 is not listed."},
	} {
		t.Run(name, func(t *testing.T) {
			own := chunktest.NewMemory()
			for key, content := range memory.Objects() {
				own.Set(key, content)
			}
			if c.delete {
				own.Set(object, nil)
			}
			if c.add != "" {
				own.Set(spec.Container+"/"+spec.Prefix+c.add, []byte("x"))
			}
			c.store.Store = own
			err := chunked.Check(t.Context(), c.store, size, chain)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), c.want)):
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}
