//go:build acceptance

package s3_test

import (
	"os"
	"testing"

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
