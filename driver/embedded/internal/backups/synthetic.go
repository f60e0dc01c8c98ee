package backups

import (
	"context"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// checkSynthetic refuses metadata that ask for a synthetic full backup of something that cannot be one.
func checkSynthetic(b *meta.Backup) error {
	value, asked := b.Metadata[policy.SyntheticKey]
	switch {
	case !asked:
		return nil
	case value != policy.SyntheticFull:
		return driver.Errorf(driver.InvalidInput, "Invalid input received: metadata %s: %q is not %q.", policy.SyntheticKey, value, policy.SyntheticFull)
	case b.ParentID == "":
		return driver.Errorf(driver.InvalidInput, "Invalid input received: metadata %s: a synthetic full backup is made of a chain: it must be incremental.", policy.SyntheticKey)
	}
	return nil
}

// isSynthetic reports whether a backup that is being made becomes a full one.
func isSynthetic(b *meta.Backup) bool {
	return b.ParentID != "" && b.Metadata[policy.SyntheticKey] == policy.SyntheticFull
}

// increment is where an attempt at a synthetic full backup writes what has changed. Attempts have lower numbers.
func (bs *Backups) increment(s *core.Store, b *meta.Backup, attempt int) chunked.Location {
	return chunked.Location{Container: bs.container(s, b), Prefix: s.Layout().Prefix(bs.names(b), maxNumber+attempt)}
}

// writeSynthetic writes a full backup of a chain and of what has changed since: only that is read of the volume, and
// objects of the chain that nothing covers are copied in the store.
func (bs *Backups) writeSynthetic(ctx context.Context, s *core.Store, b *meta.Backup, at chunked.Location, attempt int) (chunked.Result, error) {
	increment := bs.increment(s, b, attempt)
	result, err := bs.writeBackup(ctx, s, b, increment)
	if err != nil {
		return result, err
	}
	parent, err := bs.core.DB.Backup(ctx, b.ParentID)
	if err == nil && parent == nil {
		err = core.Reasonf("The parent backup %s is gone.", b.ParentID)
	}
	if err != nil {
		return result, err
	}
	chain, err := bs.chain(ctx, s, parent)
	if err != nil {
		return result, err
	}
	size := bs.core.Bytes(b.Size)
	made, err := chunked.Merge(ctx, s.Store, size, append(slices.Clone(chain), chunked.Level{Location: increment, BackupID: b.ID, ParentID: dataID(parent)}),
		chunked.MergeSpec{Location: at, CreatedAt: b.CreatedAt, Compression: bs.format.Compression})
	if err != nil {
		return result, err
	}
	result.Objects, result.DataBytes = made.Objects, made.DataBytes
	if err := chunked.Check(ctx, s.Store, size, []chunked.Level{{Location: at, BackupID: b.ID}}); err != nil {
		return result, err
	}
	return result, chunked.Delete(ctx, s.Store, increment)
}
