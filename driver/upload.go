package driver

import (
	"context"
	"io"
	"iter"
	"time"
)

// ContentWriter makes backups of content that clients send piece by piece. Cinder has no
// such operation. A backup has the status creating until its upload is committed and its
// data is in the store.
type ContentWriter interface {
	// StartUpload makes a backup without content. Errors: as for a new backup; InvalidInput
	// for an unfit parent.
	StartUpload(ctx context.Context, caller Caller, spec UploadSpec) (Backup, Upload, error)
	// ShowUpload returns an upload. Errors: NotFound if there is none, or no more.
	ShowUpload(ctx context.Context, caller Caller, backupID string) (Upload, error)
	// PutContent stores a range. It is durable when PutContent returns nil. To repeat it
	// changes nothing. Errors: NotFound; InvalidInput if the range or the digest does not
	// suit; Conflict if a part of the range is here already; Unavailable while another request
	// sends a part of it.
	PutContent(ctx context.Context, caller Caller, backupID string, piece Piece) error
	// CommitUpload accepts the content. received is the sum of the bytes of all ranges. What
	// has not been sent is as in the parent, or zeroes. It may be repeated if the backup
	// ended in error. Errors: NotFound; InvalidInput if received is another number; Unavailable
	// while a range is on its way; InvalidState.
	CommitUpload(ctx context.Context, caller Caller, backupID string, received int64) error
	// AbortUpload deletes the upload and its backup. Errors: NotFound; InvalidState after a
	// commit.
	AbortUpload(ctx context.Context, caller Caller, backupID string) error
}

// UploadSpec is a request for a backup whose content will be sent.
type UploadSpec struct {
	Size              int    // in GiB; 0: that of the parent
	ParentID          string // "": a full backup
	VolumeID          string // shown as the backup's; "": the parent's, or a new one
	Name, Description *string
	Metadata          map[string]string
	Container         string
	DataTimestamp     time.Time // zero: now
	Volume            *UploadVolume
}

// UploadVolume is what a restore gives a volume besides the bytes.
type UploadVolume struct {
	Name, Description       *string
	Metadata, ImageMetadata map[string]string
	Bootable                bool
}

// Upload is the state of an upload.
type Upload struct {
	Size        int64 // bytes
	Granularity int64 // bytes; a range begins and ends at multiples of it, or at the end
	MaxPiece    int64 // bytes of a piece
	Received    int64 // bytes
	Committed   bool
	ExpiresAt   time.Time // unless something is sent before
	// Ranges yields what has been received, as ranges [from, to) in bytes, in order and with
	// gaps between them, from an offset on. nil in the answer to StartUpload.
	Ranges func(ctx context.Context, offset int64) iter.Seq2[[2]int64, error]
}

// Piece is a range [From, To) of an upload's bytes.
type Piece struct {
	From, To int64
	Body     io.Reader // nil: zeroes
	SHA256   string    // of the body, hexadecimal; "": it is not compared
}
