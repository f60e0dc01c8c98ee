package cloud

import (
	"context"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// changeEncryption changes the encryption of a type that no volume uses
// (cinder/api/contrib/volume_type_encryption.py).
func (c *Cloud) changeEncryption(ctx context.Context, typeID, verb string, change func(*meta.Tx, *meta.VolumeType) error) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		t, err := volumes.ExistingType(tx, typeID)
		if err != nil {
			return err
		}
		n, err := tx.VolumesOfType(t.ID)
		if err != nil {
			return err
		}
		if n > 0 {
			return driver.Errorf(driver.InvalidState, "Cannot %s encryption specs. Volume type in use.", verb)
		}
		if err := change(tx, t); err != nil {
			return err
		}
		return tx.PutVolumeType(t)
	})
}

// CreateTypeEncryption gives a type an encryption. Until it is removed, volumes of the type
// cannot be created; see [volumes.RefuseEncrypted].
func (c *Cloud) CreateTypeEncryption(ctx context.Context, _ driver.Caller, typeID string, spec driver.TypeEncryption) (driver.TypeEncryption, error) {
	err := c.changeEncryption(ctx, typeID, "create", func(tx *meta.Tx, t *meta.VolumeType) error {
		if t.Encryption != nil {
			return driver.Errorf(driver.InvalidState, "Volume type encryption for type %s already exists.", t.ID)
		}
		spec.ID, spec.CreatedAt = c.core.NewID(), tx.Now
		t.Encryption = &spec
		return nil
	})
	return spec, err
}

// UpdateTypeEncryption changes a type's encryption.
func (c *Cloud) UpdateTypeEncryption(ctx context.Context, _ driver.Caller, typeID string, patch driver.TypeEncryptionPatch) error {
	return c.changeEncryption(ctx, typeID, "update", func(tx *meta.Tx, t *meta.VolumeType) error {
		if t.Encryption == nil {
			return driver.TypeEncryptionNotFound(typeID)
		}
		if patch.Provider.Set {
			t.Encryption.Provider = patch.Provider.Value
		}
		if patch.ControlLocation.Set {
			t.Encryption.ControlLocation = patch.ControlLocation.Value
		}
		if patch.Cipher.Set {
			t.Encryption.Cipher = patch.Cipher.Value
		}
		if patch.KeySize.Set {
			t.Encryption.KeySize = patch.KeySize.Value
		}
		t.Encryption.UpdatedAt = tx.Now
		return nil
	})
}

// DeleteTypeEncryption removes a type's encryption.
func (c *Cloud) DeleteTypeEncryption(ctx context.Context, _ driver.Caller, typeID string) error {
	return c.changeEncryption(ctx, typeID, "delete", func(_ *meta.Tx, t *meta.VolumeType) error {
		if t.Encryption == nil {
			return driver.TypeEncryptionNotFound(typeID)
		}
		t.Encryption = nil
		return nil
	})
}
