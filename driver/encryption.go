package driver

import (
	"context"
	"time"
)

// TypeEncryption says how to encrypt the volumes of a type.
type TypeEncryption struct {
	ID              string // encryption_id
	Provider        string // luks
	ControlLocation string // front-end, back-end
	Cipher          *string
	KeySize         *int // bits

	CreatedAt, UpdatedAt time.Time
}

// TypeEncryptionPatch changes an encryption. Fields that are not set stay unchanged.
type TypeEncryptionPatch struct {
	Provider, ControlLocation Optional[string]
	Cipher                    Optional[*string]
	KeySize                   Optional[*int]
}

// TypeEncrypter sets the encryption of volume types; [VolumeType.Encryption] shows it.
// Every method returns InvalidState while volumes of the type exist. A backend that cannot
// encrypt refuses to create volumes of an encrypted type.
type TypeEncrypter interface {
	CreateTypeEncryption(ctx context.Context, caller Caller, typeID string, spec TypeEncryption) (TypeEncryption, error)
	UpdateTypeEncryption(ctx context.Context, caller Caller, typeID string, patch TypeEncryptionPatch) error
	DeleteTypeEncryption(ctx context.Context, caller Caller, typeID string) error
}

// TypeEncryptionNotFound returns Cinder's VolumeTypeEncryptionNotFound
// (cinder/exception.py).
func TypeEncryptionNotFound(typeID string) error {
	return Errorf(NotFound, "Volume type encryption for type %s does not exist.", typeID)
}
