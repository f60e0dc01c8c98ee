package backups

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/chunk"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// backupJob is the kind of jobs that create backups.
const backupJob = "backup"

type backupArguments struct {
	Previous string `json:"previous,omitempty"` // status of the volume before the backup
}

// backupTask writes a volume or snapshot to the store and publishes the backup.
func (bs *Backups) backupTask(j *meta.Job, a backupArguments) jobs.Task {
	unprepared := false // true: this attempt could not even make the container
	synthetic := false  // the backup becomes a full one
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			b, err := bs.core.DB.Backup(ctx, j.BackupID)
			if err != nil {
				return 0, nil, err
			}
			if b == nil {
				return 0, nil, core.Reasonf("The backup is gone.")
			}
			s, err := bs.storeOf(ctx, b)
			if err != nil {
				return 0, nil, err
			}
			at := bs.attempt(s, b, j)
			if remote, ok := s.Store.(chunk.Remote); ok {
				if err := remote.Prepare(ctx, at.Container); err != nil {
					unprepared = j.Attempts == 1
					return 0, nil, err
				}
			}
			// An earlier attempt may have written any part of its objects.
			if err := bs.sweep(ctx, s, b); err != nil {
				return 0, nil, core.Because(err, "The objects of an earlier attempt could not be deleted.")
			}
			var result chunked.Result
			if synthetic = isSynthetic(b); synthetic {
				result, err = bs.writeSynthetic(ctx, s, b, at, j.Attempts)
			} else {
				result, err = bs.writeBackup(ctx, s, b, at)
			}
			if err != nil {
				return 0, nil, err
			}
			return bs.core.Bytes(b.Size), func(tx *meta.Tx) error {
				return errors.Join(bs.publish(tx, j, a, at, result, synthetic), bs.removeUpload(tx, j.BackupID))
			}, nil
		},
		Fail: func(tx *meta.Tx, reason string) error {
			return bs.failBackup(tx, j, a, reason, unprepared)
		},
		Cancel: func(tx *meta.Tx) error { return freeSource(tx, j, a) },
		Undo: func(ctx context.Context) error {
			b, err := bs.core.DB.Backup(ctx, j.BackupID)
			if err != nil {
				return err
			}
			if b == nil {
				return nil
			}
			s, err := bs.core.Stores.Of(b.Store, b.ProjectID)
			if err != nil {
				return err
			}
			ctx = chunk.WithPatience(ctx, undoPatience)
			return errors.Join(chunked.Delete(ctx, s.Store, bs.attempt(s, b, j)), chunked.Delete(ctx, s.Store, bs.increment(s, b, j.Attempts)))
		},
		GiveUp: func(ctx context.Context) error {
			b, err := bs.core.DB.Backup(ctx, j.BackupID)
			if err != nil {
				return err
			}
			if b == nil {
				return nil
			}
			s, err := bs.core.Stores.Of(b.Store, b.ProjectID)
			if err != nil {
				return err
			}
			return bs.sweep(chunk.WithPatience(ctx, undoPatience), s, b)
		},
	}
}

func (bs *Backups) writeBackup(ctx context.Context, s *core.Store, b *meta.Backup, at chunked.Location) (chunked.Result, error) {
	var parent *chunked.Location
	parentID := ""
	if b.ParentID != "" {
		p, err := bs.core.DB.Backup(ctx, b.ParentID)
		if err != nil {
			return chunked.Result{}, err
		}
		if p == nil || p.ServiceMetadata == "" {
			return chunked.Result{}, core.Reasonf("The parent backup %s is gone.", b.ParentID)
		}
		if p.Store != b.Store {
			return chunked.Result{}, core.Reasonf("The parent backup %s is in another backup store.", b.ParentID)
		}
		parent, parentID = &chunked.Location{Container: bs.container(s, p), Prefix: p.ServiceMetadata}, dataID(p)
	}
	source, err := bs.openSource(ctx, b)
	if err != nil {
		return chunked.Result{}, err
	}
	defer func() { _ = source.file.Close() }()
	return chunked.Write(ctx, s.Store, source.file, bs.core.Bytes(b.Size), chunked.Spec{
		Location: at, BackupID: b.ID, VolumeID: b.VolumeID, Name: b.Name, Description: b.Description,
		CreatedAt: b.CreatedAt, ParentID: parentID, Parent: parent, VolumeMeta: source.volumeMeta, Changed: source.changed,
		Compression: bs.format.Compression, ChunkSize: bs.format.ChunkSize, BlockSize: bs.format.BlockSize,
		SpillDir: bs.core.DataDir, Progress: jobs.Progress(ctx),
	})
}

// source is what a backup is made of.
type source struct {
	file       *os.File
	volumeMeta *string
	changed    [][2]int64 // as in [chunked.Spec]
}

func (bs *Backups) openSource(ctx context.Context, b *meta.Backup) (s source, err error) {
	u, err := bs.core.DB.Upload(ctx, b.ID)
	if err != nil {
		return s, err
	}
	if u != nil {
		return bs.openUpload(ctx, b, u)
	}
	if s.volumeMeta, err = bs.volumeMeta(ctx, b.VolumeID); err != nil {
		return s, err
	}
	path, err := bs.sourcePath(ctx, b)
	if err != nil {
		return s, err
	}
	s.file, err = openData(path, os.O_RDONLY)
	return s, err
}

// sourcePath returns the path of the file of the snapshot or volume that is backed up.
func (bs *Backups) sourcePath(ctx context.Context, b *meta.Backup) (string, error) {
	if b.SnapshotID != "" {
		s, err := bs.core.DB.Snapshot(ctx, b.SnapshotID)
		if err == nil && s == nil {
			err = core.Reasonf("The snapshot is gone.")
		}
		if err != nil {
			return "", err
		}
		return bs.core.Files.Snapshot(s), nil
	}
	v, err := bs.core.DB.Volume(ctx, b.VolumeID)
	if err == nil && v == nil {
		err = core.Reasonf("The volume is gone.")
	}
	if err != nil {
		return "", err
	}
	return bs.core.Files.Volume(v), nil
}

// openData opens the file of a volume or snapshot.
func openData(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag, 0)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, core.Because(err, "The file of the volume or snapshot is missing.")
	}
	return nil, core.Because(err, "The file of the volume or snapshot could not be opened.")
}

// publish makes a written backup available. full says that it needs no parent any more.
func (bs *Backups) publish(tx *meta.Tx, j *meta.Job, a backupArguments, at chunked.Location, result chunked.Result, full bool) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil {
		return err
	}
	if b != nil && b.Status == driver.BackupCreating {
		b.Status, b.FailReason, b.ObjectCount = driver.BackupAvailable, "", result.Objects
		b.DataBytes = &result.DataBytes
		b.Container, b.ServiceMetadata = at.Container, at.Prefix
		if full {
			b.ParentID = ""
		}
		if err := errors.Join(bs.startCopy(tx, b), bs.lock(tx, b)); err != nil {
			return err
		}
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
		bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
	}
	return freeSource(tx, j, a)
}

// failBackup stores the reason. A backup that never had a container loses its name, which
// may be that of somebody else's: a delete would have to look for objects there.
func (bs *Backups) failBackup(tx *meta.Tx, j *meta.Job, a backupArguments, reason string, unprepared bool) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil {
		return err
	}
	if b != nil && b.Status == driver.BackupCreating {
		b.Status, b.FailReason = driver.BackupError, reason
		if unprepared {
			b.Container = ""
		}
		if s, err := bs.core.Stores.Of(b.Store, b.ProjectID); err == nil {
			b.Container = bs.container(s, b)
		}
		if err := bs.failCopy(tx, b); err != nil {
			return err
		}
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
		bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
		if err := bs.core.AddMessage(tx, jobs.Requester(j), core.ActionBackup, core.DetailBackup, core.BackupResource, b.ID, reason); err != nil {
			return err
		}
	}
	return freeSource(tx, j, a)
}

// freeSource restores the status of the volume or snapshot that was backed up.
func freeSource(tx *meta.Tx, j *meta.Job, a backupArguments) error {
	if j.SnapshotID != "" {
		s, err := tx.Snapshot(j.SnapshotID)
		if err != nil || s == nil || s.Status != core.BackingUp {
			return err
		}
		s.Status = core.Available
		return tx.TouchSnapshot(s)
	}
	v, err := tx.Volume(j.VolumeID)
	if err != nil || v == nil || v.Status != core.BackingUp {
		return err
	}
	// PreviousStatus comes first, because an attachment may have been deleted meanwhile.
	v.Status, v.PreviousStatus = cmp.Or(v.PreviousStatus, a.Previous), ""
	return tx.TouchVolume(v)
}
