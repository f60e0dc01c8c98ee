package backups

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// importJob is the kind of jobs that import records.
const importJob = "import"

// importTask checks and imports a record (cinder/backup/manager.py import_record). Unlike
// Cinder it also checks that the data is here, because a backup that cannot be restored
// must never be available. If its parent or objects are missing, the backup gets the status
// error. It is imported again when its parent is imported, or when the client repeats the
// import.
func (bs *Backups) importTask(j *meta.Job, _ struct{}) jobs.Task {
	foreign := false // true: no driver here reads the record; as in Cinder, its size is dropped
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			b, err := bs.core.DB.Backup(ctx, j.BackupID)
			if err != nil {
				return 0, nil, err
			}
			if b == nil {
				return 0, jobs.Done, nil // deleted in the meantime
			}
			if b.Pending == nil { // a job of an earlier version
				return 0, nil, core.Reasonf("The record was lost. Delete the backup and import it again.")
			}
			if !layout.Readable(b.Pending.Service) {
				foreign = true
				return 0, nil, core.Reasonf("Import record failed, cannot find backup service to perform the import. "+
					"Request service %s.", b.Pending.Service)
			}
			row, err := bs.locate(chunk.WithPatience(ctx, quickPatience), b)
			if ctx.Err() != nil {
				return 0, nil, ctx.Err()
			}
			if row == nil {
				return 0, nil, err
			}
			if err != nil {
				why := core.Because(err, core.ReasonOf(err))
				return 0, func(tx *meta.Tx) error { return bs.failImport(tx, j, row, why) }, nil
			}
			return 0, func(tx *meta.Tx) error { return bs.takeOver(tx, j, row) }, nil
		},
		Fail: func(tx *meta.Tx, reason string) error {
			b, err := tx.Backup(j.BackupID)
			if err != nil || b == nil || b.Status != driver.BackupCreating {
				return err
			}
			if foreign {
				b.Size = 0
			}
			return bs.importError(tx, j, b, reason)
		},
	}
}

// locate looks for the data of a record, in place, in the stores that may have it. It
// returns the row with the first store that has it. Otherwise it returns the error of the
// likeliest store, with the row if the record is valid there.
func (bs *Backups) locate(ctx context.Context, b *meta.Backup) (*meta.Backup, error) {
	var likely *meta.Backup
	var why error
	for _, s := range bs.candidates(b.Pending) {
		s, err := s.In(b.ProjectID)
		if err != nil {
			return nil, err
		}
		rec, err := parseRecord(b.Pending.Record, s.Layout())
		if err != nil {
			if why == nil {
				why = err
			}
			continue
		}
		row := bs.imported(s, b, rec)
		err = bs.findData(ctx, s, row)
		if err == nil {
			return row, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// What a store says about data that it has, or that it is away, is worth more than
		// that another one has none.
		if likely == nil || errors.Is(why, fs.ErrNotExist) && !errors.Is(err, fs.ErrNotExist) {
			likely, why = row, err
		}
	}
	return likely, why
}

// candidates returns the stores that may have a record's data: those of the kind that wrote
// it, the one with the record's container first, and then directories, where objects may
// have been copied to.
func (bs *Backups) candidates(p *meta.PendingImport) []*core.Store {
	var at struct {
		Container any `json:"container"`
	}
	_ = json.Unmarshal(p.Record, &at) // parseRecord reports errors in it
	rank := func(s *core.Store) int {
		l := s.Layout()
		switch own := layout.Writes(p.Service, l); {
		case own && at.Container == l.Container(layout.Backup{}):
			return 0
		case own:
			return 1
		case l.Service() == layout.Posix{}.Service() || s.Name == core.LocalStore:
			return 2
		}
		return 3
	}
	all := bs.core.Stores.All()
	slices.SortStableFunc(all, func(a, b *core.Store) int { return rank(a) - rank(b) })
	return slices.DeleteFunc(all, func(s *core.Store) bool { return rank(s) == 3 })
}

// imported returns the row with the fields of its record. Owner, service, host, zone and
// status are those of this installation.
func (bs *Backups) imported(s *core.Store, b *meta.Backup, rec *record) *meta.Backup {
	row := *b
	row.Service, row.Store, row.Host, row.AvailabilityZone = s.Layout().Service(), s.Row(), bs.core.Host, bs.core.AvailabilityZone
	row.Name, row.Description, row.ObjectCount = rec.DisplayName, rec.DisplayDescription, int(rec.ObjectCount)
	row.Container, row.ServiceMetadata = deref(rec.Container), deref(rec.ServiceMetadata)
	row.ParentID, row.SnapshotID, row.RestoreVolumeID = deref(rec.ParentID), deref(rec.SnapshotID), deref(rec.RestoreVolumeID)
	row.Metadata = withoutCopies(rec.Metadata) // the backends are those of another gateway
	// A record may be old. Who imports it wants the backup, and not to have its objects deleted.
	// A lock is what this gateway's owners have asked for.
	for _, key := range []string{policy.ExpiresKey, policy.LockKey, policy.LockedKey, policy.LockedByKey} {
		row.Metadata = core.Without(row.Metadata, key)
	}
	if rec.VolumeID != "" {
		row.VolumeID = rec.VolumeID
	}
	if !rec.CreatedAt.IsZero() {
		row.CreatedAt = rec.CreatedAt.Time
	}
	// Without it, no incremental backup could choose this one as its parent. Cinder leaves
	// it null, and then fails.
	row.DataTimestamp = rec.DataTimestamp.Time
	if row.DataTimestamp.IsZero() {
		row.DataTimestamp = row.CreatedAt
	}
	return &row
}

// findData checks, with the code of a restore, that the backup can be restored from the
// data here. It sets what only the data tells.
func (bs *Backups) findData(ctx context.Context, s *core.Store, b *meta.Backup) error {
	if err := bs.core.Ready(ctx, s); err != nil {
		return err
	}
	at := chunked.Location{Container: bs.container(s, b), Prefix: b.ServiceMetadata}
	found, err := chunked.Describe(ctx, s.Store, at)
	if err != nil {
		return err
	}
	if isEncrypted(found.VolumeMeta) {
		return core.Reasonf("%s", volumes.Encrypted)
	}
	b.DataBackupID, b.DataBytes = found.BackupID, &found.DataBytes
	return bs.withChain(ctx, s, b, func(chain []chunked.Level) error {
		return chunked.Check(ctx, s.Store, bs.core.Bytes(b.Size), chain)
	})
}

// isEncrypted reports whether a backup's volume_meta has an encryption key of the volume.
func isEncrypted(volumeMeta *string) bool {
	var v struct {
		Base struct {
			Key *string `json:"encryption_key_id"`
		} `json:"volume-base-metadata"`
	}
	return volumeMeta != nil && json.Unmarshal([]byte(*volumeMeta), &v) == nil && deref(v.Base.Key) != ""
}

// takeOver makes an imported backup available. It also queues the import of backups that
// failed because this one was missing. It checks the parent again, since the parent may
// have been deleted.
func (bs *Backups) takeOver(tx *meta.Tx, j *meta.Job, found *meta.Backup) error {
	copied := *found
	row := &copied
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil || b.Status != driver.BackupCreating {
		return err
	}
	if why, err := parentProblem(tx, row); err != nil || why != nil {
		return errors.Join(err, bs.failImport(tx, j, row, why))
	}
	keepMetadata(row, b)
	row.Status, row.FailReason, row.Pending = driver.BackupAvailable, "", nil
	if err := errors.Join(bs.startCopy(tx, row), bs.lock(tx, row), tx.TouchBackup(row)); err != nil {
		return err
	}
	waiting, err := tx.PendingChildren(row.ID)
	if err != nil {
		return err
	}
	for _, child := range waiting {
		if child.Status != driver.BackupError {
			continue
		}
		who := driver.Caller{ProjectID: child.ProjectID, UserID: child.UserID, RequestID: j.RequestID, Trace: j.Trace}
		if err := bs.startImport(tx, who, child); err != nil {
			return err
		}
	}
	return nil
}

// keepMetadata gives the row of an import the metadata that somebody has set while it ran. They count
// from the time that the row showed then as its creation: the record's may be years ago.
func keepMetadata(row, b *meta.Backup) {
	for key, value := range b.Metadata {
		if key == policy.LockKey || key == policy.ExpiresKey {
			if t, err := policy.ParseExpiry(value, b.CreatedAt); err == nil {
				value = at(t)
			}
		}
		row.Metadata = core.With(row.Metadata, key, value)
	}
	row.LockedUntil = b.LockedUntil
}

// parentProblem returns why the backup cannot build on its parent; nil if it can.
func parentProblem(tx *meta.Tx, b *meta.Backup) (why, err error) {
	if b.ParentID == "" {
		return nil, nil
	}
	parent, err := tx.Backup(b.ParentID)
	switch {
	case err != nil:
		return nil, err
	case parent == nil:
		return core.Reasonf("Backup %s depends on backup %s, which is not here. Import that as well.", b.ID, b.ParentID), nil
	case parent.Status != driver.BackupAvailable && parent.Status != driver.BackupRestoring:
		return core.Reasonf("Backup %s depends on backup %s, whose status is %s.", b.ID, b.ParentID, parent.Status), nil
	}
	return nil, nil
}

// failImport stores an import whose record is valid but whose data is missing. The backup
// shows the fields of its record but owns no objects. Existing objects may belong to
// another backup, so a delete must not touch them.
func (bs *Backups) failImport(tx *meta.Tx, j *meta.Job, found *meta.Backup, why error) error {
	copied := *found
	row := &copied
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil || b.Status != driver.BackupCreating {
		return err
	}
	keepMetadata(row, b)
	row.Container, row.ServiceMetadata, row.DataBackupID, row.Store = "", "", "", ""
	row.DataBytes = nil
	circle, err := isAncestor(tx, row.ID, row.ParentID)
	if err != nil {
		return err
	}
	if circle {
		row.ParentID = "" // otherwise no backup of the cycle could ever be deleted
	}
	return bs.importError(tx, j, row, core.ReasonOf(why))
}

func (bs *Backups) importError(tx *meta.Tx, j *meta.Job, b *meta.Backup, reason string) error {
	b.Status, b.FailReason = driver.BackupError, reason
	if err := errors.Join(bs.failCopy(tx, b), tx.TouchBackup(b)); err != nil {
		return err
	}
	// Cinder has no user message for imports.
	return bs.core.AddMessage(tx, jobs.Requester(j), core.ActionBackup, core.DetailUnknown, core.BackupResource, b.ID, reason)
}

// isAncestor reports whether the backup id is the backup from or one of its ancestors.
func isAncestor(tx *meta.Tx, id, from string) (bool, error) {
	for from != "" && from != id {
		b, err := tx.Backup(from)
		if err != nil || b == nil {
			return false, err
		}
		from = b.ParentID
	}
	return from == id, nil
}
