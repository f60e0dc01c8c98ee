package backups

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/chunk"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// removalJob is the kind of jobs that delete the objects which backups had before they were rebased.
// Whoever has begun to read them goes on first.
const removalJob = "old-objects"

// Times of the removal of old objects.
const (
	// Between looks at what is still being read: a restore may take hours.
	firstLook   = 5 * time.Second
	longestLook = time.Minute
	// downloadGrace is how long old objects stay for downloads through other gateways, which no row
	// tells of. A download that is cut off goes on from the new objects.
	downloadGrace = 10 * time.Minute
)

// removalDeaths is how often the process may die while it removes old objects: no later delete finds them.
const removalDeaths = 1000

// oldObjects are what a removal deletes.
type oldObjects struct {
	VolumeID  string      `json:"volume_id"`
	ProjectID string      `json:"project_id"`
	Store     string      `json:"store,omitempty"`     // as in [meta.Backup]
	Backup    string      `json:"backup_id,omitempty"` // that has been deleted, whose objects go as well
	Objects   []oldObject `json:"objects"`
}

// oldObject is the place of the objects that a backup had.
type oldObject struct {
	BackupID  string `json:"backup_id"`
	Container string `json:"container"`
	Prefix    string `json:"prefix"`
}

// queueRemoval queues the removal of old objects: one job for each place, whose resource is that place,
// so that imports of records which name it wait. of are backups of the chain.
func (bs *Backups) queueRemoval(tx *meta.Tx, by *meta.Job, of []rebased, old oldObjects) error {
	if len(of) == 0 {
		return nil
	}
	b := of[0].child
	queue := func(place string, part oldObjects) error {
		part.VolumeID, part.ProjectID, part.Store = b.VolumeID, b.ProjectID, b.Store
		j, err := bs.jobs.New(jobs.Requester(by), removalJob, place, part)
		if err != nil {
			return err
		}
		return bs.jobs.Enqueue(tx, j)
	}
	for _, o := range old.Objects {
		if err := queue(o.Container+"/"+o.Prefix, oldObjects{Objects: []oldObject{o}}); err != nil {
			return err
		}
	}
	if old.Backup == "" {
		return nil
	}
	return queue(b.Container+"/"+b.ServiceMetadata, oldObjects{Backup: old.Backup})
}

// removalTask deletes old objects once nobody reads them. It does not give up.
func (bs *Backups) removalTask(j *meta.Job, old oldObjects) jobs.Task {
	return jobs.Task{Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
		wait, err := bs.stillRead(ctx, j, old)
		if err == nil && wait > 0 {
			return 0, nil, &jobs.Again{After: wait, Err: errors.New("old objects are still being read"), Waits: true}
		}
		if err == nil {
			err = bs.removeOld(chunk.WithPatience(ctx, quickPatience), old)
		}
		if err != nil {
			if ctx.Err() != nil {
				return 0, nil, err
			}
			bs.core.Log.Warn("objects of rebased backups cannot be deleted yet", zap.String("volume_id", old.VolumeID), zap.Error(err))
			return 0, nil, &jobs.Again{After: time.Minute, Err: err}
		}
		return 0, jobs.Done, nil
	}}
}

// stillRead returns how long to wait before the next look; 0: nobody reads the old objects any more.
func (bs *Backups) stillRead(ctx context.Context, j *meta.Job, old oldObjects) (wait time.Duration, err error) {
	var look time.Duration
	err = bs.core.Read(ctx, func(tx *meta.Tx) error {
		wait = 0
		age := tx.Now.Sub(j.CreatedAt)
		look = min(max(age/4, firstLook), longestLook)
		reading, err := tx.JobsReading(old.VolumeID, j.CreatedAt)
		if err != nil {
			return err
		}
		if len(reading) > 0 {
			wait = look
		} else if bs.core.Several() && age < downloadGrace {
			wait = downloadGrace - age
		}
		return nil
	})
	if err == nil && wait == 0 && bs.downloads.before(old.VolumeID, j.ID) {
		wait = look
	}
	return wait, err
}

func (bs *Backups) removeOld(ctx context.Context, old oldObjects) error {
	s, err := bs.core.Stores.Of(old.Store, old.ProjectID)
	if err != nil {
		return err
	}
	if err := bs.core.Ready(ctx, s); err != nil {
		return err
	}
	for _, o := range old.Objects {
		at := chunked.Location{Container: o.Container, Prefix: o.Prefix}
		used, err := bs.isUsed(ctx, s, old.Store, at, "")
		if err != nil {
			return err
		}
		if used {
			continue
		}
		if err := chunked.Delete(ctx, s.Store, at); err != nil {
			return err
		}
	}
	if old.Backup == "" {
		return nil
	}
	var b *meta.Backup
	if err := bs.core.Read(ctx, func(tx *meta.Tx) (err error) { b, err = tx.AnyBackup(old.Backup); return err }); err != nil {
		return err
	}
	if b == nil || b.DeletedAt.IsZero() { // a record of it has been imported since
		return nil
	}
	return bs.deleteData(ctx, b)
}
