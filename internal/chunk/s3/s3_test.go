package s3_test

import (
	"testing"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
)

func options(server *chunktest.Server) s3.Options {
	return s3.Options{Endpoint: server.URL, AccessKey: chunktest.S3Key, SecretKey: chunktest.S3Secret,
		Options: object.Options{Name: "archive", Pause: time.Millisecond, MaxPause: 4 * time.Millisecond, Budget: 1e6, Patience: 10 * time.Second}}
}

func open(t *testing.T, o s3.Options) *object.Store {
	t.Helper()
	s, err := s3.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	chunktest.RunBelow(t, "suite", func(t *testing.T) chunk.Store {
		server := chunktest.NewS3(t)
		server.Set("suite", "", nil)
		s := open(t, options(server))
		if _, err := s.Claim(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		return s
	})
}
