package chunked_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
)

// smallSpec is for volumes of some KiB. A chunk has 4 blocks of 512 bytes.
func smallSpec(n int) chunked.Spec {
	s := specOf(n)
	s.BlockSize, s.ChunkSize = 512, 2048
	return s
}

// smallChain makes a full and an incremental backup of a volume of slightly more than 10
// KiB.
func smallChain(tb testing.TB, kind chunked.Compression) (*chunktest.Memory, []byte) {
	tb.Helper()
	store := chunktest.NewMemory()
	volume := make([]byte, 10<<10+100)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(volume[:5000])
	copy(volume[8000:], bytes.Repeat([]byte("abc"), 500))
	for n := range 2 {
		spec := smallSpec(n)
		spec.Compression = kind
		if _, err := chunked.Write(tb.Context(), store, bytes.NewReader(volume), int64(len(volume)), spec); err != nil {
			tb.Fatal(err)
		}
		volume = bytes.Clone(volume)
		if n == 0 {
			clear(volume[1024:3000])
			copy(volume[9000:], "changed")
		}
	}
	return store, volume
}

func verify(tb testing.TB, store *chunktest.Memory, size int) error {
	return chunked.Restorable(tb.Context(), store, int64(size), chainOf(2))
}

// dataReads counts the reads of objects that hold data of a volume.
type dataReads struct {
	chunk.Store
	count atomic.Int32
}

func (r *dataReads) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if !strings.HasSuffix(key, "_metadata") && !strings.HasSuffix(key, "_sha256file") {
		r.count.Add(1)
	}
	return r.Store.Get(ctx, key)
}

// reasonOf checks that the reason of err is suitable for an operator, and returns it.
func reasonOf(t *testing.T, err error) string {
	t.Helper()
	var e *chunked.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *chunked.Error", err)
	}
	if e.Reason == "" || strings.Contains(e.Reason, os.TempDir()) {
		t.Errorf("reason %q", e.Reason)
	}
	return e.Reason
}

const (
	full    = "c0/volume_v_backup_b0"
	partial = "c1/volume_v_backup_b1"
)

func TestCorruption(t *testing.T) {
	replace := func(key, old, new string) func(*chunktest.Memory) {
		return func(m *chunktest.Memory) {
			b := m.Objects()[key]
			c := bytes.Replace(b, []byte(old), []byte(new), 1)
			if bytes.Equal(b, c) {
				panic("nothing replaced in " + string(b))
			}
			m.Set(key, c)
		}
	}
	cut := func(key string, n int) func(*chunktest.Memory) {
		return func(m *chunktest.Memory) { b := m.Objects()[key]; m.Set(key, b[:len(b)-n]) }
	}
	tests := map[string]struct {
		do   func(*chunktest.Memory)
		want string
	}{
		"missing chunk": {func(m *chunktest.Memory) { m.Set(full+"-00003", nil) }, "b0-00003 is missing"},
		"extra chunk":   {func(m *chunktest.Memory) { m.Set(full+"-00099", []byte("x")) }, "b0-00099 is not listed"},
		"extra object":  {func(m *chunktest.Memory) { m.Set(partial+".bak", []byte("x")) }, "not match"},
		"flipped bit in data": {func(m *chunktest.Memory) {
			b := bytes.Clone(m.Objects()[full+"-00001"])
			b[9] ^= 1
			m.Set(full+"-00001", b)
		}, "MD5 of object volume_v_backup_b0-00001"},
		"truncated data":         {cut(full+"-00001", 1), "b0-00001 does not have the length"},
		"empty data":             {func(m *chunktest.Memory) { m.Set(full+"-00001", []byte{}) }, "length"},
		"longer data":            {func(m *chunktest.Memory) { m.Set(full+"-00001", append(bytes.Clone(m.Objects()[full+"-00001"]), 1)) }, "length"},
		"no metadata":            {func(m *chunktest.Memory) { m.Set(full+"_metadata", nil) }, "b0_metadata is missing"},
		"no digests":             {func(m *chunktest.Memory) { m.Set(partial+"_sha256file", nil) }, "b1_sha256file is missing"},
		"truncated metadata":     {cut(full+"_metadata", 20), "b0_metadata is damaged"},
		"truncated digests":      {cut(partial+"_sha256file", 200), "b1_sha256file is damaged"},
		"rest after metadata":    {replace(full+"_metadata", "\n}", "\n}}"), "damaged"},
		"flipped digest":         {replace(partial+"_sha256file", "\"sha256s\": [\n    \"", "\"sha256s\": [\n    \"0000"), "damaged"},
		"not hex":                {replace(partial+"_sha256file", "076a27c7", "076a27cx"), "damaged"},
		"wrong block size":       {replace(partial+"_sha256file", "\"chunk_size\": 512", "\"chunk_size\": 1024"), "digests"},
		"block size 0":           {replace(partial+"_sha256file", "\"chunk_size\": 512", "\"chunk_size\": 0"), "damaged"},
		"block size huge":        {replace(partial+"_sha256file", "\"chunk_size\": 512", "\"chunk_size\": 9223372036854775807"), "block size"},
		"block size beyond":      {replace(partial+"_sha256file", "\"chunk_size\": 512", "\"chunk_size\": 1e999"), "damaged"},
		"wrong version":          {replace(full+"_metadata", "1.0.0", "2.0.0"), "No support to restore backup version"},
		"wrong backup":           {replace(full+"_metadata", `"backup_id": "b0"`, `"backup_id": "bx"`), "is of backup"},
		"wrong parent":           {replace(partial+"_metadata", `"parent_id": "b0"`, `"parent_id": "bx"`), "names the parent"},
		"full with parent":       {replace(full+"_metadata", `"parent_id": null`, `"parent_id": "bx"`), "names the parent"},
		"overlap":                {replace(full+"_metadata", `"offset": 2048`, `"offset": 2047`), "overlaps"},
		"gap":                    {replace(full+"_metadata", `"offset": 2048`, `"offset": 2049`), "overlaps"},
		"negative offset":        {replace(full+"_metadata", `"offset": 0`, `"offset": -1`), "not within"},
		"negative length":        {replace(full+"_metadata", `"length": 2048`, `"length": -2048`), "not within"},
		"zero length":            {replace(partial+"_metadata", `"length": `, `"length": 0, "x": `), "not within"},
		"huge length":            {replace(full+"_metadata", `"length": 2048`, `"length": 9223372036854775807`), "not within"},
		"number beyond int64":    {replace(full+"_metadata", `"length": 2048`, `"length": 92233720368547758070`), "damaged"},
		"out of range":           {replace(full+"_metadata", `"offset": 10240`, `"offset": 10241`), "not within"},
		"string for number":      {replace(full+"_metadata", `"length": 2048`, `"length": "2048"`), "damaged"},
		"object for list":        {replace(full+"_metadata", `"objects": [`, `"objects": {"x": [`), "damaged"},
		"missing field":          {replace(full+"_metadata", `"md5"`, `"md6"`), "incomplete"},
		"null field":             {replace(full+"_metadata", `"length": 2048`, `"length": null`), "incomplete"},
		"two objects in one":     {replace(full+"_metadata", "      \"volume_v", "      \"a\": {}, \"volume_v"), "damaged"},
		"foreign object":         {replace(full+"_metadata", "b0-00002", "b1-00001"), "none of this backup"},
		"object twice":           {replace(full+"_metadata", "b0-00002", "b0-00001"), "twice"},
		"metadata as object":     {replace(full+"_metadata", "b0-00002", "b0_metadata"), "none of this backup"},
		"unknown compression":    {replace(full+"_metadata", `"none"`, `"rar"`), "unsupported compression"},
		"wrong compression":      {replace(full+"_metadata", `"none"`, `"zlib"`), "cannot be decompressed"},
		"wrong compression bz2":  {replace(full+"_metadata", `"none"`, `"bz2"`), "cannot be decompressed"},
		"wrong compression zstd": {replace(full+"_metadata", `"none"`, `"zstd"`), "cannot be decompressed"},
		"bad md5":                {replace(full+"_metadata", `"md5": "`, `"md5": "00`), "MD5 of object"},
		"not an object":          {func(m *chunktest.Memory) { m.Set(full+"_metadata", []byte(`[]`)) }, "damaged"},
		"empty metadata":         {func(m *chunktest.Memory) { m.Set(full+"_metadata", []byte{}) }, "damaged"},
		"key twice":              {replace(full+"_metadata", `"objects"`, `"objects": [], "objects"`), "damaged"},
		"deep":                   {func(m *chunktest.Memory) { m.Set(full+"_metadata", []byte(`{"x":`+strings.Repeat("[", 1<<20))) }, "damaged"},
		"endless string": {func(m *chunktest.Memory) {
			m.Set(full+"_metadata", []byte(`{"backup_id":"`+strings.Repeat("a", 2<<20)+`"}`))
		}, "damaged"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store, volume := smallChain(t, chunked.Zstd)
			if err := verify(t, store, len(volume)); err != nil {
				t.Fatal(err)
			}
			test.do(store)
			err := verify(t, store, len(volume))
			if reason := reasonOf(t, err); !strings.Contains(reason, test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if found := scrub(t, store, len(volume), nil); !slices.ContainsFunc(found, func(d chunked.Damage) bool { return strings.Contains(d.Reason, test.want) }) {
				t.Errorf("scrub found %v, want %q", found, test.want)
			}
		})
	}
}

// A flipped bit anywhere in a data object is found.
func TestFlippedBits(t *testing.T) {
	for _, kind := range []chunked.Compression{chunked.Zstd, chunked.Zlib, chunked.None} {
		store, volume := smallChain(t, kind)
		for key, b := range store.Objects() {
			if !strings.Contains(key, "-0") {
				continue
			}
			for i := 0; i < len(b); i += 1 + i/8 { // densely at the headers
				c := bytes.Clone(b)
				c[i] ^= 1 << (i % 8)
				store.Set(key, c)
				switch f := restoreSmall(t, store, len(volume)); {
				case f != nil && !bytes.Equal(f, volume):
					t.Fatalf("%s %s byte %d: wrong volume without an error", kind, key, i)
				case f == nil && len(scrub(t, store, len(volume), nil)) == 0:
					t.Fatalf("%s %s byte %d: scrub finds nothing", kind, key, i)
				}
			}
			store.Set(key, b)
		}
	}
}

// restoreSmall returns the restored volume, or nil if the restore fails.
func restoreSmall(tb testing.TB, store *chunktest.Memory, size int) []byte {
	tb.Helper()
	f, err := os.CreateTemp("/dev/shm", "volume")
	if err != nil {
		tb.Skip(err)
	}
	defer f.Close()
	if err := errors.Join(os.Remove(f.Name()), f.Truncate(int64(size))); err != nil {
		tb.Fatal(err)
	}
	_, err = chunked.Restore(tb.Context(), store, f, int64(size), chainOf(2), chunked.RestoreOptions{Sparse: true})
	if err != nil {
		var e *chunked.Error
		if !errors.As(err, &e) {
			tb.Fatalf("%v is no *chunked.Error", err)
		}
		return nil
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		tb.Fatal(err)
	}
	return b
}

// Data that fails its check is never written to the volume.
func TestNothingBadIsWritten(t *testing.T) {
	store, volume := smallChain(t, chunked.None)
	meta := string(store.Objects()[full+"_metadata"])
	data := bytes.Clone(store.Objects()[full+"-00003"])
	data[7] ^= 1
	store.Set(full+"-00003", data)
	f := newVolume(t, int64(len(volume)), false)
	_, err := chunked.Restore(t.Context(), store, f, int64(len(volume)), chainOf(2), chunked.RestoreOptions{Sparse: true})
	reasonOf(t, err)
	b := make([]byte, len(volume))
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	for i, v := range b {
		if v != 0 && v != volume[i] {
			t.Fatalf("byte %d is %d; %s", i, v, meta)
		}
	}
}

func TestBomb(t *testing.T) {
	for _, kind := range []chunked.Compression{chunked.Zstd, chunked.Zlib} {
		big, small := chunktest.NewMemory(), chunktest.NewMemory()
		spec := specOf(0)
		spec.Compression, spec.ChunkSize = kind, 64<<20
		if _, err := chunked.Write(t.Context(), big, bytes.NewReader(bytes.Repeat([]byte{1}, 64<<20)), 64<<20, spec); err != nil {
			t.Fatal(err)
		}
		volume := bytes.Repeat([]byte{1}, 32<<10)
		spec.ChunkSize = 32 << 10
		if _, err := chunked.Write(t.Context(), small, bytes.NewReader(volume), 32<<10, spec); err != nil {
			t.Fatal(err)
		}
		small.Set(full+"-00001", big.Objects()[full+"-00001"])
		allocated := testing.AllocsPerRun(1, func() {
			reasonOf(t, chunked.Restorable(t.Context(), small, 32<<10, chainOf(1)))
		})
		if allocated > 10000 {
			t.Errorf("%s: %v allocations", kind, allocated)
		}
	}
}

func TestParentRefusals(t *testing.T) {
	store, volume := smallChain(t, chunked.Zstd)
	bigger := append(bytes.Clone(volume), make([]byte, 1024)...)
	_, err := chunked.Write(t.Context(), store, bytes.NewReader(bigger), int64(len(bigger)), smallSpec(2))
	if reason := reasonOf(t, err); reason != "Volume size increased since the last backup. Do a full backup." {
		t.Error(err)
	}
	spec := smallSpec(2)
	spec.BlockSize = 1024
	_, err = chunked.Write(t.Context(), store, bytes.NewReader(volume), int64(len(volume)), spec)
	const want = "Hash block size has changed since the last backup. New hash block size: 1024. Old hash block size: 512. Do a full backup."
	if reason := reasonOf(t, err); reason != want {
		t.Error(err)
	}
}

func TestStoreFailures(t *testing.T) {
	volume := make([]byte, 20<<10)
	_, _ = rand.NewChaCha8([32]byte{4}).Read(volume)
	for nth := 1; nth <= 12; nth++ {
		store := chunktest.NewMemory()
		store.Inject(chunktest.Fault{Op: chunktest.Put, Nth: nth, Err: syscall.ENOSPC})
		_, err := chunked.Write(t.Context(), store, bytes.NewReader(volume), int64(len(volume)), smallSpec(0))
		if reason := reasonOf(t, err); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(reason, "No space left") {
			t.Errorf("Put %d: %v", nth, err)
		}
		if store.Objects()[full+"_metadata"] != nil {
			t.Errorf("Put %d: there is a backup", nth)
		}
		if err := chunked.Delete(t.Context(), store, specOf(0).Location); err != nil || len(store.Objects()) != 0 {
			t.Errorf("left after Delete: %d, %v", len(store.Objects()), err)
		}
	}
	for op, least := range map[chunktest.Op]int{chunktest.Get: 9, chunktest.Read: 9, chunktest.List: 2} {
		for nth := 1; ; nth++ {
			store, volume := smallChain(t, chunked.Zstd)
			hit := make(chan struct{})
			store.Inject(chunktest.Fault{Op: op, Nth: nth, Err: syscall.EIO, Hit: hit})
			err := verify(t, store, len(volume))
			select {
			case <-hit:
				reasonOf(t, err)
				if !errors.Is(err, syscall.EIO) {
					t.Errorf("%s %d: %v", op, nth, err)
				}
				continue
			default:
			}
			if err != nil || nth <= least {
				t.Errorf("%s %d: not done, %v", op, nth, err)
			}
			break
		}
	}
}

func TestCancel(t *testing.T) {
	volume := make([]byte, 20<<10)
	_, _ = rand.NewChaCha8([32]byte{5}).Read(volume)
	store := chunktest.NewMemory()
	ctx, cancel := context.WithCancel(t.Context())
	store.Inject(chunktest.Fault{Op: chunktest.Put, Nth: 3, Do: cancel, Block: make(chan struct{})})
	if _, err := chunked.Write(ctx, store, bytes.NewReader(volume), int64(len(volume)), smallSpec(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
	store, volume = smallChain(t, chunked.Zstd)
	ctx, cancel = context.WithCancel(t.Context())
	store.Inject(chunktest.Fault{Op: chunktest.Get, Nth: 6, Do: cancel, Block: make(chan struct{})})
	if err := chunked.Restorable(ctx, store, int64(len(volume)), chainOf(2)); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: %v", err)
	}
}

// Write stores the data first, then the digests, then the metadata.
func TestOrder(t *testing.T) {
	store, _ := smallChain(t, chunked.Zstd)
	puts := store.Puts()
	i := slices.Index(puts, full+"_metadata")
	if i != 7 || puts[6] != full+"_sha256file" || puts[len(puts)-1] != partial+"_metadata" {
		t.Errorf("%v", puts)
	}
}

func TestDeleteTakesMetadataFirstAndNoOther(t *testing.T) {
	store, _ := smallChain(t, chunked.Zstd)
	store.Set(full+"0-00001", []byte("of another attempt"))
	store.Inject(chunktest.Fault{Op: chunktest.Delete, Nth: 2, Err: syscall.EIO})
	reasonOf(t, chunked.Delete(t.Context(), store, specOf(0).Location))
	if store.Objects()[full+"_metadata"] != nil {
		t.Error("half a backup with its metadata")
	}
	for range 2 {
		if err := chunked.Delete(t.Context(), store, specOf(0).Location); err != nil {
			t.Error(err)
		}
	}
	for key := range store.Objects() {
		if strings.HasPrefix(key, "c0") && key != full+"0-00001" {
			t.Errorf("left: %s", key)
		}
	}
	if store.Objects()[full+"0-00001"] == nil {
		t.Error("another backup's object is gone")
	}
	if err := chunked.Delete(t.Context(), store, chunked.Location{Container: "c1"}); err == nil || len(store.Objects()) < 4 {
		t.Error("a container was emptied")
	}
}

func TestVolumeChanges(t *testing.T) {
	f := newVolume(t, 64<<10, true)
	store := chunktest.NewMemory()
	store.Inject(chunktest.Fault{Op: chunktest.Put, Nth: 2, Do: func() { _ = f.Truncate(1 << 20) }})
	_, err := chunked.Write(t.Context(), store, f, 64<<10, smallSpec(0))
	if reason := reasonOf(t, err); !strings.Contains(reason, "size changed") {
		t.Error(err)
	}
	_, err = chunked.Write(t.Context(), store, f, 2<<20, smallSpec(0))
	reasonOf(t, err)
	_, err = chunked.Write(t.Context(), store, bytes.NewReader(nil), 2<<20, smallSpec(0))
	if reason := reasonOf(t, err); !strings.Contains(reason, "shrank") {
		t.Error(err)
	}
	_, err = chunked.Write(t.Context(), store, brokenReader{}, 2<<20, smallSpec(0))
	if reason := reasonOf(t, err); !strings.Contains(reason, "could not be read") {
		t.Error(err)
	}
}

type brokenReader struct{}

func (brokenReader) ReadAt([]byte, int64) (int, error) { return 0, fmt.Errorf("disk: %w", syscall.EIO) }

// A changed block is found by its digest, even if the object and its MD5 in the metadata
// were changed together.
func TestDigestsAreChecked(t *testing.T) {
	store, volume := smallChain(t, chunked.None)
	object := bytes.Clone(store.Objects()[full+"-00003"])
	before := md5.Sum(object)
	object[7] ^= 1
	after := md5.Sum(object)
	text := string(store.Objects()[full+"_metadata"])
	changed := strings.Replace(text, hex.EncodeToString(before[:]), hex.EncodeToString(after[:]), 1)
	if changed == text {
		t.Fatal("the metadata does not have the MD5")
	}
	store.Set(full+"-00003", object)
	store.Set(full+"_metadata", []byte(changed))
	if reason := reasonOf(t, verify(t, store, len(volume))); !strings.Contains(reason, "is not what was backed up") {
		t.Fatal(reason)
	}
	if restoreSmall(t, store, len(volume)) != nil {
		t.Fatal("restored")
	}
}

// Every check that needs no data comes before the first write to an existing volume. If it
// fails, the volume stays unchanged.
func TestDescriptionsComeBeforeTheFirstWrite(t *testing.T) {
	for name, damage := range map[string]func(store *chunktest.Memory){
		"digests of a parent": func(store *chunktest.Memory) {
			whole := store.Objects()[full+"_sha256file"]
			store.Set(full+"_sha256file", whole[:len(whole)/2])
		},
		"an object of a parent is missing": func(store *chunktest.Memory) { store.Set(full+"-00006", nil) },
		"an object is missing":             func(store *chunktest.Memory) { store.Set(partial+"-00002", nil) },
		"an object is not listed":          func(store *chunktest.Memory) { store.Set(full+"-00099", []byte("x")) },
		"a hole at the end of the full one": func(store *chunktest.Memory) {
			text := string(store.Objects()[full+"_metadata"])
			at := strings.LastIndex(text, ",\n    {")
			store.Set(full+"_metadata", []byte(text[:at]+text[strings.Index(text, "\n  ],"):]))
			store.Set(full+"-00006", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, volume := smallChain(t, chunked.None)
			before := len(store.Objects())
			damage(store)
			if store.Objects()[full+"-00001"] == nil || before < 8 {
				t.Fatalf("the chain is another: %d objects", before)
			}
			f := newVolume(t, int64(len(volume)), false)
			own := bytes.Repeat([]byte("own "), len(volume)/4)
			if _, err := f.WriteAt(own, 0); err != nil {
				t.Fatal(err)
			}
			reads := &dataReads{Store: store}
			_, err := chunked.Restore(t.Context(), reads, f, int64(len(volume)), chainOf(2), chunked.RestoreOptions{})
			reasonOf(t, err)
			if n := reads.count.Load(); n > 0 {
				t.Errorf("%d objects of data were read: others could have been written by then", n)
			}
			kept := make([]byte, len(own))
			if _, err := f.ReadAt(kept, 0); err != nil || !bytes.Equal(kept, own) {
				t.Fatalf("the volume's own bytes are gone: %v", err)
			}
		})
	}
	// A new volume has no data to lose. The digests of the last level show whether it is
	// correct.
	store, volume := smallChain(t, chunked.None)
	store.Set(full+"_sha256file", nil)
	if restored := restoreSmall(t, store, len(volume)); !bytes.Equal(restored, volume) {
		t.Fatal("a new volume was not restored")
	}
}
