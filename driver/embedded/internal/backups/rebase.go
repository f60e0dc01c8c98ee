package backups

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/chunk"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// rebaseJob is the kind of jobs that delete a backup which others build on: each of its children gets
// objects of its own in place of those that it needs of the backup, and builds on the backup's parent. The
// children keep their ids, names and times.
const rebaseJob = "rebase"

type rebaseArguments struct {
	Previous driver.BackupStatus `json:"previous,omitempty"` // of the backup before its delete
	// Tried is the number of attempts that earlier jobs of the same delete had: each attempt writes
	// objects of its own, for the worker of an earlier one may only be paused.
	Tried int `json:"tried,omitempty"`
}

// startRebase queues the delete of a backup that others build on.
func (bs *Backups) startRebase(tx *meta.Tx, who driver.Caller, b *meta.Backup) error {
	a := rebaseArguments{}
	if b.Status == driver.BackupError {
		a.Previous = b.Status
	}
	b.Status = driver.BackupDeleting
	if err := tx.TouchBackup(b); err != nil {
		return err
	}
	// The backups of a volume are rebased one after the other.
	j, err := bs.jobs.New(who, rebaseJob, "rebase "+b.VolumeID, a)
	if err != nil {
		return err
	}
	j.BackupID = b.ID
	return bs.jobs.Enqueue(tx, j)
}

// checkRebase refuses, with Cinder's error, to delete a backup that others build on, unless the setting
// allows it and all of them can be rebased: no other cinder-backup may know them, and they must be complete.
func (bs *Backups) checkRebase(tx *meta.Tx, b *meta.Backup, children []*meta.Backup) error {
	refused := driver.BackupHasDependents.Errorf("Incremental backups exist for this backup.")
	if !bs.deletes.Rebases || !CanBeRebased(b) {
		return refused
	}
	pending, err := tx.PendingChildren(b.ID)
	if err != nil {
		return err
	}
	unfit := func(c *meta.Backup) bool {
		complete := c.Status == driver.BackupAvailable || c.Status == driver.BackupRestoring
		return !CanBeRebased(c) || !complete || c.Store != b.Store || c.ProjectID != b.ProjectID
	}
	if len(pending) > 0 || slices.ContainsFunc(children, unfit) {
		return refused
	}
	return nil
}

// CanBeRebased reports whether a backup has objects that were written here and under its id.
func CanBeRebased(b *meta.Backup) bool {
	return !b.Imported && b.DataBackupID == "" && b.ServiceMetadata != ""
}

// rebased is a child with its new objects.
type rebased struct {
	child *meta.Backup // as it was when the work began
	at    chunked.Location
	made  chunked.Merged
}

// rebaseTask rebases the children of a backup and deletes it.
func (bs *Backups) rebaseTask(j *meta.Job, a rebaseArguments) jobs.Task {
	var done []rebased
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			done = nil
			b, err := bs.core.DB.Backup(ctx, j.BackupID)
			if err != nil || b == nil {
				return 0, jobs.Done, err
			}
			children, err := bs.childrenOf(ctx, b.ID)
			if err != nil {
				return 0, nil, err
			}
			again := func(tx *meta.Tx) error { return bs.restartDelete(tx, j, a) }
			if slices.ContainsFunc(children, func(c *meta.Backup) bool { return c.Status == driver.BackupDeleting }) {
				a.Tried--            // this attempt writes nothing
				return 0, again, nil // its own delete goes first
			}
			s, err := bs.storeOf(ctx, b)
			if err != nil {
				return 0, nil, err
			}
			bytes := int64(0)
			for _, c := range children {
				r, err := bs.rebase(ctx, s, b, c, a.Tried+j.Attempts)
				done = append(done, r)
				if err != nil {
					if now, unknown := bs.childrenOf(ctx, b.ID); unknown == nil && ctx.Err() == nil && !sameChildren(now, children) {
						return 0, again, errors.Join(bs.dropRebased(ctx, done))
					}
					return 0, nil, err
				}
				bytes += r.made.ReadBytes
				bs.core.Log.Info("a backup has been rebased", zap.String("backup_id", c.ID), zap.String("parent_id", b.ParentID), zap.Int("objects", r.made.Objects),
					zap.Int("copied", r.made.Copied), zap.Int64("read_bytes", r.made.ReadBytes), zap.Int64("written_bytes", r.made.WrittenBytes))
			}
			return bytes, func(tx *meta.Tx) error { return bs.finishRebase(tx, j, a, done) }, nil
		},
		Fail: func(tx *meta.Tx, reason string) error { return bs.failRebase(tx, j, a, reason) },
		Undo: func(ctx context.Context) error { return bs.dropRebased(ctx, done) },
		GiveUp: func(ctx context.Context) error {
			b, err := bs.core.DB.Backup(ctx, j.BackupID)
			if err != nil || b == nil {
				return err
			}
			children, err := bs.childrenOf(ctx, b.ID)
			if err != nil {
				return err
			}
			return bs.dropAttempts(chunk.WithPatience(ctx, undoPatience), b, children, a.Tried+j.Attempts)
		},
	}
}

// failRebase leaves a backup as it was before its delete.
func (bs *Backups) failRebase(tx *meta.Tx, j *meta.Job, a rebaseArguments, reason string) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil || b.Status != driver.BackupDeleting {
		return err
	}
	// It is as complete as before, and its children need it.
	if b.Status = cmp.Or(a.Previous, driver.BackupAvailable); b.Status != driver.BackupError { // else its reason says more
		b.FailReason = notDeleted + reason
	}
	if err := tx.TouchBackup(b); err != nil {
		return err
	}
	bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
	return bs.core.AddMessage(tx, jobs.Requester(j), core.ActionDeleteBackup, core.DetailDeleteBackup, core.BackupResource, b.ID, reason)
}

// keepLocked ends the delete of a backup that was locked meanwhile, because one that builds on it was.
func (bs *Backups) keepLocked(tx *meta.Tx, j *meta.Job, a rebaseArguments) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil {
		return err
	}
	return bs.failRebase(tx, j, a, fmt.Sprintf("It is locked until %s, for a backup that builds on it.", at(b.LockedUntil)))
}

func (bs *Backups) childrenOf(ctx context.Context, backupID string) (children []*meta.Backup, err error) {
	err = bs.core.Read(ctx, func(tx *meta.Tx) (err error) {
		children, err = tx.Children(backupID)
		return err
	})
	return children, err
}

// sameChildren reports whether a backup has the same children with the same objects.
func sameChildren(now, before []*meta.Backup) bool {
	return slices.EqualFunc(sorted(now), sorted(before), func(a, b *meta.Backup) bool {
		return a.ID == b.ID && a.ServiceMetadata == b.ServiceMetadata && a.Status != driver.BackupDeleting
	})
}

func sorted(all []*meta.Backup) []*meta.Backup {
	return slices.SortedFunc(slices.Values(all), func(a, b *meta.Backup) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
}

// rebase writes the new objects of one child.
func (bs *Backups) rebase(ctx context.Context, s *core.Store, b, c *meta.Backup, attempt int) (rebased, error) {
	r := rebased{child: c}
	if c.Status != driver.BackupAvailable && c.Status != driver.BackupRestoring {
		return r, core.Reasonf("Backup %s, which builds on it, is in the status %s.", c.ID, c.Status)
	}
	number, err := bs.attemptOf(s, c)
	if err != nil {
		return r, err
	}
	if err := bs.dropNumbers(ctx, s, c, number+1, number+attempt-1); err != nil {
		return r, core.Because(err, "The objects of an earlier attempt could not be deleted.")
	}
	chain, err := bs.chain(ctx, s, c)
	if err != nil {
		return r, err
	}
	if len(chain) < 2 || chain[len(chain)-2].BackupID != dataID(b) {
		return r, core.Reasonf("Backup %s does not build on it any more.", c.ID)
	}
	levels := chain[len(chain)-2:]
	r.at = chunked.Location{Container: bs.container(s, c), Prefix: s.Layout().Prefix(bs.names(c), number+attempt)}
	size := bs.core.Bytes(c.Size)
	if r.made, err = chunked.Merge(ctx, s.Store, size, levels, chunked.MergeSpec{Location: r.at, ParentID: levels[0].ParentID,
		CreatedAt: c.CreatedAt, Compression: bs.format.Compression}); err != nil {
		return r, err
	}
	rest := append(slices.Clone(chain[:len(chain)-2]), chunked.Level{Location: r.at, BackupID: dataID(c), ParentID: levels[0].ParentID})
	return r, chunked.Check(ctx, s.Store, size, rest)
}

// maxNumber bounds the number in the name of a backup's objects, which is that of the attempt that
// wrote them.
const maxNumber = 100000

// attemptOf returns the number of the attempt that wrote the objects of a backup.
func (bs *Backups) attemptOf(s *core.Store, b *meta.Backup) (int, error) {
	for n := 1; n <= 2*maxNumber; n++ {
		if s.Layout().Prefix(bs.names(b), n) == b.ServiceMetadata {
			return n, nil
		}
	}
	if s.Layout().Prefix(bs.names(b), 2*maxNumber+1) == b.ServiceMetadata {
		return 0, core.Reasonf("Backup %s has been rebased too often.", b.ID)
	}
	return maxNumber, nil // it was written with another availability zone in its name
}

// dropNumbers deletes the objects of attempts at a backup that nothing names.
func (bs *Backups) dropNumbers(ctx context.Context, s *core.Store, b *meta.Backup, from, to int) error {
	for n := from; n <= to; n++ {
		at := chunked.Location{Container: bs.container(s, b), Prefix: s.Layout().Prefix(bs.names(b), n)}
		if err := chunked.Delete(ctx, s.Store, at); err != nil {
			return err
		}
	}
	return nil
}

// dropAttempts deletes what all attempts at rebasing children have made.
func (bs *Backups) dropAttempts(ctx context.Context, b *meta.Backup, children []*meta.Backup, attempts int) error {
	s, err := bs.core.Stores.Of(b.Store, b.ProjectID)
	if err != nil {
		return err
	}
	for _, c := range children {
		number, err := bs.attemptOf(s, c)
		if err := errors.Join(err, bs.dropNumbers(ctx, s, c, number+1, number+attempts)); err != nil {
			return err
		}
	}
	return nil
}

// dropRebased deletes what an attempt has made, unless its end is stored after all.
func (bs *Backups) dropRebased(ctx context.Context, done []rebased) error {
	var problems []error
	for _, r := range done {
		if r.at.Prefix == "" {
			continue
		}
		now, err := bs.core.DB.Backup(ctx, r.child.ID)
		if err == nil && (now == nil || now.ServiceMetadata != r.at.Prefix) {
			var s *core.Store
			if s, err = bs.core.Stores.Of(r.child.Store, r.child.ProjectID); err == nil {
				err = chunked.Delete(chunk.WithPatience(ctx, undoPatience), s.Store, r.at)
			}
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// finishRebase gives the children their new objects and parent, deletes the backup, and queues the removal
// of the old objects. If the children are not those that the work was done for, the new objects go, and
// it begins again.
func (bs *Backups) finishRebase(tx *meta.Tx, j *meta.Job, a rebaseArguments, done []rebased) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil {
		return err
	}
	now, err := tx.Children(j.BackupID)
	if err != nil {
		return err
	}
	var before []*meta.Backup
	old := oldObjects{}
	for _, r := range done {
		before = append(before, r.child)
	}
	locked := b != nil && checkUnlocked(tx, b) != nil // meanwhile a backup that builds on it was locked
	if b == nil || b.Status != driver.BackupDeleting || !sameChildren(now, before) || locked {
		for _, r := range done {
			old.Objects = append(old.Objects, oldObject{r.child.ID, r.at.Container, r.at.Prefix})
		}
		end := bs.restartDelete
		if locked {
			end = bs.keepLocked
		}
		if err := end(tx, j, a); err != nil {
			return err
		}
		return bs.queueRemoval(tx, j, done, old)
	}
	for _, c := range now {
		i := slices.IndexFunc(done, func(r rebased) bool { return r.child.ID == c.ID })
		old.Objects = append(old.Objects, oldObject{c.ID, done[i].at.Container, c.ServiceMetadata})
		c.ParentID, c.ServiceMetadata, c.ObjectCount, c.Container = b.ParentID, done[i].at.Prefix, done[i].made.Objects, done[i].at.Container
		c.DataBytes = &done[i].made.DataBytes
		if err := tx.PutBackup(c); err != nil { // its times stay
			return err
		}
	}
	old.Backup = b.ID
	bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
	if err := errors.Join(bs.forgetCopies(tx, b.ID), bs.removeUpload(tx, b.ID), softDeleteBackup(tx, b.ID)); err != nil {
		return err
	}
	return bs.queueRemoval(tx, j, []rebased{{child: b}}, old)
}

// rebasePause is the time before a delete begins again.
const rebasePause = time.Second

// restartDelete queues the delete of a backup again whose children have changed meanwhile, behind the
// deletes that others have queued.
func (bs *Backups) restartDelete(tx *meta.Tx, j *meta.Job, a rebaseArguments) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil || b.Status != driver.BackupDeleting {
		return err
	}
	children, err := tx.Children(b.ID)
	if err != nil {
		return err
	}
	kind, resource := rebaseJob, "rebase "+b.VolumeID
	var arguments any = rebaseArguments{a.Previous, a.Tried + j.Attempts}
	if len(children) == 0 {
		if err := bs.forgetCopies(tx, b.ID); err != nil {
			return err
		}
		kind, resource, arguments = deleteJob, b.Container+"/"+b.ServiceMetadata, struct{}{}
	}
	again, err := bs.jobs.New(jobs.Requester(j), kind, resource, arguments)
	if err != nil {
		return err
	}
	again.BackupID, again.NotBefore = b.ID, tx.Now.Add(rebasePause)
	return bs.jobs.Enqueue(tx, again)
}

// notDeleted begins the fail_reason of a backup whose delete has failed and left it as it was.
const notDeleted = "The backup was not deleted: "

// deletePause is how long retention leaves a backup alone whose delete has failed.
const deletePause = 24 * time.Hour

// DeletableAt returns when retention may delete a backup whose delete has failed and left it as it was;
// zero: no delete has failed.
func DeletableAt(b *meta.Backup) time.Time {
	if b.Status != driver.BackupAvailable || !strings.HasPrefix(b.FailReason, notDeleted) {
		return time.Time{}
	}
	return b.UpdatedAt.Add(deletePause)
}

// isRebased reports whether a backup that is being deleted stays readable until its children are rebased.
func (bs *Backups) isRebased(ctx context.Context, backupID string) (rebased bool, err error) {
	err = bs.core.Read(ctx, func(tx *meta.Tx) error {
		all, err := tx.JobsOfBackup(backupID)
		rebased = slices.ContainsFunc(all, func(j *meta.Job) bool { return j.Kind == rebaseJob })
		return err
	})
	return rebased, err
}

// Rebases reports whether a backup that others build on can be deleted.
func (bs *Backups) Rebases() bool { return bs.deletes.Rebases }
