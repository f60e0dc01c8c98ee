package chunked

import "cindergate/internal/panics"

// safely turns a panic of f into an error. The content of a store may fail one job, but
// must not end the process.
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
