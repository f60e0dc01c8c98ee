//go:build acceptance

package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
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
