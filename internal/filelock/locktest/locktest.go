// Package locktest helps to test what several processes do to the same files at the same time.
package locktest

import (
	"sync"
	"testing"
)

// Beside calls do again and again, in a goroutine of its own, until the test ends. An error of do ends the
// calls and fails the test.
func Beside(t testing.TB, do func() error) {
	t.Helper()
	done := make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := do(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	t.Cleanup(func() { close(done); calls.Wait() })
}
