package chunked

import "cindergate/internal/panics"

// safely makes a panic of f its error: whatever a store holds must end one job, not the
// process.
func safely(f func() error) func() error {
	return func() (err error) {
		defer func() {
			if p := panics.Recovered(recover()); p != nil {
				err = p
			}
		}()
		return f()
	}
}
