package backups

import (
	"context"
	"encoding/hex"
	"io"

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
	c, err := bs.openContent(ctx, b)
	if err != nil {
		return nil, unreadable(err)
	}
	return bs.contentOf(c, b), nil
}

// openContent opens the content of a backup that has data.
func (bs *Backups) openContent(ctx context.Context, b *meta.Backup) (*chunked.Content, error) {
	s, err := bs.storeOf(ctx, b)
	if err != nil {
		return nil, err
	}
	chain, err := bs.chain(ctx, s, b)
	if err != nil {
		return nil, err
	}
	return chunked.Open(ctx, s.Store, bs.core.Bytes(b.Size), chain)
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
	bs       *Backups
	volumeID string
	parent   string
}

func (bs *Backups) contentOf(c *chunked.Content, b *meta.Backup) content {
	return content{Content: c, bs: bs, volumeID: b.VolumeID, parent: b.ParentID}
}

// Copy notes the read, so that nothing that it reads is removed.
func (c content) Copy(ctx context.Context, w io.Writer, from, to int64) error {
	defer c.bs.downloads.begin(c.volumeID, c.bs.core.Clock.Now())()
	return c.Content.Copy(ctx, w, from, to)
}

func (c content) ParentID() string { return c.parent }

func (c content) Tag() string {
	tag := c.Content.Tag()
	return hex.EncodeToString(tag[:])
}
