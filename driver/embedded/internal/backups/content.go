package backups

import (
	"context"
	"encoding/hex"
	"errors"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunked"
)

// OpenContent implements [driver.ContentReader].
func (bs *Backups) OpenContent(ctx context.Context, who driver.Caller, backupID string) (driver.Content, error) {
	b, err := bs.core.DB.Backup(ctx, backupID)
	if err != nil {
		return nil, core.Classify(err)
	}
	if b == nil || !who.Owns(b.ProjectID) {
		return nil, driver.BackupNotFound(backupID)
	}
	if b.Status != driver.BackupAvailable && b.Status != driver.BackupRestoring {
		return nil, driver.Errorf(driver.InvalidState, "Invalid backup: Backup status must be available, but current status is %s.", b.Status)
	}
	s, err := bs.storeFor(ctx, who, b)
	if err != nil {
		return nil, unreadable(err)
	}
	chain, err := bs.chain(ctx, s, b)
	if err != nil {
		return nil, unreadable(err)
	}
	c, err := chunked.Open(ctx, s.Store, bs.core.Bytes(b.Size), chain)
	if err != nil {
		return nil, unreadable(err)
	}
	return content{c}, nil
}

// unreadable returns the error for a backup whose data cannot be read now, or ever.
func unreadable(err error) error {
	if errors.As(err, new(*driver.Error)) {
		return err // of the request, not of the store
	}
	if chunked.IsDamage(err) {
		return driver.Wrap(driver.InvalidState, err, "Invalid backup: %s", core.ReasonOf(err))
	}
	return driver.Wrap(driver.Unavailable, err, "%s", core.ReasonOf(err))
}

type content struct{ *chunked.Content }

func (c content) Tag() string {
	tag := c.Content.Tag()
	return hex.EncodeToString(tag[:])
}
