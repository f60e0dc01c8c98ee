//go:build acceptance

package swift_test

import (
	"os"
	"testing"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/swift"
)

// TestReal runs the suite against the Swift with tempauth that STORE_SWIFT_URL, _USER and
// _KEY name.
func TestReal(t *testing.T) {
	chunktest.RunReal(t, func(t *testing.T) chunk.Remote {
		return open(t, swift.Options{Login: swift.Login{AuthURL: os.Getenv("STORE_SWIFT_URL"), Version: 1,
			User: os.Getenv("STORE_SWIFT_USER"), Key: os.Getenv("STORE_SWIFT_KEY")}, Container: "cindergate-suite-default",
			Options: object.Options{Name: "real"}})
	})
}
