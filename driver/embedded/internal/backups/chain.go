package backups

import (
	"cmp"
	"context"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// chain returns the backups that make up b, the full one first.
func (bs *Backups) chain(ctx context.Context, b *meta.Backup) ([]chunked.Level, error) {
	var chain []chunked.Level
	seen := map[string]bool{}
	for {
		if b.ServiceMetadata == "" {
			return nil, core.Reasonf("Backup %s has no data: %s", b.ID, cmp.Or(b.FailReason, "it was not finished."))
		}
		if b.Status == driver.BackupDeleting {
			return nil, core.Reasonf("Backup %s is being deleted.", b.ID)
		}
		if seen[b.ID] {
			return nil, core.Reasonf("Backup %s is its own ancestor.", b.ID)
		}
		seen[b.ID] = true
		level := chunked.Level{Location: chunked.Location{Container: bs.container(b), Prefix: b.ServiceMetadata}, BackupID: dataID(b)}
		if b.ParentID == "" {
			return append([]chunked.Level{level}, chain...), nil
		}
		parent, err := bs.core.DB.Backup(ctx, b.ParentID)
		if err != nil {
			return nil, err
		}
		if parent == nil {
			return nil, core.Reasonf("Backup %s depends on backup %s, which is not here. Import that as well.", b.ID, b.ParentID)
		}
		level.ParentID = dataID(parent)
		chain = append([]chunked.Level{level}, chain...)
		b = parent
	}
}

// dataID is the backup id that the objects name.
func dataID(b *meta.Backup) string {
	if b.DataBackupID != "" {
		return b.DataBackupID
	}
	return b.ID
}

// checkData checks that a backup can be restored, as far as that can be known
// without reading all of its data.
func (bs *Backups) checkData(ctx context.Context, b *meta.Backup) error {
	if err := bs.storeReady(ctx); err != nil {
		return err
	}
	chain, err := bs.chain(ctx, b)
	if err != nil {
		return err
	}
	return chunked.Check(ctx, bs.core.Store, bs.core.Bytes(b.Size), chain)
}
