package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// Kind classifies an error; translate/fault.go maps it to a status.
type Kind uint8

// The kinds. The zero value is an unclassified error, whose text no client sees.
const (
	Internal     Kind = iota
	InvalidInput      // the request is wrong whatever the state
	InvalidState      // a resource's state forbids it
	Unauthorized      // no or bad token
	Forbidden         // policy
	NotFound          // also another project's resource
	OverLimit         // quota or rate
	NotSupported      // the backend cannot
	Unavailable       // the backend cannot be reached or is overloaded
	Conflict          // for the few calls where Cinder answers 409
	Canceled          // the caller left before the answer; no fault of the backend
)

// Error is a classified failure. Message is for the client, Reason for programs, Err for
// the log.
type Error struct {
	Kind       Kind
	Reason     Reason // NoReason: Kind says all
	Message    string
	RetryAfter time.Duration // for OverLimit and Unavailable
	Err        error
}

// Errorf makes an error whose text the client sees.
func Errorf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Wrap classifies cause; the client sees only the formatted text.
func Wrap(k Kind, cause error, format string, args ...any) error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...), Err: cause}
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Left is the error for a caller that left before its answer, or in the middle of its
// request. cause is for the log.
func Left(cause error) error { return Wrap(Canceled, cause, "The client left before the answer.") }

// UnreadBody is the error for a request whose body could not be read from the client:
// that client left, or what it sends is no body.
func UnreadBody(cause error) error {
	if errors.Is(cause, io.ErrUnexpectedEOF) || errors.Is(cause, net.ErrClosed) || errors.Is(cause, syscall.ECONNRESET) || errors.Is(cause, context.Canceled) {
		return Left(cause)
	}
	return Wrap(InvalidInput, cause, "The request body could not be read.")
}

// KindOf returns the kind of the first [*Error] in err's chain, Internal if none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Texts of Cinder's exceptions (cinder/exception.py), which clients show.

// BackupNotFound is BackupNotFound of cinder/exception.py.
func BackupNotFound(id string) error {
	return BackupUnknown.Errorf("Backup %s could not be found.", id)
}

// VolumeNotFound is VolumeNotFound of cinder/exception.py.
func VolumeNotFound(id string) error {
	return VolumeUnknown.Errorf("Volume %s could not be found.", id)
}

// SnapshotNotFound is SnapshotNotFound of cinder/exception.py.
func SnapshotNotFound(id string) error {
	return SnapshotUnknown.Errorf("Snapshot %s could not be found.", id)
}

func notFound(what, id string) error {
	return Errorf(NotFound, "%s %s could not be found.", what, id)
}

// InvalidBackup is InvalidBackup of cinder/exception.py. Where the reason is known, use
// that one's Errorf.
func InvalidBackup(format string, args ...any) error { return BackupUnfit.Errorf(format, args...) }

// InvalidVolume is InvalidVolume of cinder/exception.py, as InvalidBackup.
func InvalidVolume(format string, args ...any) error { return VolumeUnfit.Errorf(format, args...) }

// InvalidSnapshot is InvalidSnapshot of cinder/exception.py, as InvalidBackup.
func InvalidSnapshot(format string, args ...any) error { return SnapshotUnfit.Errorf(format, args...) }
