package chunked

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Error says why a backup cannot be written or restored. Reason is a sentence for the
// backup's fail_reason. It may name an object, but never a path of this machine. Err is for
// the log.
type Error struct {
	Reason string
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return e.Reason + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

func errorf(format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...)}
}

// wrap gives cause a reason, unless it already has one. It returns the error of a cancelled
// context unchanged.
func wrap(cause error, format string, args ...any) error {
	var e *Error
	if errors.As(cause, &e) || errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return &Error{Reason: fmt.Sprintf(format, args...), Err: cause}
}

// storeFailure is the cause of an error that says nothing about the content of a backup.
type storeFailure struct{ error }

func (e storeFailure) Unwrap() error { return e.error }

// putError explains a failed Put.
func putError(cause error, object string) error {
	if errors.Is(cause, syscall.ENOSPC) || errors.Is(cause, syscall.EDQUOT) {
		return wrap(cause, "No space left in the backup store for object %s.", object)
	}
	if errors.Is(cause, syscall.ENAMETOOLONG) {
		return wrap(cause, "The container or the name of object %.64s is longer than the backup store allows.", object)
	}
	return wrap(cause, "Object %s could not be written to the backup store.", object)
}

// getError explains a failed Get, or a read that failed midway.
func getError(cause error, object string) error {
	if errors.Is(cause, fs.ErrNotExist) {
		return wrap(cause, "Object %s is missing from the backup store.", object)
	}
	return wrap(storeFailure{cause}, "Object %s could not be read from the backup store.", object)
}

// damaged explains why an object cannot be decoded.
func damaged(cause error, object string) error {
	var failed storeFailure
	if errors.As(cause, &failed) {
		return getError(failed.error, object)
	}
	return wrap(cause, "Object %s is damaged.", object)
}
