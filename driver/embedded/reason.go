package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"cindergate/internal/chunked"
	"cindergate/internal/marker"
)

// reason is why a job failed, in words for an operator.
type reason struct {
	text string
	err  error // for the log
}

func (r *reason) Error() string {
	if r.err == nil {
		return r.text
	}
	return r.text + ": " + r.err.Error()
}

func (r *reason) Unwrap() error { return r.err }

func reasonf(format string, args ...any) error { return &reason{text: fmt.Sprintf(format, args...)} }

func because(err error, text string) error { return &reason{text, err} }

// reasonOf returns the fail_reason for an error: never a path of this machine.
func reasonOf(err error) string {
	var ours *reason
	var stored *chunked.Error
	switch {
	case errors.As(err, &ours):
		return ours.text
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
