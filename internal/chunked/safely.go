package chunked

import (
	"fmt"
	"runtime/debug"
)

// Panic is the error of a goroutine that panicked. Whatever a store holds must end
// one job, not the process.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }

// Recovered returns the error for what recover returned, nil for nil.
func Recovered(value any) error {
	if value == nil {
		return nil
	}
	return &Panic{Value: value, Stack: debug.Stack()}
}

// safely makes a panic of f its error.
func safely(f func() error) func() error {
	return func() (err error) {
		defer func() {
			if p := Recovered(recover()); p != nil {
				err = p
			}
		}()
		return f()
	}
}
