package meta

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The kinds of jobs that wait for every older job on the volume or snapshot to delete.
const (
	DeleteVolume   = "volume-delete"
	DeleteSnapshot = "snapshot-delete"
)

// PutJob inserts or replaces a job. A new job comes last.
func (tx *Tx) PutJob(j *Job) error {
	if j.Seq == 0 {
		if err := tx.q.QueryRowContext(tx.ctx, "SELECT COALESCE(MAX(seq), 0) + 1 FROM jobs").Scan(&j.Seq); err != nil {
			return fmt.Errorf("read jobs: %w", err)
		}
	}
	if j.State == Queued {
		tx.announce(Wake{j.Queue, j.Host}.text())
	}
	return jobs.put(tx.ctx, tx.q, j)
}

// RemoveJob deletes a finished or cancelled job, and wakes the gateways of those that may have waited
// for it.
func (tx *Tx) RemoveJob(j *Job) error {
	if err := jobs.remove(tx.ctx, tx.q, j.ID); err != nil || !tx.db.sql.Shared {
		return err
	}
	rows, err := tx.q.QueryContext(tx.ctx, `SELECT DISTINCT lane, COALESCE(host, '') FROM jobs WHERE state = 'queued'
		AND (resource = $1 OR backup_id = $2 OR volume_id = $3 OR snapshot_id = $4)`, j.Resource, j.BackupID, j.VolumeID, j.SnapshotID)
	if err != nil {
		return fmt.Errorf("read jobs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var w Wake
		if err := rows.Scan(&w.Queue, &w.Host); err != nil {
			return fmt.Errorf("read jobs: %w", err)
		}
		tx.announce(w.text())
	}
	return rows.Err()
}

// CancelJob cancels a job. In a shared database the row of a running one stays until its worker
// has stopped ([Tx.DropCancelled]) or its lease has expired: until then the worker may write, and
// jobs that must not run beside it wait.
func (tx *Tx) CancelJob(j *Job) error {
	if !tx.db.sql.Shared || j.State != Running {
		return tx.RemoveJob(j)
	}
	tx.announce(jobStopped + j.ID)
	_, err := tx.q.ExecContext(tx.ctx, "UPDATE jobs SET state = 'cancelled' WHERE id = $1", j.ID)
	return err
}

// DropCancelled deletes the row of a cancelled job after its worker has stopped.
func (tx *Tx) DropCancelled(id string, attempts int) error {
	tx.announce(Wake{}.text())
	_, err := tx.q.ExecContext(tx.ctx, "DELETE FROM jobs WHERE id = $1 AND attempts = $2 AND state = 'cancelled'", id, attempts)
	return err
}

// DropDead deletes the rows of cancelled jobs whose workers are dead: their leases have expired.
func (tx *Tx) DropDead() error {
	result, err := tx.q.ExecContext(tx.ctx, "DELETE FROM jobs WHERE state = 'cancelled' AND lease_until < $1", tx.Now.UnixMicro())
	if err != nil {
		return fmt.Errorf("delete cancelled jobs: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	tx.announce(Wake{}.text())
	return nil
}

// Job returns a job; nil if it is finished or cancelled.
func (tx *Tx) Job(id string) (*Job, error) {
	j, err := jobs.get(tx.ctx, tx.q, id)
	if j != nil && j.State == cancelled {
		return nil, err
	}
	return j, err
}

// JobsOfBackup returns the jobs that read, write or delete a backup.
func (tx *Tx) JobsOfBackup(id string) ([]*Job, error) {
	return jobs.find(tx.ctx, tx.q, "WHERE backup_id = $1 AND state <> 'cancelled' ORDER BY seq", id)
}

// JobsReading returns the jobs that were queued before a time and may be reading backups of a volume.
func (tx *Tx) JobsReading(volumeID string, before time.Time) ([]*Job, error) {
	return jobs.find(tx.ctx, tx.q, "WHERE created_at <= $2 AND kind <> 'rebase' AND (backup_id IN (SELECT id FROM backups WHERE volume_id = $1) OR resource LIKE 'copy %' AND resource LIKE '%' || $1)",
		volumeID, micros{&before})
}

// JobsOfProject returns the jobs of a project; "": of all projects.
func (tx *Tx) JobsOfProject(id string) ([]*Job, error) {
	return jobs.find(tx.ctx, tx.q, "WHERE ($1 = '' OR project_id = $1) AND state <> 'cancelled' ORDER BY seq", id)
}

// JobsOfVolume returns the jobs on a volume.
func (tx *Tx) JobsOfVolume(id string) ([]*Job, error) {
	return jobs.find(tx.ctx, tx.q, "WHERE volume_id = $1 AND state <> 'cancelled' ORDER BY seq", id)
}

// JobsOfSnapshot returns the jobs on a snapshot.
func (tx *Tx) JobsOfSnapshot(id string) ([]*Job, error) {
	return jobs.find(tx.ctx, tx.q, "WHERE snapshot_id = $1 AND state <> 'cancelled' ORDER BY seq", id)
}

// claim takes the oldest job of a queue ("": any) that is queued and due, or whose lease has
// expired, unless an older job of its resource is unfinished. A job that deletes a volume
// or snapshot also waits for every older job on it, whatever that job's resource is,
// because an accepted copy must not lose its source. A job of another host stays.
//
// %s is the clause that keeps two transactions from claiming the same row; "" if only one
// transaction writes at a time. Jobs are inserted in the order of seq, for Writes run one after
// the other: an older job of a resource is always seen.
const claim = `UPDATE jobs SET state = 'running', lease_until = $2, attempts = attempts + 1, worker = $4,
   started_at = $1, seen_at = NULL, done = 0, total = 0
 WHERE id = (SELECT j.id FROM jobs j
   WHERE ((j.state = 'queued' AND j.not_before <= $1) OR (j.state = 'running' AND j.lease_until < $1))
     AND ($3 = '' OR j.lane = $3)
     AND (j.host IS NULL OR j.host = $4)
     AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.resource = j.resource AND o.seq < j.seq)
     AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.backup_id = j.backup_id AND o.state = 'cancelled')
     AND (j.kind <> '` + DeleteSnapshot + `' OR NOT EXISTS (SELECT 1 FROM jobs o WHERE o.snapshot_id = j.snapshot_id AND o.seq < j.seq))
     AND (j.kind <> '` + DeleteVolume + `' OR NOT EXISTS (SELECT 1 FROM jobs o WHERE o.volume_id = j.volume_id AND o.seq < j.seq))
   ORDER BY j.seq LIMIT 1 %s)
 RETURNING id`

// skipLocked is that clause of PostgreSQL. It must name the table: the rows of subqueries are
// not to be locked.
const skipLocked = "FOR UPDATE OF j SKIP LOCKED"

// Claim claims the next job of a queue for the gateway named worker; nil if there is none.
func (tx *Tx) Claim(queue, worker string, lease time.Duration) (*Job, error) {
	return tx.claim(queue, worker, lease, skipLocked)
}

func (tx *Tx) claim(queue, worker string, lease time.Duration, locking string) (*Job, error) {
	if !tx.db.sql.Shared {
		locking = ""
	}
	var id string
	err := tx.q.QueryRowContext(tx.ctx, fmt.Sprintf(claim, locking), tx.Now.UnixMicro(), tx.Now.Add(lease).UnixMicro(), queue, worker).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("claim a job: %w", err)
	}
	return tx.Job(id)
}

// NextDue returns the next time at which a job of a queue ("": any) may become due by itself,
// because a pause or a lease ends; zero: there is none. It leaves out the leases of jobs that alive
// names, whose owners renew them.
func (tx *Tx) NextDue(queue string, alive func(id string) bool) (time.Time, error) {
	rows, err := tx.q.QueryContext(tx.ctx, `SELECT id, state, due FROM
		(SELECT id, state, CASE state WHEN 'queued' THEN not_before ELSE lease_until + 1 END AS due FROM jobs WHERE $2 = '' OR lane = $2) AS times
		WHERE due > $1 ORDER BY due`, tx.Now.UnixMicro(), queue)
	if err != nil {
		return time.Time{}, fmt.Errorf("read jobs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, state string
		var due int64
		if err := rows.Scan(&id, &state, &due); err != nil {
			return time.Time{}, fmt.Errorf("read jobs: %w", err)
		}
		if state == Queued || !alive(id) {
			return time.UnixMicro(due), nil
		}
	}
	return time.Time{}, rows.Err()
}

// Held returns the job if the worker that claimed it as attempts still holds it, and keeps others
// from claiming it until the transaction ends. It returns nil if the worker has lost it.
func (tx *Tx) Held(id string, attempts int) (*Job, error) {
	locking := ""
	if tx.db.sql.Shared {
		locking = " FOR UPDATE"
	}
	rows, err := jobs.find(tx.ctx, tx.q, "WHERE id = $1 AND state = 'running' AND attempts = $2"+locking, id, attempts)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// EndJob deletes a job that its worker has finished, and remembers for a day which attempt that
// was, so that a worker whose connection was lost during the commit can ask ([Tx.Ended]).
func (tx *Tx) EndJob(j *Job) error {
	if tx.db.sql.Shared {
		_, err := tx.q.ExecContext(tx.ctx, "INSERT INTO job_ends (id, attempts, ended_at) VALUES ($1, $2, $3)", j.ID, j.Attempts, tx.Now.UnixMicro())
		if err == nil {
			_, err = tx.q.ExecContext(tx.ctx, "DELETE FROM job_ends WHERE ended_at < $1", tx.Now.Add(-24*time.Hour).UnixMicro())
		}
		if err != nil {
			return fmt.Errorf("write job_ends: %w", err)
		}
	}
	return tx.RemoveJob(j)
}

// Ended reports whether [Tx.EndJob] has ended this attempt at a job.
func (tx *Tx) Ended(id string, attempts int) (bool, error) {
	var n int
	err := tx.q.QueryRowContext(tx.ctx, "SELECT COUNT(*) FROM job_ends WHERE id = $1 AND attempts = $2", id, attempts).Scan(&n)
	return n > 0, err
}

// Renew extends the lease, and stores how far the attempt is. held is false if another worker has the
// job by now.
func (tx *Tx) Renew(id string, attempts int, lease time.Duration, p Progress) (held bool, err error) {
	result, err := tx.q.ExecContext(tx.ctx,
		"UPDATE jobs SET lease_until = $1, seen_at = $4, done = $5, total = $6 WHERE id = $2 AND state = 'running' AND attempts = $3",
		tx.Now.Add(lease).UnixMicro(), id, attempts, micros{&p.Seen}, p.Done, p.Total)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// RequeueAll makes the running jobs of a worker claimable again; "": of all workers. The caller
// must know that they do not run any more.
func (tx *Tx) RequeueAll(worker string) error {
	tx.announce(Wake{}.text())
	_, err := tx.q.ExecContext(tx.ctx,
		"UPDATE jobs SET state = 'queued', lease_until = 0 WHERE state = 'running' AND ($1 = '' OR worker = $1)", worker)
	return err
}
