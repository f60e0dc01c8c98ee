package backups

import (
	"context"
	"encoding/hex"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
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
	if err := bs.entrust(ctx, who, b); err != nil {
		return nil, err
	}
	// What has been opened is read until the request ends.
	context.AfterFunc(ctx, bs.downloads.begin(b.VolumeID))
	c, err := bs.openContent(ctx, b)
	if err != nil {
		return nil, unreadable(err)
	}
	return contentOf(c, b), nil
}

// openContent opens the content of a backup that has data.
func (bs *Backups) openContent(ctx context.Context, b *meta.Backup) (c *chunked.Content, err error) {
	s, err := bs.storeOf(ctx, b)
	if err != nil {
		return nil, err
	}
	err = bs.withChain(ctx, s, b, func(chain []chunked.Level) error {
		c, err = chunked.Open(ctx, s.Store, bs.core.Bytes(b.Size), chain)
		return err
	})
	return c, err
}

// unreadable returns the error for a backup whose data cannot be read now, or ever.
func unreadable(err error) error {
	if chunked.IsDamage(err) {
		return driver.Wrap(driver.InvalidState, err, "Invalid backup: %s", core.ReasonOf(err))
	}
	return driver.Wrap(driver.Unavailable, err, "%s", core.ReasonOf(err))
}

type content struct {
	*chunked.Content
	parent string
}

func contentOf(c *chunked.Content, b *meta.Backup) content { return content{c, b.ParentID} }

func (c content) ParentID() string { return c.parent }

func (c content) Tag() string {
	tag := c.Content.Tag()
	return hex.EncodeToString(tag[:])
}
