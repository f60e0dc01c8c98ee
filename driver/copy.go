package driver

import (
	"context"
	"strings"
)

// Metadata of backups that are copied to another backend (docs/copies.md). Users set CopyTo, on
// a backup or on a volume for its later backups. The gateway sets the others, on backups.
const (
	CopyTo       = "cindergate:copy-to"       // a backend; "": none
	CopyStatus   = "cindergate:copy-status"   // queued, copying, available or error
	CopyID       = "cindergate:copy-id"       // of the copy, at the backend
	CopyProgress = "cindergate:copy-progress" // percent, while it is copied
	CopyError    = "cindergate:copy-error"    // of the last attempt
)

// IsCopyState reports whether the gateway alone sets a key of metadata.
func IsCopyState(key string) bool {
	return strings.HasPrefix(key, "cindergate:copy-") && key != CopyTo
}

// BackupCopier is for a backend whose backups can be copied to others. It acts on [CopyTo]
// itself. Other backends are never sent that key.
type BackupCopier interface {
	// CheckCopyTo returns an error unless backups can be copied to the backend of that name.
	CheckCopyTo(backend string) error
}

// Copier copies backups to other backends, for a [BackupCopier]. Its errors are of the kind
// Unavailable if the same may succeed later without a change of the configuration, of the
// credential or of the request.
type Copier interface {
	// Check returns an error unless backups can be copied to the backend of that name. It
	// sends no request.
	Check(backend string) error
	// NewID returns the id of a new copy.
	NewID() string
	// Copy makes a copy, or goes on with the one of that id. It returns when the copy can be
	// restored. If ctx ends before, a later call with the same id goes on. An error of the
	// content is returned as it is.
	Copy(ctx context.Context, c Copy) (Copied, error)
	// Abort removes what a copy that is not complete has made at its backend. What is already
	// gone is no error.
	Abort(ctx context.Context, id, backend string) error
	// Forget removes what is kept on this machine about a copy that has ended.
	Forget(id string)
}

// Copy is one backup to copy.
type Copy struct {
	ID string // of the copy, by [Copier.NewID]
	To string // name of the backend
	// Known is the backup that an earlier copy has made there; "": none. It is kept if it is
	// still available.
	Known string

	Backup  Backup
	Volume  UploadVolume // what a restore gives a volume besides the bytes
	Content Content
	// Parent is the backup that the copied one is incremental on, if that has been copied to
	// the same backend; nil: none. The copy is then incremental as well if it can be.
	Parent *CopiedParent
	// Begin is called before anything is made at the backend. If it fails, nothing is.
	Begin func(ctx context.Context) error
	// Progress is called from time to time. It may be slow.
	Progress func(CopyingProgress)
}

// CopiedParent is a backup with a copy.
type CopiedParent struct {
	Backup Backup
	Copy   string // its copy
	Open   func(ctx context.Context) (Content, error)
}

// CopyingProgress is how far a copy is.
type CopyingProgress struct {
	Percent int
	Waits   string // what it waits for; "": it copies
}

// Copied is a copy that is complete.
type Copied struct {
	ID          string // of the backup
	Incremental bool
	Bytes       int64    // that were sent; 0 if it was there
	Lost        []string // what the backend could not keep, in sentences
}
