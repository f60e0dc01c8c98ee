package backups

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
	"cindergate/internal/sparse"
)

// CommitUpload implements [driver.ContentWriter].
func (bs *Backups) CommitUpload(ctx context.Context, who driver.Caller, backupID string, received int64) error {
	var b *meta.Backup
	look := func(tx *meta.Tx) (u *meta.Upload, err error) {
		if b, u, err = ownUpload(tx, who, backupID); err != nil {
			return nil, err
		}
		switch {
		case bs.elsewhere(b):
			return nil, notHere(b)
		case b.Status != driver.BackupError && (b.Status != driver.BackupCreating || u.Committed):
			return nil, driver.InvalidBackup("The upload of backup %s cannot be committed: the backup's status is %s.", b.ID, b.Status)
		case received != u.Received:
			return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: received is %d, but the gateway has received %d bytes.", received, u.Received)
		}
		return u, nil
	}
	if err := bs.core.Read(ctx, func(tx *meta.Tx) error { _, err := look(tx); return err }); err != nil {
		return err
	}
	whole := [2]int64{0, bs.core.Bytes(b.Size)}
	if !bs.uploads.writing.begin(b.ID, whole) {
		return busy("A part of the content of backup %s is on its way.", b.ID)
	}
	defer bs.uploads.writing.end(b.ID, whole)
	return bs.request(ctx, who, func(tx *meta.Tx) error {
		u, err := look(tx)
		if err != nil {
			return err
		}
		if err := errors.Join(bs.core.BackupServiceUp(tx, bs.core.Gateway), bs.core.Use(b.Store, b.ProjectID)); err != nil {
			return err
		}
		u.Committed, u.ExpiresAt = true, tx.Now.Add(bs.uploads.expiry)
		b.Status, b.FailReason = driver.BackupCreating, ""
		if err := tx.PutUpload(u); err != nil {
			return err
		}
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
		j, err := bs.jobs.New(who, backupJob, b.ID, backupArguments{})
		if err != nil {
			return err
		}
		j.BackupID, j.Host = b.ID, bs.core.Gateway // the file is here
		return bs.jobs.Enqueue(tx, j)
	})
}

// openUpload opens the file of a committed upload. What it holds outside of the received ranges,
// an interrupted request has left there: it becomes a hole, or what the parent has there.
func (bs *Backups) openUpload(ctx context.Context, b *meta.Backup, u *meta.Upload) (source, error) {
	s := source{volumeMeta: u.VolumeMeta, changed: [][2]int64{}}
	f, err := openData(bs.core.Files.Upload(b.ID), os.O_RDWR)
	if err != nil {
		return s, err
	}
	s.file = f
	if err := bs.prepareUpload(ctx, b, &s); err != nil {
		_ = f.Close()
		return s, err
	}
	return s, nil
}

// prepareUpload gives the file of an upload the bytes that were not sent. Each attempt at the job
// writes the same bytes, and no others in between: a worker that was paused beyond its lease
// may do so while another one reads the file.
func (bs *Backups) prepareUpload(ctx context.Context, b *meta.Backup, s *source) error {
	for r, err := range bs.received(ctx, b.ID, 0) {
		if err != nil {
			return err
		}
		s.changed = append(s.changed, r)
	}
	if b.ParentID != "" {
		if err := bs.completeBlocks(ctx, b, s); err != nil {
			return err
		}
	}
	if err := bs.emptyRest(ctx, b, s); err != nil {
		return err
	}
	if b.ParentID == "" {
		s.changed = nil
	}
	return nil
}

// completeBlocks widens what has changed to whole blocks of the parent. The rest of a block
// that was sent in part is as in the parent.
func (bs *Backups) completeBlocks(ctx context.Context, b *meta.Backup, s *source) error {
	parent, err := bs.core.DB.Backup(ctx, b.ParentID)
	if err != nil {
		return err
	}
	if parent == nil {
		return core.Reasonf("The parent backup %s is gone.", b.ParentID)
	}
	c, err := bs.openContent(ctx, parent)
	if err != nil {
		return err
	}
	fill := func(from, to int64) error { return c.Copy(ctx, io.NewOffsetWriter(s.file, from), from, to) }
	var whole [][2]int64
	block, end := c.BlockSize(), int64(0) // end of what the file has
	for _, r := range s.changed {
		from, to := r[0]/block*block, min((r[1]+block-1)/block*block, c.Size())
		if last := len(whole) - 1; last >= 0 && from < whole[last][1] { // in the block of the one before
			if err := fill(end, r[0]); err != nil {
				return err
			}
			whole[last][1] = to
		} else {
			if last >= 0 {
				if err := fill(end, whole[last][1]); err != nil {
					return err
				}
			}
			if err := fill(from, r[0]); err != nil {
				return err
			}
			if last >= 0 && from == whole[last][1] {
				whole[last][1] = to
			} else {
				whole = append(whole, [2]int64{from, to})
			}
		}
		end = r[1]
	}
	if last := len(whole) - 1; last >= 0 {
		if err := fill(end, whole[last][1]); err != nil {
			return err
		}
		s.changed = whole
	}
	return nil
}

// emptyRest makes a hole of all that is outside of what has changed.
func (bs *Backups) emptyRest(ctx context.Context, b *meta.Backup, s *source) error {
	at, size := int64(0), bs.core.Bytes(b.Size)
	rest := func(to int64) error {
		if err := sparse.Zero(ctx, s.file, at, to-at); err != nil {
			return core.Because(err, "The file of the upload could not be written.")
		}
		return nil
	}
	for _, r := range s.changed {
		if err := rest(r[0]); err != nil {
			return err
		}
		at = r[1]
	}
	return rest(size)
}

// AbortUpload implements [driver.ContentWriter].
func (bs *Backups) AbortUpload(ctx context.Context, who driver.Caller, backupID string) error {
	return bs.requestFreeing(ctx, who, func(tx *meta.Tx) error {
		b, u, err := ownUpload(tx, who, backupID)
		if err != nil {
			return err
		}
		if b.Status != driver.BackupError && (b.Status != driver.BackupCreating || u.Committed) {
			return driver.InvalidBackup("The upload of backup %s has been committed, and the backup's status is %s. Delete the backup.", b.ID, b.Status)
		}
		if b.Status == driver.BackupError {
			return bs.acceptDelete(tx, who, b) // a job may have left objects
		}
		return bs.endUpload(tx, b.ID)
	})
}

// endUpload deletes an upload that has written nothing to the store, and its backup.
func (bs *Backups) endUpload(tx *meta.Tx, id string) error {
	if err := bs.forgetCopies(tx, id); err != nil {
		return err
	}
	if err := bs.removeUpload(tx, id); err != nil {
		return err
	}
	return softDeleteBackup(tx, id)
}

// removeUpload deletes the rows of a backup's upload, if it has one, and then the file.
func (bs *Backups) removeUpload(tx *meta.Tx, id string) error {
	u, err := tx.Upload(id)
	if err != nil || u == nil {
		return err
	}
	b, err := tx.AnyBackup(id)
	if err != nil {
		return err
	}
	if b != nil && bs.elsewhere(b) {
		j, err := bs.jobs.New(driver.Caller{ProjectID: b.ProjectID, UserID: b.UserID}, removeUploadJob, id, struct{}{})
		if err != nil {
			return err
		}
		j.BackupID, j.Host = id, b.Host
		return errors.Join(tx.RemoveUpload(id), bs.jobs.Enqueue(tx, j))
	}
	tx.AfterCommit(func() { bs.core.RemoveFile(bs.core.Files.Upload(id)) })
	return tx.RemoveUpload(id)
}

// removeUploadJob is the kind of jobs that remove the file of an upload at another gateway.
const removeUploadJob = "upload-remove"

func (bs *Backups) removeUploadTask(j *meta.Job, _ struct{}) jobs.Task {
	return jobs.Task{Run: func(context.Context) (int64, func(*meta.Tx) error, error) {
		return 0, jobs.Done, bs.core.Files.Remove(bs.core.Files.Upload(j.BackupID))
	}}
}

// elsewhere reports whether the file of an upload is at another gateway.
func (bs *Backups) elsewhere(b *meta.Backup) bool {
	return bs.core.Several() && b.Host != bs.core.Gateway
}

// ExpireUploads ends uploads to which nothing has been sent for long, until ctx ends.
func (bs *Backups) ExpireUploads(ctx context.Context) {
	for ctx.Err() == nil {
		if err := bs.EndOldUploads(ctx); err != nil && ctx.Err() == nil {
			bs.core.Log.Error("expire uploads", zap.Error(err))
		}
		next, err := bs.untilUploadExpires(ctx)
		if err != nil && ctx.Err() == nil {
			bs.core.Log.Error("expire uploads", zap.Error(err))
		}
		bs.core.Wait(ctx, next)
	}
}

// untilUploadExpires returns how long no upload expires. An upload that begins meanwhile expires
// later than that.
func (bs *Backups) untilUploadExpires(ctx context.Context) (wait time.Duration, err error) {
	err = bs.core.Read(ctx, func(tx *meta.Tx) error {
		wait = bs.uploads.expiry
		next, err := tx.NextUploadExpiry()
		if err == nil && !next.IsZero() {
			// An expired one that is still there is tried again in a minute.
			wait = max(min(wait, next.Sub(tx.Now)+time.Microsecond), 0)
			if wait == 0 {
				wait = min(bs.uploads.expiry, time.Minute)
			}
		}
		return err
	})
	if err != nil {
		wait = min(bs.uploads.expiry, time.Minute)
	}
	return wait, err
}

// EndOldUploads ends the uploads that have expired.
func (bs *Backups) EndOldUploads(ctx context.Context) error {
	return bs.core.WriteFreeing(ctx, bs.expireUploads)
}

func (bs *Backups) expireUploads(tx *meta.Tx) error {
	expired, err := tx.ExpiredUploads()
	if err != nil {
		return err
	}
	for _, u := range expired {
		b, err := tx.Backup(u.BackupID)
		if err != nil {
			return err
		}
		if b == nil || b.Status == driver.BackupCreating && u.Committed {
			continue // its job ends it; a file without a backup is kept
		}
		if b.Status == driver.BackupCreating {
			b.Status = driver.BackupError
			b.FailReason = fmt.Sprintf("The upload was not finished: nothing was sent for %s.", bs.uploads.expiry)
			if err := bs.failCopy(tx, b); err != nil {
				return err
			}
			if err := tx.TouchBackup(b); err != nil {
				return err
			}
			who := driver.Caller{ProjectID: b.ProjectID, UserID: b.UserID}
			if err := bs.core.AddMessage(tx, who, core.ActionBackup, core.DetailBackup, core.BackupResource, b.ID, b.FailReason); err != nil {
				return err
			}
		}
		if err := bs.removeUpload(tx, b.ID); err != nil {
			return err
		}
	}
	return nil
}
