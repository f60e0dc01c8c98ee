package backups

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// chain returns the backups that a restore of b needs, the full one first. All are in the
// store s.
func (bs *Backups) chain(ctx context.Context, s *core.Store, b *meta.Backup) ([]chunked.Level, error) {
	for {
		if b.Pending == nil { // else the row is not stored yet
			now, err := bs.core.DB.Backup(ctx, b.ID)
			if err != nil {
				return nil, err
			}
			if now != nil {
				b = now
			}
		}
		rows := []*meta.Backup{b}
		chain, err := bs.chainOf(ctx, s, b, &rows)
		if err == nil {
			return chain, nil
		}
		// The rows are read one after the other. One of them may have been rebased in between.
		changed, unknown := bs.changed(ctx, rows)
		if unknown != nil || !changed {
			return nil, err
		}
	}
}

// changed reports whether the place in a chain or the objects of any of these backups have changed.
func (bs *Backups) changed(ctx context.Context, rows []*meta.Backup) (bool, error) {
	for _, b := range rows {
		now, err := bs.core.DB.Backup(ctx, b.ID)
		if err != nil {
			return false, err
		}
		if b.Pending == nil && (now == nil || now.ParentID != b.ParentID || now.ServiceMetadata != b.ServiceMetadata) {
			return now != nil || b != rows[0], nil // without the backup itself there is no chain
		}
	}
	return false, nil
}

// withChain calls read with the chain of a backup, for reads that no job tells of. Meanwhile, objects that
// this process may read are not removed. If read fails and the chain has been rebased meanwhile, it is
// called again.
func (bs *Backups) withChain(ctx context.Context, s *core.Store, b *meta.Backup, read func([]chunked.Level) error) error {
	defer bs.downloads.begin(b.VolumeID)()
	for {
		chain, err := bs.chain(ctx, s, b)
		if err != nil {
			return err
		}
		if err = read(chain); err == nil || ctx.Err() != nil {
			return err
		}
		if now, unknown := bs.chain(ctx, s, b); unknown != nil || slices.Equal(now, chain) {
			return err
		}
	}
}

// chainOf is [Backups.chain] for a chain that is not rebased meanwhile. It adds the rows that it reads to
// read.
func (bs *Backups) chainOf(ctx context.Context, s *core.Store, b *meta.Backup, read *[]*meta.Backup) ([]chunked.Level, error) {
	var chain []chunked.Level
	seen := map[string]bool{}
	for {
		if b.ServiceMetadata == "" {
			return nil, broken("Backup %s has no data: %s", b.ID, cmp.Or(b.FailReason, "it was not finished."))
		}
		if b.Status == driver.BackupDeleting {
			rebased, err := bs.isRebased(ctx, b.ID)
			if err != nil {
				return nil, err
			}
			if !rebased || len(chain) == 0 {
				return nil, core.Reasonf("Backup %s is being deleted.", b.ID)
			}
		}
		if seen[b.ID] {
			return nil, broken("Backup %s is its own ancestor.", b.ID)
		}
		if b.Store != s.Row() {
			return nil, broken("Backup %s is in another backup store than the backup that depends on it.", b.ID)
		}
		if s.ProjectID != "" && b.ProjectID != s.ProjectID {
			return nil, broken("Backup %s is in the account of another project than the backup that depends on it.", b.ID)
		}
		seen[b.ID] = true
		level := chunked.Level{Location: chunked.Location{Container: bs.container(s, b), Prefix: b.ServiceMetadata}, BackupID: dataID(b)}
		if b.ParentID == "" {
			return append([]chunked.Level{level}, chain...), nil
		}
		parent, err := bs.core.DB.Backup(ctx, b.ParentID)
		if err != nil {
			return nil, err
		}
		if parent == nil {
			return nil, broken("Backup %s depends on backup %s, which is not here. Import that as well.", b.ID, b.ParentID)
		}
		*read = append(*read, parent)
		level.ParentID = dataID(parent)
		chain = append([]chunked.Level{level}, chain...)
		b = parent
	}
}

// brokenChain is the cause of an error that says that a backup cannot be restored, because
// of the rows of its ancestors.
type brokenChain struct{}

func (*brokenChain) Error() string { return "the chain is broken" }

func broken(format string, args ...any) error {
	return core.Because(&brokenChain{}, fmt.Sprintf(format, args...))
}

// dataID returns the backup id under which the objects were written.
func dataID(b *meta.Backup) string {
	if b.DataBackupID != "" {
		return b.DataBackupID
	}
	return b.ID
}

// checkData checks, as far as possible without reading all data, that a backup can be
// restored.
func (bs *Backups) checkData(ctx context.Context, b *meta.Backup) error {
	s, err := bs.storeOf(ctx, b)
	if err != nil {
		return err
	}
	return bs.withChain(ctx, s, b, func(chain []chunked.Level) error {
		return chunked.Check(ctx, s.Store, bs.core.Bytes(b.Size), chain)
	})
}

// Damage returns why a backup cannot be restored, as far as that is known without reading all
// data; "": nothing is known. An error says that the store could not be read.
func (bs *Backups) Damage(ctx context.Context, b *meta.Backup) (string, error) {
	err := bs.checkData(ctx, b)
	if err != nil && (chunked.IsDamage(err) || errors.As(err, new(*brokenChain))) {
		return core.ReasonOf(err), nil
	}
	return "", err
}
