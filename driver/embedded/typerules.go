package embedded

import (
	"cindergate/driver"
	"cindergate/internal/meta"
)

// existingType returns a type by its id.
func existingType(tx *meta.Tx, typeID string) (*meta.VolumeType, error) {
	t, err := tx.VolumeType(typeID)
	if err == nil && t == nil {
		err = driver.VolumeTypeNotFound(typeID)
	}
	return t, err
}

// refuseEncrypted says that a volume cannot have a type whose volumes are to be
// encrypted: they would not be.
func refuseEncrypted(t *meta.VolumeType) error {
	if t.Encryption == nil {
		return nil
	}
	return driver.Errorf(driver.NotSupported,
		"Volume type %s has encryption, and this backend does not encrypt volumes.", t.Name)
}

// encrypted is why a backup of an encrypted volume is not restored: its bytes are of
// no use without the key, and there is no key manager.
const encrypted = "The backup is of an encrypted volume, and this gateway has no key manager: a restored volume could not be read."
