package backups

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// scrubJob is the kind of jobs that scrub on a schedule.
const scrubJob = "scrub"

// ScrubSchedule says when and how backups are scrubbed without being asked.
type ScrubSchedule struct {
	Interval time.Duration // between the starts of two scrubs; 0: no schedule
	Sample   float64       // see [ScrubOptions]
	// Observe is called for each backup that a scrub has read; required.
	Observe func(result string, bytes int64)
}

// scrubArguments are the progress of a job. A job that is requeued continues after the last
// chain that it has finished.
type scrubArguments struct {
	After string `json:"after,omitempty"`
}

// theScrub is the id of the row of scrubs, and the resource of the jobs.
const theScrub = "backups"

// ScheduleScrubs queues a scrub whenever one is due, until ctx ends.
func (bs *Backups) ScheduleScrubs(ctx context.Context) {
	if bs.scrubs.Interval <= 0 {
		return
	}
	for ctx.Err() == nil {
		wait, err := bs.queueScrub(ctx)
		if err != nil && ctx.Err() == nil {
			bs.core.Log.Error("queue a scrub", zap.Error(err))
			wait = time.Minute
		}
		bs.core.Wait(ctx, wait)
	}
}

// queueScrub queues a scrub if one is due. It returns the time until the next look.
func (bs *Backups) queueScrub(ctx context.Context) (wait time.Duration, err error) {
	err = bs.core.Write(ctx, func(tx *meta.Tx) error {
		last, err := tx.Scrub(theScrub)
		if err != nil {
			return err
		}
		if last != nil {
			due := last.StartedAt.Add(bs.scrubs.Interval)
			if wait = due.Sub(tx.Now); wait > 0 {
				return nil
			}
			if last.FinishedAt.IsZero() {
				wait = min(bs.scrubs.Interval, time.Minute) // the last one still runs
				return nil
			}
		}
		wait = bs.scrubs.Interval
		if err := tx.PutScrub(&meta.Scrub{ID: theScrub, StartedAt: tx.Now}); err != nil {
			return err
		}
		j, err := bs.jobs.New(driver.Caller{}, scrubJob, "scrub:"+theScrub, scrubArguments{})
		if err != nil {
			return err
		}
		return bs.jobs.Enqueue(tx, j)
	})
	return wait, err
}

// scrubTask scrubs once, one chain at a time.
func (bs *Backups) scrubTask(j *meta.Job, a scrubArguments) jobs.Task {
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			bytes := int64(0)
			err := bs.Scrub(ctx, ScrubOptions{
				Sample: bs.scrubs.Sample, After: a.After,
				Report: func(s Scrubbed) {
					bytes += s.Bytes
					if s.Result != ScrubOK {
						bs.core.Log.Warn("scrub", zap.String("backup_id", s.BackupID), zap.String("result", s.Result), zap.String("reason", s.Reason))
					}
				},
				Finished: func(full string) error { return bs.saveScrub(ctx, j, full) },
			})
			return bytes, bs.finishScrub, err
		},
		Fail: func(tx *meta.Tx, _ string) error { return bs.finishScrub(tx) },
	}
}

// saveScrub stores the progress of a running job.
func (bs *Backups) saveScrub(ctx context.Context, j *meta.Job, after string) error {
	raw, err := json.Marshal(scrubArguments{After: after})
	if err != nil {
		return err
	}
	return bs.core.Write(ctx, func(tx *meta.Tx) error {
		own, err := tx.Held(j.ID, j.Attempts)
		if err != nil || own == nil {
			return err
		}
		own.Arguments = raw
		return tx.PutJob(own)
	})
}

func (bs *Backups) finishScrub(tx *meta.Tx) error {
	last, err := tx.Scrub(theScrub)
	if err != nil || last == nil {
		return err
	}
	last.FinishedAt = tx.Now
	return tx.PutScrub(last)
}
