package embedded

import (
	"context"
	"fmt"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
)

// A caller that leaves while its request waits for the database is no fault of the backend.
func TestCallersThatLeave(t *testing.T) {
	for cause, want := range map[error]driver.Kind{
		context.Canceled: driver.Canceled, context.DeadlineExceeded: driver.Unavailable,
	} {
		if err := core.Classify(fmt.Errorf("wait for the database: %w", cause)); driver.KindOf(err) != want {
			t.Errorf("%v: %v", cause, err)
		}
	}
}
