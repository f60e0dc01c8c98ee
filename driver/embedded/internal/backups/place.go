package backups

import (
	"context"
	"strings"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// attempt returns the location of this attempt's objects.
func (bs *Backups) attempt(b *meta.Backup, j *meta.Job) chunked.Location {
	return chunked.Location{Container: bs.container(b), Prefix: bs.core.Store.Layout().Prefix(bs.names(b), j.Attempts)}
}

// names returns the fields that the names of a backup's objects depend on.
func (bs *Backups) names(b *meta.Backup) layout.Backup {
	return layout.Backup{ID: b.ID, VolumeID: b.VolumeID, AvailabilityZone: bs.core.AvailabilityZone, CreatedAt: b.CreatedAt}
}

// container returns the container of a backup: the one that the user chose, or else the one
// that the store's layout chooses.
func (bs *Backups) container(b *meta.Backup) string {
	if b.Container != "" {
		return b.Container
	}
	return bs.core.Store.Layout().Container(bs.names(b))
}

// sweep deletes the objects of earlier attempts at an unpublished backup.
func (bs *Backups) sweep(ctx context.Context, b *meta.Backup) error {
	prefixes, err := bs.attempts(ctx, b)
	if err != nil {
		return err
	}
	for prefix := range prefixes {
		if err := chunked.Delete(ctx, bs.core.Store, chunked.Location{Container: bs.container(b), Prefix: prefix}); err != nil {
			return err
		}
	}
	return nil
}

// attempts returns the prefixes of all attempts at a backup. It lists the store, so it also
// finds attempts that no row or job mentions.
func (bs *Backups) attempts(ctx context.Context, b *meta.Backup) (map[string]bool, error) {
	prefixes := map[string]bool{}
	base, names, is := bs.container(b)+"/", bs.core.Store.Layout(), bs.names(b)
	for key, err := range bs.core.Store.List(ctx, base+names.Attempts(is)) {
		if err != nil {
			return nil, err
		}
		if prefix, ok := names.Attempt(is, strings.TrimPrefix(key, base)); ok {
			prefixes[prefix] = true
		}
	}
	return prefixes, nil
}

// storeReady returns an error unless the backup store is mounted. A store that is not
// mounted looks empty.
func (bs *Backups) storeReady(ctx context.Context) error {
	err := bs.core.Store.Check(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return core.Because(err, "The backup store is not there: its directory is not mounted or is another one.")
}
