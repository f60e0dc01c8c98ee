package driver

import (
	"context"
	"time"
)

// TypeEncryption says how volumes of a type are to be encrypted.
type TypeEncryption struct {
	ID              string // encryption_id
	Provider        string // luks
	ControlLocation string // front-end, back-end
	Cipher          *string
	KeySize         *int // bits

	CreatedAt, UpdatedAt time.Time
}

// TypeEncryptionPatch changes an encryption; what is not set stays.
type TypeEncryptionPatch struct {
	Provider, ControlLocation Optional[string]
	Cipher                    Optional[*string]
	KeySize                   Optional[*int]
}

// TypeEncrypter sets the encryption of volume types; [VolumeType.Encryption] shows
// it. All is InvalidState while a volume has the type. A backend that cannot
// encrypt refuses to make volumes of such types.
type TypeEncrypter interface {
	CreateTypeEncryption(ctx context.Context, caller Caller, typeID string, spec TypeEncryption) (TypeEncryption, error)
	UpdateTypeEncryption(ctx context.Context, caller Caller, typeID string, patch TypeEncryptionPatch) error
	DeleteTypeEncryption(ctx context.Context, caller Caller, typeID string) error
}

// TypeEncryptionNotFound is VolumeTypeEncryptionNotFound of cinder/exception.py.
func TypeEncryptionNotFound(typeID string) error {
	return Errorf(NotFound, "Volume type encryption for type %s does not exist.", typeID)
}
