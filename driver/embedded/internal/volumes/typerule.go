package volumes

import (
	"cindergate/driver"
	"cindergate/internal/meta"
)

// ExistingType returns a type by its id.
func ExistingType(tx *meta.Tx, typeID string) (*meta.VolumeType, error) {
	t, err := tx.VolumeType(typeID)
	if err == nil && t == nil {
		err = driver.VolumeTypeNotFound(typeID)
	}
	return t, err
}

// RefuseEncrypted returns an error if the type is encrypted, because this driver cannot
// encrypt volumes.
func RefuseEncrypted(t *meta.VolumeType) error {
	if t.Encryption == nil {
		return nil
	}
	return driver.Errorf(driver.NotSupported,
		"Volume type %s has encryption, and this backend does not encrypt volumes.", t.Name)
}

// Encrypted is the reason for refusing a backup of an encrypted volume.
const Encrypted = "The backup is of an encrypted volume, and this gateway has no key manager: a restored volume could not be read."
