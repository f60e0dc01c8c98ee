//go:build acceptance

package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
)

// TestReal runs the suite against the service that STORE_S3_URL, _KEY and _SECRET name.
func TestReal(t *testing.T) {
	chunktest.RunReal(t, func(t *testing.T) chunk.Remote {
		return open(t, s3.Options{Endpoint: os.Getenv("STORE_S3_URL"), AccessKey: os.Getenv("STORE_S3_KEY"),
			SecretKey: os.Getenv("STORE_S3_SECRET"), Bucket: "cindergate-suite-default", Options: object.Options{Name: "real"}})
	})
}

// real returns a store with a bucket of its own of the service that TestReal names.
func real(t *testing.T, bucket, lock string) *object.Store {
	s := open(t, s3.Options{Endpoint: os.Getenv("STORE_S3_URL"), AccessKey: os.Getenv("STORE_S3_KEY"), SecretKey: os.Getenv("STORE_S3_SECRET"),
		Bucket: bucket, ObjectLock: lock, Options: object.Options{Name: "real"}})
	if _, err := s.Claim(t.Context(), "lock"); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRealLock runs the suite with Object Lock, and locks objects.
func TestRealLock(t *testing.T) {
	if os.Getenv("STORE_S3_LOCKS") != "yes" {
		// The service takes every request about locks. It must not be believed.
		s := real(t, "cindergate-no-lock", s3.Governance)
		if err := s.ProbeLock(t.Context(), ""); !errors.Is(err, chunk.ErrNoLock) {
			t.Fatalf("a service that protects nothing: %v", err)
		}
		if _, err := s.Lock(t.Context(), "cindergate-no-lock/x", time.Now().Add(time.Minute)); !errors.Is(err, chunk.ErrNoLock) {
			t.Fatal(err)
		}
		return
	}
	chunktest.RunReal(t, func(t *testing.T) chunk.Remote {
		return open(t, s3.Options{Endpoint: os.Getenv("STORE_S3_URL"), AccessKey: os.Getenv("STORE_S3_KEY"), ObjectLock: s3.Governance,
			SecretKey: os.Getenv("STORE_S3_SECRET"), Bucket: "cindergate-suite-locking", Options: object.Options{Name: "real"}})
	})
	ctx := t.Context()
	s := real(t, "cindergate-lock", s3.Governance)
	for range 2 {
		if err := s.ProbeLock(ctx, ""); err != nil {
			t.Fatal(err)
		}
	}
	put := func(key string) {
		if err := s.Put(ctx, "cindergate-lock/"+key, chunktest.Bytes([]byte(key)), int64(len(key))); err != nil {
			t.Fatal(err)
		}
	}
	put("a-1")
	put("a-2")
	put("b-1")
	if n, err := s.Lock(ctx, "cindergate-lock/a-", time.Now().Add(time.Hour)); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	if n, err := s.Lock(ctx, "cindergate-lock/a-1", time.Now().Add(2*time.Hour)); err != nil || n != 1 { // longer
		t.Fatal(n, err)
	}
	if _, err := s.Lock(ctx, "cindergate-lock/a-", time.Now().Add(time.Minute)); err == nil {
		t.Error("a lock was made shorter")
	}
	if err := s.Delete(ctx, "cindergate-lock/a-1", "cindergate-lock/b-1"); err == nil {
		t.Error("a locked object was deleted")
	}
	put("a-1") // a new version; the locked one stays
	if err := s.Delete(ctx, "cindergate-lock/a-1"); err == nil {
		t.Error("the locked version was deleted")
	}
	put("b-1")
	put("b-1")
	if err := s.Delete(ctx, "cindergate-lock/b-1"); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key, err := range s.List(ctx, "cindergate-lock/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if slices.Contains(keys, "cindergate-lock/b-1") || !slices.Contains(keys, "cindergate-lock/a-2") {
		t.Error(keys)
	}
	// A bucket that was made without Object Lock.
	real(t, "cindergate-plain", "")
	plain := real(t, "cindergate-plain", s3.Governance)
	if err := plain.ProbeLock(ctx, ""); !errors.Is(err, chunk.ErrNoLock) {
		t.Errorf("a bucket without Object Lock: %v", err)
	}
}

// TestRealBucket sends a file in parts, of which one is replaced and one is left out, reads it,
// and leaves nothing.
func TestRealBucket(t *testing.T) {
	ctx := t.Context()
	b, err := s3.NewBucket(s3.BucketOptions{Endpoint: os.Getenv("STORE_S3_URL"), Region: "us-east-1", Name: "cindergate-bucket-test",
		Keys: func(context.Context) (access, secret, token string, expires time.Time, err error) {
			return os.Getenv("STORE_S3_KEY"), os.Getenv("STORE_S3_SECRET"), "", time.Now().Add(time.Hour), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // one that exists is no error
		if err := b.Make(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Open(ctx, "file"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := b.Begin(ctx, "lost"); err != nil { // its id is lost
		t.Fatal(err)
	}
	upload, err := b.Begin(ctx, "file")
	if err != nil {
		t.Fatal(err)
	}
	part := func(n int, fill byte) s3.Part {
		sum, err := b.PutPart(ctx, "file", upload, n, bytes.Repeat([]byte{fill}, 5<<20))
		if err != nil {
			t.Fatal(err)
		}
		return s3.Part{Number: n, MD5: sum}
	}
	part(3, 'x')
	part(7, 'y')
	parts := []s3.Part{part(1, 'a'), part(3, 'c'), part(9, 'i')}
	if err := b.Complete(ctx, "file", upload, parts); err != nil {
		t.Fatal(err)
	}
	f, err := b.Open(ctx, "file")
	if err != nil || f.Size != 15<<20 {
		t.Fatal(f, err)
	}
	p := make([]byte, 4)
	for off, want := range map[int64]string{0: "aaaa", 5<<20 - 2: "aacc", 10<<20 - 1: "ciii", 15<<20 - 4: "iiii"} {
		if err := f.ReadAt(ctx, p, off); err != nil || string(p) != want {
			t.Errorf("at %d: %q, %v", off, p, err)
		}
	}
	if err := f.ReadAt(ctx, p, 15<<20-2); err == nil {
		t.Error("bytes behind the end are read")
	}
	for range 2 {
		if err := b.Remove(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := b.Exists(ctx); there || err != nil {
		t.Error(there, err)
	}
}
