package driver

import (
	"context"
	"time"
)

// Transfer offers a volume to anyone who knows the auth key.
type Transfer struct {
	ID, VolumeID    string
	Name            *string
	NoSnapshots     bool // transfer the volume without its snapshots
	SourceProjectID string
	CreatedAt       time.Time
}

// TransferSpec is a request to offer a volume.
type TransferSpec struct {
	VolumeID    string
	Name        *string
	NoSnapshots bool
}

// TransferManager transfers volumes to other projects. A transfer belongs to the project of
// its volume, and ends when it is accepted or deleted.
type TransferManager interface {
	GetTransfer(ctx context.Context, caller Caller, transferID string) (Transfer, error)
	ListTransfers(ctx context.Context, caller Caller, q Query) (Page[Transfer], error)
	// CreateTransfer offers an available volume and sets its status to awaiting-transfer.
	// Only this call returns the auth key.
	CreateTransfer(ctx context.Context, caller Caller, spec TransferSpec) (t Transfer, authKey string, err error)
	// AcceptTransfer gives the volume to the caller's project. Errors: NotFound,
	// InvalidInput (wrong key), OverLimit (the caller's quota), InvalidState.
	AcceptTransfer(ctx context.Context, caller Caller, transferID, authKey string) (Transfer, error)
	// DeleteTransfer withdraws the offer.
	DeleteTransfer(ctx context.Context, caller Caller, transferID string) error
}

// TransferColumns are the columns of a transfer.
var TransferColumns = Columns[Transfer]{
	"id":                func(t *Transfer) any { return t.ID },
	"volume_id":         func(t *Transfer) any { return t.VolumeID },
	"display_name":      func(t *Transfer) any { return deref(t.Name) },
	"no_snapshots":      func(t *Transfer) any { return t.NoSnapshots },
	"source_project_id": func(t *Transfer) any { return t.SourceProjectID },
	"deleted":           never[Transfer],
	"accepted":          func(*Transfer) any { return false },
	"created_at":        func(t *Transfer) any { return timeOrNil(t.CreatedAt) },
	"updated_at":        func(*Transfer) any { return nil },
}

// TransferNotFound returns Cinder's TransferNotFound (cinder/exception.py).
func TransferNotFound(id string) error { return notFound("Transfer", id) }
