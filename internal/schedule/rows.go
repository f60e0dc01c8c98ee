package schedule

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"cindergate/internal/database"
)

// Rows are what schedules know, in a database that several gateways may share.
type Rows struct{ db *database.DB }

// OpenRows opens the rows in the database that url names: postgres://… or the path of a SQLite file. A
// migration is made if it is needed.
func OpenRows(ctx context.Context, url string) (*Rows, error) {
	db, err := database.Open(url)
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Rows{db}, nil
}

// Close closes the database.
func (r *Rows) Close() error { return r.db.Close() }

// States of runs.
const (
	waiting = "waiting"
	asking  = "asking"
	running = "running"
	done    = "done"
	skipped = "skipped"
	failed  = "failed"
)

// watched is what is known about the policy of a volume.
type watched struct {
	VolumeID, ProjectID string
	Policy              string // in words; "": none is in force
	Problem             string // why a policy that is asked for is not followed, or not all of it
	Blocked             string // why nothing is deleted
	Held                string // the policy's metadata that came with a restore, and waits until it changes; "": it does not
	Gone                time.Time
	Since, Slot         time.Time // when the policy was set; the last slot that was claimed
	LastSuccess         time.Time
	Failures            int
}

// run is a run of a policy.
type run struct {
	VolumeID, ProjectID string
	Slot                time.Time
	State, Reason       string
	BackupID            string
	Attempts            int       // how often its backup was asked for in vain
	NotBefore           time.Time // of the next attempt
	Asked               time.Time // when its backup was asked for last
	Created, Ended      time.Time
	Gone                time.Time // when the cloud said that it has no such backup any more
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// volumes returns the rows of a backend's volumes, by id.
func (r *Rows) volumes(ctx context.Context, backend string) (map[string]*watched, error) {
	rows, err := r.db.Reader.QueryContext(ctx, `SELECT volume_id, project_id, policy, problem, blocked, held, gone, since, slot, last_success, failures
		FROM schedule_volumes WHERE backend = $1`, backend)
	if err != nil {
		return nil, database.Mark(err)
	}
	defer rows.Close()
	all := map[string]*watched{}
	for rows.Next() {
		w := &watched{}
		var gone, since, slot, success int64
		if err := rows.Scan(&w.VolumeID, &w.ProjectID, &w.Policy, &w.Problem, &w.Blocked, &w.Held, &gone, &since, &slot, &success, &w.Failures); err != nil {
			return nil, database.Mark(err)
		}
		w.Gone, w.Since, w.Slot, w.LastSuccess = fromMicros(gone), fromMicros(since), fromMicros(slot), fromMicros(success)
		all[w.VolumeID] = w
	}
	return all, database.Mark(rows.Err())
}

// runs returns the runs of a backend by volume, the newest first; of one volume if its id is not "".
func (r *Rows) runs(ctx context.Context, backend, volumeID string) (map[string][]*run, error) {
	rows, err := r.db.Reader.QueryContext(ctx, `SELECT volume_id, project_id, slot, state, reason, backup_id, attempts, not_before, asked, created, ended, gone
		FROM schedule_runs WHERE backend = $1 AND ($2 = '' OR volume_id = $2) ORDER BY slot DESC`, backend, volumeID)
	if err != nil {
		return nil, database.Mark(err)
	}
	defer rows.Close()
	all := map[string][]*run{}
	for rows.Next() {
		x := &run{}
		var slot, notBefore, asked, created, ended, gone int64
		if err := rows.Scan(&x.VolumeID, &x.ProjectID, &slot, &x.State, &x.Reason, &x.BackupID, &x.Attempts, &notBefore, &asked, &created, &ended, &gone); err != nil {
			return nil, database.Mark(err)
		}
		x.Slot, x.NotBefore, x.Asked = fromMicros(slot), fromMicros(notBefore), fromMicros(asked)
		x.Created, x.Ended, x.Gone = fromMicros(created), fromMicros(ended), fromMicros(gone)
		all[x.VolumeID] = append(all[x.VolumeID], x)
	}
	return all, database.Mark(rows.Err())
}

// put stores what is known about a volume, but for the slot, last success and failures of one that is there.
func (r *Rows) put(ctx context.Context, backend string, w *watched) error {
	_, err := r.db.Writer.ExecContext(ctx, `INSERT INTO schedule_volumes (backend, volume_id, project_id, policy, problem, blocked, held, gone, since, slot, last_success, failures)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0)
		ON CONFLICT (backend, volume_id) DO UPDATE SET project_id = $3, policy = $4, problem = $5, blocked = $6, held = $7, gone = $8, since = $9`,
		backend, w.VolumeID, w.ProjectID, w.Policy, w.Problem, w.Blocked, w.Held, micros(w.Gone), micros(w.Since))
	return database.Mark(err)
}

// claim inserts the run of a slot. It reports false if the slot has one, whoever made it. over is a later slot
// that the volume may have had; zero: none.
func (r *Rows) claim(ctx context.Context, backend string, x *run, over time.Time) (won bool, err error) {
	err = r.write(ctx, func(tx *database.Tx) error {
		// The row of the volume comes first, so that two gateways wait for each other here.
		moved, err := changed(tx.ExecContext(ctx, `UPDATE schedule_volumes SET slot = $3 WHERE backend = $1 AND volume_id = $2 AND (slot < $3 OR $4 > 0 AND slot = $4)`,
			backend, x.VolumeID, micros(x.Slot), micros(over)))
		if err != nil || !moved {
			return err
		}
		won, err = changed(tx.ExecContext(ctx, `INSERT INTO schedule_runs (backend, volume_id, slot, project_id, state, reason, backup_id, attempts, not_before, asked, created, ended, gone)
			VALUES ($1, $2, $3, $4, $5, '', '', 0, 0, 0, $6, 0, 0) ON CONFLICT (backend, volume_id, slot) DO NOTHING`,
			backend, x.VolumeID, micros(x.Slot), x.ProjectID, x.State, micros(x.Created)))
		return err
	})
	return won && err == nil, err
}

// take marks a run as asked for. It reports false if another gateway has done so and may still be asking:
// the run must be as the caller has seen it.
func (r *Rows) take(ctx context.Context, backend string, x *run, now time.Time) (bool, error) {
	mine, err := changed(r.db.Writer.ExecContext(ctx, `UPDATE schedule_runs SET state = $4, asked = $5, attempts = attempts + 1
		WHERE backend = $1 AND volume_id = $2 AND slot = $3 AND state = $6 AND asked = $7`,
		backend, x.VolumeID, micros(x.Slot), asking, micros(now), x.State, micros(x.Asked)))
	if mine {
		x.State, x.Asked = asking, now
		x.Attempts++
	}
	return mine, err
}

// set stores the new state of a run that is still in the state from. It reports false if it is not.
func (r *Rows) set(ctx context.Context, backend string, x *run, from string) (bool, error) {
	return changed(r.db.Writer.ExecContext(ctx, `UPDATE schedule_runs SET state = $4, reason = $5, backup_id = $6, not_before = $7, gone = $8, attempts = $9
		WHERE backend = $1 AND volume_id = $2 AND slot = $3 AND state = $10 AND ended = 0`,
		backend, x.VolumeID, micros(x.Slot), x.State, x.Reason, x.BackupID, micros(x.NotBefore), micros(x.Gone), x.Attempts, from))
}

// end stores how a run ended that is in the state from, and what that means for its volume. It reports false
// if it is in another one.
func (r *Rows) end(ctx context.Context, backend string, x *run, from string) (ended bool, err error) {
	err = r.write(ctx, func(tx *database.Tx) error {
		ended, err = changed(tx.ExecContext(ctx, `UPDATE schedule_runs SET state = $4, reason = $5, ended = $6, gone = $7
			WHERE backend = $1 AND volume_id = $2 AND slot = $3 AND state = $8 AND ended = 0`,
			backend, x.VolumeID, micros(x.Slot), x.State, x.Reason, micros(x.Ended), micros(x.Gone), from))
		if err != nil || !ended {
			return err
		}
		if x.State == failed {
			_, err = tx.ExecContext(ctx, `UPDATE schedule_volumes SET failures = failures + 1 WHERE backend = $1 AND volume_id = $2`, backend, x.VolumeID)
		} else {
			_, err = tx.ExecContext(ctx, `UPDATE schedule_volumes SET failures = 0, last_success = $3 WHERE backend = $1 AND volume_id = $2`, backend, x.VolumeID, micros(x.Slot))
		}
		return err
	})
	return ended && err == nil, err
}

// markGone stores that the cloud does not have the backup of a run any more.
func (r *Rows) markGone(ctx context.Context, backend string, x *run) error {
	_, err := r.db.Writer.ExecContext(ctx, `UPDATE schedule_runs SET gone = $4 WHERE backend = $1 AND volume_id = $2 AND slot = $3`,
		backend, x.VolumeID, micros(x.Slot), micros(x.Gone))
	return database.Mark(err)
}

// forget removes a run that has ended and has no backup.
func (r *Rows) forget(ctx context.Context, backend string, x *run) error {
	_, err := r.db.Writer.ExecContext(ctx, `DELETE FROM schedule_runs WHERE backend = $1 AND volume_id = $2 AND slot = $3 AND ended > 0 AND (backup_id = '' OR gone > 0)`,
		backend, x.VolumeID, micros(x.Slot))
	return database.Mark(err)
}

// looked stores when a backend was looked at without an error.
func (r *Rows) looked(ctx context.Context, backend string, at time.Time) error {
	_, err := r.db.Writer.ExecContext(ctx, `INSERT INTO schedule_backends (backend, looked) VALUES ($1, $2)
		ON CONFLICT (backend) DO UPDATE SET looked = $2`, backend, micros(at))
	return database.Mark(err)
}

// lastLook returns when a backend was looked at without an error; zero: never.
func (r *Rows) lastLook(ctx context.Context, backend string) (time.Time, error) {
	var at int64
	err := r.db.Reader.QueryRowContext(ctx, `SELECT looked FROM schedule_backends WHERE backend = $1`, backend).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMicros(at), database.Mark(err)
}

// write runs a transaction.
func (r *Rows) write(ctx context.Context, f func(tx *database.Tx) error) error {
	tx, err := r.db.BeginWrite(ctx)
	if err != nil {
		return database.Mark(err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // err says what went wrong
		return database.Mark(err)
	}
	return database.Mark(tx.Commit())
}

// changed reports whether a statement has changed a row.
func changed(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, database.Mark(err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
