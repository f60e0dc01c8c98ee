package core

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"cindergate/internal/chunk"
	"cindergate/internal/chunked"
	"cindergate/internal/marker"
)

// Reason says why a job failed, in a text for operators.
type Reason struct {
	Text string
	err  error // for the log
}

func (r *Reason) Error() string {
	if r.err == nil {
		return r.Text
	}
	return r.Text + ": " + r.err.Error()
}

func (r *Reason) Unwrap() error { return r.err }

// Reasonf returns an error whose reason is the text.
func Reasonf(format string, args ...any) error { return &Reason{Text: fmt.Sprintf(format, args...)} }

// Because returns an error whose reason is the text, and whose cause is err.
func Because(err error, text string) error { return &Reason{text, err} }

// ReasonOf returns the fail_reason for an error. It never contains a path of this machine.
func ReasonOf(err error) string {
	var ours *Reason
	var stored *chunked.Error
	var store *chunk.Failure
	switch {
	case errors.As(err, &store): // names the store, and says more than what wraps it
		return store.Text
	case errors.As(err, &ours):
		return ours.Text
	case errors.As(err, &stored):
		return stored.Reason
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "No space left on the storage of the volumes."
	case errors.Is(err, syscall.EFBIG):
		return "The volume is larger than the storage of the volumes allows for one file."
	case errors.As(err, new(*marker.Missing)):
		return "The storage of the volumes is not mounted."
	case errors.Is(err, fs.ErrNotExist):
		return "A file that holds the data is missing."
	case errors.Is(err, fs.ErrPermission):
		return "A file that holds the data cannot be opened: permission denied."
	case errors.Is(err, syscall.EIO):
		return "The storage reported an input/output error."
	}
	return "An internal error occurred; the log of the service has it."
}
