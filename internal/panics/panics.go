// Package panics makes an error of a panic, so that it ends one piece of work and not
// the process.
package panics

import (
	"fmt"
	"runtime/debug"
)

// Error is the error of a goroutine that panicked.
type Error struct {
	Value any
	Stack []byte
}

func (e *Error) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// Recovered returns the error for what recover returned, nil for nil.
func Recovered(value any) error {
	if value == nil {
		return nil
	}
	return &Error{Value: value, Stack: debug.Stack()}
}
