package cloud

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// The lengths of the salt and the key, in hexadecimal digits (cinder/transfer/api.py).
const (
	saltLength = 8
	keyLength  = 16
)

// GetTransfer returns a transfer of a volume that the caller may see.
func (c *Cloud) GetTransfer(ctx context.Context, who driver.Caller, transferID string) (driver.Transfer, error) {
	t, err := c.core.DB.Transfer(ctx, transferID)
	if err != nil {
		return driver.Transfer{}, core.Classify(err)
	}
	if t == nil || !who.Owns(t.SourceProjectID) {
		return driver.Transfer{}, driver.TransferNotFound(transferID)
	}
	return t.Transfer, nil
}

// ListTransfers returns one page of transfers.
func (c *Cloud) ListTransfers(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Transfer], error) {
	rows, err := c.core.DB.Transfers(ctx)
	if err != nil {
		return driver.Page[driver.Transfer]{}, core.Classify(err)
	}
	var all []driver.Transfer
	for _, t := range rows {
		if q.AllProjects && who.IsAdmin() || t.SourceProjectID == who.ProjectID {
			all = append(all, t.Transfer)
		}
	}
	columns := maps.Clone(driver.TransferColumns)
	columns["project_id"] = columns["source_project_id"] // until the transfer is accepted
	return driver.Paginate(all, columns, q, driver.TransferNotFound)
}

// CreateTransfer offers a volume (cinder/transfer/api.py create).
func (c *Cloud) CreateTransfer(ctx context.Context, who driver.Caller, spec driver.TransferSpec) (driver.Transfer, string, error) {
	key := c.randomHex(keyLength)
	var t *meta.Transfer
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, spec.VolumeID)
		if err != nil {
			return err
		}
		if v.Status != core.Available {
			return driver.InvalidVolume("status must be available")
		}
		if !spec.NoSnapshots {
			if _, err := transferable(tx, v); err != nil {
				return err
			}
		}
		salt := c.randomHex(saltLength)
		t = &meta.Transfer{Transfer: driver.Transfer{ID: c.core.NewID(), VolumeID: v.ID, Name: spec.Name,
			NoSnapshots: spec.NoSnapshots, SourceProjectID: v.ProjectID, CreatedAt: tx.Now},
			Salt: salt, KeyHash: keyHash(salt, key)}
		v.Status = core.AwaitingTransfer
		if err := tx.TouchVolume(v); err != nil {
			return err
		}
		return tx.PutTransfer(t)
	})
	if err != nil {
		return driver.Transfer{}, "", err
	}
	return t.Transfer, key, nil
}

// transferable returns the snapshots to transfer with a volume. All must be available.
func transferable(tx *meta.Tx, v *meta.Volume) ([]*meta.Snapshot, error) {
	snapshots, err := tx.SnapshotsOf(v.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range snapshots {
		if s.Status != core.Available {
			return nil, driver.InvalidSnapshot("snapshot: %s status must be available", s.ID)
		}
	}
	return snapshots, nil
}

// AcceptTransfer gives the volume, and its snapshots if they are part of the transfer, to
// the caller's project (cinder/transfer/api.py accept).
func (c *Cloud) AcceptTransfer(ctx context.Context, who driver.Caller, transferID, authKey string) (driver.Transfer, error) {
	var t *meta.Transfer
	err := c.core.Write(ctx, func(tx *meta.Tx) (err error) {
		if t, err = tx.Transfer(transferID); err != nil {
			return err
		}
		if t == nil {
			return driver.TransferNotFound(transferID)
		}
		if !hmac.Equal([]byte(keyHash(t.Salt, authKey)), []byte(t.KeyHash)) {
			return driver.Errorf(driver.InvalidInput,
				"Invalid auth key: Attempt to transfer %s with invalid auth key.", transferID)
		}
		if err := c.giveVolume(tx, who, t); err != nil {
			return err
		}
		return tx.RemoveTransfer(t.ID)
	})
	if err != nil {
		return driver.Transfer{}, err
	}
	return t.Transfer, nil
}

func (c *Cloud) giveVolume(tx *meta.Tx, who driver.Caller, t *meta.Transfer) error {
	v, err := tx.Volume(t.VolumeID)
	if err != nil {
		return err
	}
	if v == nil {
		return driver.VolumeNotFound(t.VolumeID)
	}
	if v.Status != core.AwaitingTransfer {
		return driver.InvalidVolume("Transfer %s: Volume id %s expected in awaiting-transfer state.", t.ID, v.ID)
	}
	if v.GroupID != "" {
		// Cinder checks this only for consistency groups, and can leave a volume in a group
		// of another project.
		return driver.InvalidVolume("Volume %s must not be part of a group.", v.ID)
	}
	typ, err := c.volumes.OwnType(tx, v)
	if err != nil {
		return err
	}
	if err := c.volumes.CheckVolumeQuota(tx, who.ProjectID, typ, v.Size, volumes.Prefixed); err != nil {
		return err
	}
	c.core.Attention.CallAfter(tx, v.ProjectID, v.ID)
	v.ProjectID, v.UserID, v.Status = who.ProjectID, who.UserID, core.Available
	c.core.Attention.CallAfter(tx, v.ProjectID, v.ID)
	if err := tx.TouchVolume(v); err != nil || t.NoSnapshots {
		return err
	}
	snapshots, err := transferable(tx, v)
	if err != nil {
		return err
	}
	for _, s := range snapshots {
		if err := c.volumes.CheckSnapshotQuota(tx, who.ProjectID, typ, s.Size); err != nil {
			return err
		}
		s.ProjectID, s.UserID = who.ProjectID, who.UserID
		if err := tx.TouchSnapshot(s); err != nil {
			return err
		}
	}
	return nil
}

// DeleteTransfer withdraws an offer (cinder/db/sqlalchemy/api.py transfer_destroy).
func (c *Cloud) DeleteTransfer(ctx context.Context, who driver.Caller, transferID string) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		t, err := tx.Transfer(transferID)
		if err != nil {
			return err
		}
		if t == nil || !who.Owns(t.SourceProjectID) {
			return driver.TransferNotFound(transferID)
		}
		v, err := tx.Volume(t.VolumeID)
		if err != nil {
			return err
		}
		if v != nil && v.Status == core.AwaitingTransfer {
			v.Status = core.Available
			if err := tx.TouchVolume(v); err != nil {
				return err
			}
		}
		return tx.RemoveTransfer(t.ID)
	})
}

func keyHash(salt, key string) string {
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil))
}

// randomHex returns random hexadecimal digits.
func (c *Cloud) randomHex(digits int) string {
	raw := make([]byte, digits/2)
	_, _ = io.ReadFull(c.core.Random, raw) // never fails
	return hex.EncodeToString(raw)
}
