package backups

import (
	"context"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// attempt returns the location of this attempt's objects.
func (bs *Backups) attempt(s *core.Store, b *meta.Backup, j *meta.Job) chunked.Location {
	return chunked.Location{Container: bs.container(s, b), Prefix: s.Layout().Prefix(bs.names(b), j.Attempts)}
}

// names returns the fields that the names of a backup's objects depend on.
func (bs *Backups) names(b *meta.Backup) layout.Backup {
	return layout.Backup{ID: b.ID, VolumeID: b.VolumeID, AvailabilityZone: bs.core.AvailabilityZone, CreatedAt: b.CreatedAt}
}

// container returns the container of a backup: the one that the user chose, or else the one
// that the store's layout chooses.
func (bs *Backups) container(s *core.Store, b *meta.Backup) string {
	if b.Container != "" {
		return b.Container
	}
	return s.Layout().Container(bs.names(b))
}

// sweep deletes the objects of earlier attempts at an unpublished backup.
func (bs *Backups) sweep(ctx context.Context, s *core.Store, b *meta.Backup) error {
	prefixes, err := bs.attempts(ctx, s, b)
	if err != nil {
		return err
	}
	for prefix := range prefixes {
		if err := chunked.Delete(ctx, s.Store, chunked.Location{Container: bs.container(s, b), Prefix: prefix}); err != nil {
			return err
		}
	}
	return nil
}

// attempts returns the prefixes of all attempts at a backup. It lists the store, so it also
// finds attempts that no row or job mentions.
func (bs *Backups) attempts(ctx context.Context, s *core.Store, b *meta.Backup) (map[string]bool, error) {
	prefixes := map[string]bool{}
	base, names, is := bs.container(s, b)+"/", s.Layout(), bs.names(b)
	for key, err := range s.List(ctx, base+names.Attempts(is)) {
		if err != nil {
			return nil, err
		}
		if prefix, ok := names.Attempt(is, strings.TrimPrefix(key, base)); ok {
			prefixes[prefix] = true
		}
	}
	return prefixes, nil
}

// storeOf returns the store of a backup once it is ready.
func (bs *Backups) storeOf(ctx context.Context, b *meta.Backup) (*core.Store, error) {
	s, err := bs.core.Stores.Of(b.Store, b.ProjectID)
	if err != nil {
		return nil, err
	}
	return s, bs.core.Ready(ctx, s)
}

// entrust makes sure that a request can read the store of a backup.
func (bs *Backups) entrust(ctx context.Context, who driver.Caller, b *meta.Backup) error {
	return bs.core.Entrusting(ctx, who, func() error { return bs.core.Use(b.Store, b.ProjectID) })
}

// request runs the transaction of a request that queues a job. If the job needs a trust, it
// is made between two runs of the transaction.
func (bs *Backups) request(ctx context.Context, who driver.Caller, change func(*meta.Tx) error) error {
	return bs.core.Entrusting(ctx, who, func() error { return bs.core.Write(ctx, change) })
}

// requestFreeing is [Backups.request] for changes that free disk space.
func (bs *Backups) requestFreeing(ctx context.Context, who driver.Caller, change func(*meta.Tx) error) error {
	return bs.core.Entrusting(ctx, who, func() error { return bs.core.WriteFreeing(ctx, change) })
}

// Bounds of how long a request to a store on the network is repeated.
const (
	// quickPatience is that of deletes and imports, which share one worker: a store that is
	// away must not hold up the others for long.
	quickPatience = time.Minute
	// undoPatience is that of clean-ups after a failure. What they leave, a delete of the
	// backup removes.
	undoPatience = 10 * time.Second
)
