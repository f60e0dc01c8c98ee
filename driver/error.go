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

// Kind classifies an error. translate/fault.go maps it to an HTTP status.
type Kind uint8

// The kinds of errors. The zero value marks an unclassified error, whose text clients never
// see.
const (
	Internal     Kind = iota
	InvalidInput      // the request is wrong in any state
	InvalidState      // a resource's state forbids it
	Unauthorized      // no token, or an invalid one
	Forbidden         // policy
	NotFound          // no such resource, or it belongs to another project
	OverLimit         // quota or rate
	NotSupported      // the backend cannot do it
	Unavailable       // the backend cannot be reached or is overloaded
	Conflict          // only for the few calls where Cinder answers 409
	Canceled          // the client left before the answer; not the backend's fault
)

// Error is a classified failure. Clients see Message, programs read Reason, and the log
// shows Err.
type Error struct {
	Kind       Kind
	Reason     Reason // NoReason: Kind says everything
	Message    string
	RetryAfter time.Duration // for OverLimit and Unavailable
	Err        error
}

// Errorf returns an error of kind k whose text the client sees.
func Errorf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Wrap classifies cause. The client sees only the formatted text.
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

// Left returns the error for a client that closed its connection before the answer or in
// the middle of its request. cause is for the log.
func Left(cause error) error { return Wrap(Canceled, cause, "The client left before the answer.") }

// UnreadBody returns the error for a request body that could not be read: the client closed
// its connection, or sent a malformed body. cause is for the log.
func UnreadBody(cause error) error {
	if errors.Is(cause, io.ErrUnexpectedEOF) || errors.Is(cause, net.ErrClosed) || errors.Is(cause, syscall.ECONNRESET) || errors.Is(cause, context.Canceled) {
		return Left(cause)
	}
	return Wrap(InvalidInput, cause, "The request body could not be read.")
}

// KindOf returns the kind of the first [*Error] in err's chain, or Internal if there is
// none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// The functions below return the texts of Cinder's exceptions (cinder/exception.py), which
// clients show to their users.

// BackupNotFound returns Cinder's BackupNotFound (cinder/exception.py).
func BackupNotFound(id string) error {
	return BackupUnknown.Errorf("Backup %s could not be found.", id)
}

// VolumeNotFound returns Cinder's VolumeNotFound (cinder/exception.py).
func VolumeNotFound(id string) error {
	return VolumeUnknown.Errorf("Volume %s could not be found.", id)
}

// SnapshotNotFound returns Cinder's SnapshotNotFound (cinder/exception.py).
func SnapshotNotFound(id string) error {
	return SnapshotUnknown.Errorf("Snapshot %s could not be found.", id)
}

func notFound(what, id string) error {
	return Errorf(NotFound, "%s %s could not be found.", what, id)
}

// InvalidBackup returns Cinder's InvalidBackup (cinder/exception.py). If you know the
// reason, use [Reason.Errorf] instead.
func InvalidBackup(format string, args ...any) error { return BackupUnfit.Errorf(format, args...) }

// InvalidVolume returns Cinder's InvalidVolume (cinder/exception.py). See [InvalidBackup].
func InvalidVolume(format string, args ...any) error { return VolumeUnfit.Errorf(format, args...) }

// InvalidSnapshot returns Cinder's InvalidSnapshot (cinder/exception.py). See
// [InvalidBackup].
func InvalidSnapshot(format string, args ...any) error { return SnapshotUnfit.Errorf(format, args...) }
