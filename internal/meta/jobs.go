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

// PutJob inserts or replaces a job.
func (tx *Tx) PutJob(j *Job) error { return jobs.put(tx.ctx, tx.q, j) }

// RemoveJob deletes a finished job.
func (tx *Tx) RemoveJob(id string) error { return jobs.remove(tx.ctx, tx.q, id) }

// Job returns a job; nil if it is finished.
func (tx *Tx) Job(id string) (*Job, error) { return jobs.get(tx.ctx, tx.q, id) }

// JobsOfBackup returns the jobs that read, write or delete a backup.
func (tx *Tx) JobsOfBackup(id string) ([]*Job, error) {
	return jobs.find(tx.ctx, tx.q, "WHERE backup_id = $1 ORDER BY created_at, id", id)
}

// JobsOfVolume returns the jobs on a volume.
func (tx *Tx) JobsOfVolume(id string) ([]*Job, error) {
	return jobs.find(tx.ctx, tx.q, "WHERE volume_id = $1 ORDER BY created_at, id", id)
}

// JobsOfSnapshot returns the jobs on a snapshot.
func (tx *Tx) JobsOfSnapshot(id string) ([]*Job, error) {
	return jobs.find(tx.ctx, tx.q, "WHERE snapshot_id = $1 ORDER BY created_at, id", id)
}

// claim takes the oldest job of a queue ("": any) that is queued and due, or whose lease has
// expired, unless an older job of its resource is unfinished. A job that deletes a volume
// or snapshot also waits for every older job on it, whatever that job's resource is,
// because an accepted copy must not lose its source. %s is the clause of [dialect] that
// keeps two transactions from claiming the same row.
const claim = `UPDATE jobs SET state = 'running', lease_until = $2, attempts = attempts + 1
 WHERE id = (SELECT j.id FROM jobs j
   WHERE ((j.state = 'queued' AND j.not_before <= $1) OR (j.state = 'running' AND j.lease_until < $1))
     AND ($3 = '' OR j.lane = $3)
     AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.resource = j.resource AND o.id <> j.id
       AND (o.created_at < j.created_at OR (o.created_at = j.created_at AND o.id < j.id)))
     AND (j.kind <> '` + DeleteSnapshot + `' OR NOT EXISTS (SELECT 1 FROM jobs o WHERE o.snapshot_id = j.snapshot_id AND o.id <> j.id
       AND (o.created_at < j.created_at OR (o.created_at = j.created_at AND o.id < j.id))))
     AND (j.kind <> '` + DeleteVolume + `' OR NOT EXISTS (SELECT 1 FROM jobs o WHERE o.volume_id = j.volume_id AND o.id <> j.id
       AND (o.created_at < j.created_at OR (o.created_at = j.created_at AND o.id < j.id))))
   ORDER BY j.created_at, j.id LIMIT 1 %s)
 RETURNING id`

// Claim claims the next job of a queue; nil if there is none.
func (tx *Tx) Claim(queue string, lease time.Duration) (*Job, error) {
	var id string
	statement := fmt.Sprintf(claim, tx.db.dialect.skipLocked)
	err := tx.q.QueryRowContext(tx.ctx, statement, tx.Now.UnixMicro(), tx.Now.Add(lease).UnixMicro(), queue).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("claim a job: %w", err)
	}
	return tx.Job(id)
}

// Held returns the job if the worker that claimed it as attempts still holds it. It returns
// nil if the worker has lost it.
func (tx *Tx) Held(id string, attempts int) (*Job, error) {
	j, err := tx.Job(id)
	if err != nil || j == nil || j.State != Running || j.Attempts != attempts {
		return nil, err
	}
	return j, nil
}

// Renew extends the lease. held is false if another worker has the job by now.
func (tx *Tx) Renew(id string, attempts int, lease time.Duration) (held bool, err error) {
	result, err := tx.q.ExecContext(tx.ctx,
		"UPDATE jobs SET lease_until = $1 WHERE id = $2 AND state = 'running' AND attempts = $3",
		tx.Now.Add(lease).UnixMicro(), id, attempts)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// RequeueAll makes every running job claimable again. The caller must know that no other
// process runs jobs.
func (tx *Tx) RequeueAll() error {
	_, err := tx.q.ExecContext(tx.ctx, "UPDATE jobs SET state = 'queued', lease_until = 0 WHERE state = 'running'")
	return err
}
