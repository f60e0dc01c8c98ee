package embedded

import (
	"context"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// changeEncryption changes a type that no volume has
// (cinder/api/contrib/volume_type_encryption.py).
func (d *Driver) changeEncryption(ctx context.Context, typeID, verb string, change func(*meta.Tx, *meta.VolumeType) error) error {
	return d.core.Write(ctx, func(tx *meta.Tx) error {
		t, err := existingType(tx, typeID)
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

// CreateTypeEncryption gives a type an encryption. Volumes of the type cannot be
// made as long as it has it: see [refuseEncrypted].
func (d *Driver) CreateTypeEncryption(ctx context.Context, _ driver.Caller, typeID string, spec driver.TypeEncryption) (driver.TypeEncryption, error) {
	err := d.changeEncryption(ctx, typeID, "create", func(tx *meta.Tx, t *meta.VolumeType) error {
		if t.Encryption != nil {
			return driver.Errorf(driver.InvalidState, "Volume type encryption for type %s already exists.", t.ID)
		}
		spec.ID, spec.CreatedAt = d.core.NewID(), tx.Now
		t.Encryption = &spec
		return nil
	})
	return spec, err
}

// UpdateTypeEncryption changes a type's encryption.
func (d *Driver) UpdateTypeEncryption(ctx context.Context, _ driver.Caller, typeID string, patch driver.TypeEncryptionPatch) error {
	return d.changeEncryption(ctx, typeID, "update", func(tx *meta.Tx, t *meta.VolumeType) error {
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

// DeleteTypeEncryption takes a type's encryption away.
func (d *Driver) DeleteTypeEncryption(ctx context.Context, _ driver.Caller, typeID string) error {
	return d.changeEncryption(ctx, typeID, "delete", func(_ *meta.Tx, t *meta.VolumeType) error {
		if t.Encryption == nil {
			return driver.TypeEncryptionNotFound(typeID)
		}
		t.Encryption = nil
		return nil
	})
}
