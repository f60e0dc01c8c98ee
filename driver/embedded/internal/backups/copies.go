package backups

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// A backup whose metadata has driver.CopyTo is copied to that backend. The row of the copy says
// how far it is; the backup's metadata only shows that. A change of the metadata, of the status
// of the backup, or a delete changes the row and queues a job in the same transaction.

// CheckCopyTo implements [driver.BackupCopier].
func (bs *Backups) CheckCopyTo(backend string) error { return bs.core.Copier.Check(backend) }

// copyTarget returns the metadata of a new backup: the request's, and where its volume says that
// backups are copied to, that as well.
func (bs *Backups) copyTarget(asked map[string]string, v *meta.Volume) (map[string]string, error) {
	metadata := withoutLockState(withoutCopyState(asked))
	if to := metadata[driver.CopyTo]; to != "" {
		return metadata, bs.CheckCopyTo(to)
	}
	_, chosen := metadata[driver.CopyTo] // "": this one is not copied
	// The volume's backend was checked when it was set. If it has gone since, the copy fails, and
	// not the backup.
	if to := v.Metadata[driver.CopyTo]; to != "" && !chosen {
		metadata = core.With(metadata, driver.CopyTo, to)
	}
	return metadata, nil
}

// withoutCopyState returns metadata without what only the gateway sets.
func withoutCopyState(metadata map[string]string) map[string]string {
	kept := make(map[string]string, len(metadata))
	for key, value := range metadata {
		if !driver.IsCopyState(key) {
			kept[key] = value
		}
	}
	return kept
}

// withoutCopies returns metadata without all that is about copies.
func withoutCopies(metadata map[string]string) map[string]string {
	return core.Without(withoutCopyState(metadata), driver.CopyTo)
}

// setMetadata replaces the metadata of a backup, and begins, repeats or ends its copy as the new
// metadata says. The caller stores the backup.
func (bs *Backups) setMetadata(tx *meta.Tx, b *meta.Backup, metadata map[string]string) error {
	shown := b.Metadata
	old, now := shown[driver.CopyTo], metadata[driver.CopyTo]
	b.Metadata = withoutCopyState(metadata)
	if now != "" && now != old {
		if err := bs.CheckCopyTo(now); err != nil {
			return err
		}
	}
	if err := bs.endCopies(tx, b.ID, now); err != nil || now == "" {
		return err
	}
	c, err := copyAt(tx, b.ID, now)
	if err != nil {
		return err
	}
	if c == nil || now != old || c.State == meta.CopyError {
		return bs.startCopy(tx, b)
	}
	for key, value := range shown { // it goes on, or is complete
		if driver.IsCopyState(key) {
			b.Metadata[key] = value
		}
	}
	j, err := tx.Job(copyJobID(copyJob, c.ID))
	if err != nil || j == nil {
		return err
	}
	return bs.jobs.Hasten(tx, j) // a user does not set it to wait
}

// startCopy queues the copy that the metadata of a backup asks for, if it does. If the backup is
// not available, the copy waits until it is. The caller stores the backup.
func (bs *Backups) startCopy(tx *meta.Tx, b *meta.Backup) error {
	to := b.Metadata[driver.CopyTo]
	if to == "" {
		return nil
	}
	c, err := copyAt(tx, b.ID, to)
	if err != nil {
		return err
	}
	if c == nil {
		if c, err = bs.newCopy(tx, b, to); err != nil {
			return err
		}
	}
	if j, err := tx.Job(copyJobID(copyJob, c.ID)); err != nil || j != nil {
		return err // it is under way
	}
	c.State, c.Failures, c.Misconfigured = meta.CopyQueued, 0, false
	reason := ""
	switch b.Status {
	case driver.BackupCreating: // its end queues the copy
	case driver.BackupAvailable, driver.BackupRestoring:
		err = bs.queueCopy(tx, copyJob, b, c)
	default:
		c.State, reason = meta.CopyError, notCopied(b)
	}
	showCopy(b, c, reason)
	return errors.Join(err, tx.PutCopy(c))
}

// notCopied says why a backup in its status is not copied.
func notCopied(b *meta.Backup) string {
	return fmt.Sprintf("The backup is in the status %s.", b.Status)
}

// newCopy returns a copy whose id no other one has.
func (bs *Backups) newCopy(tx *meta.Tx, b *meta.Backup, backend string) (*meta.Copy, error) {
	for {
		c := &meta.Copy{ID: bs.core.Copier.NewID(), BackupID: b.ID, Backend: backend, CreatedAt: tx.Now}
		other, err := tx.Copy(c.ID)
		if other == nil || err != nil {
			return c, err
		}
	}
}

// queueCopy queues a job about a copy. The jobs about copies of one volume at one backend run one
// after the other, so that an incremental copy finds that of its parent.
func (bs *Backups) queueCopy(tx *meta.Tx, kind string, b *meta.Backup, c *meta.Copy) error {
	who := driver.Caller{ProjectID: b.ProjectID, UserID: b.UserID}
	// The job does not name the backup: it must not keep it from being deleted or restored.
	j, err := bs.jobs.New(who, kind, "copy "+c.Backend+" "+b.VolumeID, copyArguments{Copy: c.ID})
	if err != nil {
		return err
	}
	j.ID = copyJobID(kind, c.ID)
	if bs.core.Several() {
		j.Host = b.Host // the journal of a copy lies in one data directory
	}
	return bs.jobs.Enqueue(tx, j)
}

// copyAt returns the copy of a backup at a backend; nil if there is none.
func copyAt(tx *meta.Tx, backupID, backend string) (*meta.Copy, error) {
	all, err := tx.CopiesOf(backupID)
	for _, c := range all {
		if c.Backend == backend && c.State != meta.CopyRemoving {
			return c, err
		}
	}
	return nil, err
}

// failCopy ends the copy of a backup that will never be available.
func (bs *Backups) failCopy(tx *meta.Tx, b *meta.Backup) error {
	all, err := tx.CopiesOf(b.ID)
	for _, c := range all {
		if err != nil || c.State != meta.CopyQueued || c.Started {
			continue
		}
		c.State = meta.CopyError
		showCopy(b, c, "The backup failed.")
		err = tx.PutCopy(c)
	}
	return err
}

// endCopies ends the copies of a backup that are not complete, but for the one at the backend
// keep, and removes what they have made. Complete ones stay, and so do their rows: later copies
// can be incremental on them.
func (bs *Backups) endCopies(tx *meta.Tx, backupID, keep string) error {
	all, err := tx.CopiesOf(backupID)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.State == meta.CopyRemoving || c.State == meta.CopyAvailable || c.Backend == keep {
			continue
		}
		if err := bs.endCopy(tx, c); err != nil {
			return err
		}
	}
	return nil
}

// forgetCopies ends all copies of a backup that is being deleted. Complete ones stay at their
// backends, and nothing here knows of them any more.
func (bs *Backups) forgetCopies(tx *meta.Tx, backupID string) error {
	if err := bs.endCopies(tx, backupID, ""); err != nil {
		return err
	}
	all, err := tx.CopiesOf(backupID)
	for _, c := range all {
		if err == nil && c.State == meta.CopyAvailable {
			err = tx.RemoveCopy(c.ID)
			tx.AfterCommit(func() { bs.core.Copier.Forget(c.ID) })
		}
	}
	return err
}

func (bs *Backups) endCopy(tx *meta.Tx, c *meta.Copy) error {
	j, err := tx.Job(copyJobID(copyJob, c.ID))
	if err != nil {
		return err
	}
	if j != nil {
		if err := bs.jobs.Cancel(tx, j); err != nil {
			return err
		}
	}
	if !c.Started {
		return tx.RemoveCopy(c.ID)
	}
	b, err := tx.AnyBackup(c.BackupID)
	if err != nil || b == nil {
		return err
	}
	c.State, c.Failures = meta.CopyRemoving, 0
	if err := tx.PutCopy(c); err != nil {
		return err
	}
	return bs.queueCopy(tx, copyRemovalJob, b, c)
}

// showCopy puts the state of a copy into the metadata of its backup, if that still asks for it.
func showCopy(b *meta.Backup, c *meta.Copy, reason string) {
	if b.Metadata[driver.CopyTo] != c.Backend {
		return
	}
	shown := withoutCopyState(b.Metadata)
	shown[driver.CopyStatus] = c.State
	if c.CopyID != "" {
		shown[driver.CopyID] = c.CopyID
	}
	if reason != "" {
		shown[driver.CopyError] = metadataValue(reason)
	}
	b.Metadata = shown
}

// maxMetadataValue is the longest value of metadata that clients may send back
// (cinder/api/validation/parameter_types.py).
const maxMetadataValue = 255

// metadataValue shortens a text to what a value of metadata can hold.
func metadataValue(text string) string {
	runes := []rune(text)
	if len(runes) <= maxMetadataValue {
		return text
	}
	return strings.TrimSpace(string(runes[:maxMetadataValue-1])) + "…"
}

// updateCopy changes the row of a copy and what its backup shows of it. The time of the backup's
// last update stays: nobody has changed it.
func (bs *Backups) updateCopy(tx *meta.Tx, id, reason string, change func(c *meta.Copy)) error {
	c, err := tx.Copy(id)
	if err != nil || c == nil || c.State == meta.CopyRemoving {
		return err
	}
	change(c)
	if err := tx.PutCopy(c); err != nil {
		return err
	}
	b, err := tx.Backup(c.BackupID)
	if err != nil || b == nil {
		return err
	}
	showCopy(b, c, reason)
	return tx.PutBackup(b)
}

// showProgress shows how far a copy is. The deaths of the process before it do not count any more.
func showProgress(tx *meta.Tx, id string, p driver.CopyingProgress) error {
	c, err := tx.Copy(id)
	if err != nil || c == nil || c.State != meta.CopyCopying {
		return err
	}
	b, err := tx.Backup(c.BackupID)
	if err != nil || b == nil || b.Metadata[driver.CopyTo] != c.Backend {
		return err
	}
	j, err := tx.Job(copyJobID(copyJob, id))
	if err != nil {
		return err
	}
	if j != nil && j.State == meta.Running && j.Tries() > 1 && p.Percent > 0 {
		j.Released = j.Attempts - 1
		if err := tx.PutJob(j); err != nil {
			return err
		}
	}
	text := strconv.Itoa(p.Percent) + "%"
	if p.Waits != "" {
		text += ", " + p.Waits
	}
	b.Metadata = core.With(b.Metadata, driver.CopyProgress, metadataValue(text))
	return tx.PutBackup(b)
}

// recoverCopies queues what a restart has to go on with. A copy that failed for a reason that a
// new configuration may mend is tried once more.
func (bs *Backups) recoverCopies(tx *meta.Tx) error {
	rows, err := tx.CopiesIn(meta.CopyQueued, meta.CopyCopying, meta.CopyError, meta.CopyRemoving)
	if err != nil {
		return err
	}
	for _, c := range rows {
		kind := copyJob
		if c.State == meta.CopyRemoving {
			kind = copyRemovalJob
		}
		j, err := tx.Job(copyJobID(kind, c.ID))
		if err != nil {
			return err
		}
		b, err := tx.AnyBackup(c.BackupID)
		switch {
		case err != nil:
			return err
		case j != nil:
			err = bs.jobs.Hasten(tx, j)
		case b == nil:
			continue // the row says all that is known: it stays
		case c.State == meta.CopyRemoving:
			err = bs.queueCopy(tx, copyRemovalJob, b, c)
		case c.State == meta.CopyError && !c.Misconfigured, !b.DeletedAt.IsZero(), b.Metadata[driver.CopyTo] != c.Backend:
		default:
			if err = bs.startCopy(tx, b); err == nil {
				err = tx.PutBackup(b)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
