package meta

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"cindergate/driver"
	"cindergate/internal/database"
)

// Rows in memory of a shared database stay current like this. The table head has one row. A
// transaction of Write locks it first, so Writes run one after the other in all processes. One
// that changes rows of a hot table counts head.seq up by one, and says in the table changes
// which rows these are. A read asks for head.seq, once for all reads that wait, and reads again
// what has changed since. So a read sees every transaction that was committed before it began.
//
// The nonce of a sequence number is random. It reveals that the history is another one: after
// the failover to a standby that lacks the last transactions, or in a restored database.

// head is the last change of a hot table.
type head struct {
	seq   int64
	nonce string
}

// current lets reads of a shared database share the question whether the rows in memory are
// current.
type current struct {
	mu      sync.Mutex
	next    *question // that has not been asked yet
	running bool

	seen head // the rows in memory are those of this moment; used by catchUp alone
}

type question struct {
	done chan struct{}
	err  error
}

const (
	// answerLimit is how long a read waits for the database.
	answerLimit = 10 * time.Second
	// mostChanges is the number of changed rows above which all rows are read again.
	mostChanges = 10000
)

// isCurrent waits until the rows in memory are those that were committed when it was called,
// or later ones.
func (db *DB) isCurrent(ctx context.Context) error {
	if !db.sql.Shared || ctx.Value(isKnown{}) == db {
		return nil
	}
	c := &db.current
	c.mu.Lock()
	if c.next == nil {
		c.next = &question{done: make(chan struct{})}
	}
	own := c.next
	if !c.running {
		c.running = true
		go db.answer() //nolint:gosec // it answers others, too: the context of one of them must not end it
	}
	c.mu.Unlock()
	select {
	case <-own.done:
		return database.Mark(own.err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer asks the database until no read waits.
func (db *DB) answer() {
	c := &db.current
	for {
		c.mu.Lock()
		own := c.next
		c.next = nil
		c.running = own != nil
		c.mu.Unlock()
		if own == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
		own.err = db.catchUp(ctx)
		cancel()
		close(own.done)
	}
}

// catchUp makes the rows in memory current. Calls must not overlap.
func (db *DB) catchUp(ctx context.Context) error {
	var last head
	const ask = "SELECT seq, nonce FROM head"
	if err := db.reader.QueryRowContext(ctx, ask).Scan(&last.seq, &last.nonce); err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	if last == db.current.seen {
		return nil
	}
	return db.Read(ctx, func(tx *Tx) error {
		if err := tx.q.QueryRowContext(ctx, ask).Scan(&last.seq, &last.nonce); err != nil {
			return fmt.Errorf("read head: %w", err)
		}
		changed, known, err := tx.changesUpTo(last)
		if err != nil {
			return err
		}
		for name, t := range db.hot {
			if known {
				err = t.refresh(ctx, tx.q, changed[name])
			} else {
				err = t.reload(ctx, tx.q)
			}
			if err != nil {
				return err
			}
		}
		db.current.seen = last
		return nil
	})
}

// changesUpTo returns the ids of the rows that have changed since the rows in memory were read,
// by table. known is false if the database does not tell: then all rows must be read again.
func (tx *Tx) changesUpTo(last head) (changed map[string][]string, known bool, err error) {
	seen := tx.db.current.seen
	if seen == (head{}) { // nothing has been read yet
		return nil, false, nil
	}
	rows, err := tx.q.QueryContext(tx.ctx, "SELECT seq, nonce, kind, id FROM changes WHERE seq >= $1 ORDER BY seq LIMIT $2", seen.seq, mostChanges+1)
	if err != nil {
		return nil, false, fmt.Errorf("read changes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	changed = map[string][]string{}
	at, count := head{}, 0
	for rows.Next() {
		var h head
		var kind, id string
		if err := rows.Scan(&h.seq, &h.nonce, &kind, &id); err != nil {
			return nil, false, fmt.Errorf("read changes: %w", err)
		}
		count++
		switch {
		case at == (head{}) && h == seen, h == at, at != (head{}) && h.seq == at.seq+1:
			at = h
		default:
			return nil, false, nil // another history, or one that does not reach back far enough
		}
		if h != seen {
			changed[kind] = append(changed[kind], id)
		}
	}
	return changed, at == last && count <= mostChanges, rows.Err()
}

// clock is the server's time, in unix microseconds.
const clock = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT"

// readClock sets the transaction's time to the server's.
func (tx *Tx) readClock() error {
	var now int64
	if err := tx.q.QueryRowContext(tx.ctx, "SELECT "+clock).Scan(&now); err != nil {
		return fmt.Errorf("read the time: %w", err)
	}
	tx.Now = time.UnixMicro(now).UTC()
	return nil
}

// takeTurn waits until no other process writes, and sets the transaction's time to the
// server's.
func (tx *Tx) takeTurn() error {
	var now int64
	err := tx.q.QueryRowContext(tx.ctx, "WITH turn AS MATERIALIZED (SELECT seq, nonce FROM head FOR UPDATE) SELECT seq, nonce, "+clock+" FROM turn").
		Scan(&tx.head.seq, &tx.head.nonce, &now)
	if err != nil {
		return fmt.Errorf("wait for the turn: %w", err)
	}
	tx.Now = time.UnixMicro(now).UTC()
	return nil
}

// change is a row of a hot table.
type change struct{ kind, id string }

// changed records that the transaction changes a row of a hot table. show changes the row in
// memory.
func (tx *Tx) changed(kind, id string, show func()) {
	if tx.db.sql.Shared {
		tx.changes = append(tx.changes, change{kind, id})
		return // the next read fetches it
	}
	tx.AfterCommit(show)
}

// publish tells other processes, in the transaction itself, what it changes.
func (tx *Tx) publish() error {
	if !tx.db.sql.Shared {
		return nil
	}
	for _, text := range tx.announced {
		if _, err := tx.q.ExecContext(tx.ctx, "SELECT pg_notify('"+channel+"', $1)", text); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
	}
	if len(tx.changes) == 0 {
		return nil
	}
	seq, nonce := tx.head.seq+1, rand.Text()
	if _, err := tx.q.ExecContext(tx.ctx, "UPDATE head SET seq = $1, nonce = $2", seq, nonce); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	var kinds, ids []string
	for _, c := range tx.changes {
		kinds, ids = append(kinds, c.kind), append(ids, c.id)
	}
	_, err := tx.q.ExecContext(tx.ctx, "INSERT INTO changes (seq, nonce, kind, id) SELECT DISTINCT $1::BIGINT, $2::TEXT, kind, id FROM UNNEST($3::TEXT[], $4::TEXT[]) AS c (kind, id)",
		seq, nonce, kinds, ids)
	if err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	if seq%trimEvery == 0 {
		if _, err := tx.q.ExecContext(tx.ctx, "DELETE FROM changes WHERE seq < $1", seq-keptChanges); err != nil {
			return fmt.Errorf("trim changes: %w", err)
		}
	}
	return nil
}

// The number of sequence numbers in the table changes. A process that is further behind reads
// all rows again.
const (
	keptChanges = 100000
	trimEvery   = 1000
)

// hotTable is a table whose live rows are in memory.
type hotTable interface {
	reload(ctx context.Context, q querier) error
	refresh(ctx context.Context, q querier, ids []string) error
}

// hotRows is a hotTable. Rows for which live returns false are not in memory.
type hotRows[T, V any] struct {
	table  *table[T]
	cache  *cache[T, V]
	clause string // selects the live rows
	live   func(*T) bool
}

func (h hotRows[T, V]) reload(ctx context.Context, q querier) error {
	rows, err := h.table.find(ctx, q, h.clause)
	if err == nil {
		h.cache.replace(rows)
	}
	return err
}

// refresh reads rows again. A row that is missing was deleted: the transaction that reads them
// sees the change that says so.
func (h hotRows[T, V]) refresh(ctx context.Context, q querier, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := h.table.find(ctx, q, "WHERE id = ANY($1)", ids)
	if err != nil {
		return err
	}
	gone := make(map[string]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	for _, row := range rows {
		if h.live(row) {
			delete(gone, h.table.key(row))
			h.cache.put(row)
		}
	}
	for id := range gone {
		h.cache.remove(id)
	}
	return nil
}

// makeCaches makes the caches, which have no rows yet.
func (db *DB) makeCaches() {
	db.backups = newCache(backups.key, func(b *Backup) (string, time.Time) { return b.ProjectID, b.CreatedAt },
		func(b *Backup) *driver.Backup { return &b.Backup })
	db.backups.trackChildren(func(b *Backup) string { return b.ParentID },
		func(b *Backup, yes bool) { b.HasDependents = yes }, func(b *Backup) bool { return b.HasDependents })
	db.volumes = newCache(volumes.key, func(v *Volume) (string, time.Time) { return v.ProjectID, v.CreatedAt },
		func(v *Volume) *driver.Volume { return &v.Volume })
	db.snapshots = newCache(snapshots.key, func(s *Snapshot) (string, time.Time) { return s.ProjectID, s.CreatedAt },
		func(s *Snapshot) *driver.Snapshot { return &s.Snapshot })
	db.types = newCache(volumeTypes.key, func(t *VolumeType) (string, time.Time) { return "", t.CreatedAt },
		func(t *VolumeType) *driver.VolumeType { return &t.VolumeType })
	db.hot = map[string]hotTable{
		backups.name:     hotRows[Backup, driver.Backup]{&backups, db.backups, "WHERE deleted_at IS NULL", func(b *Backup) bool { return b.DeletedAt.IsZero() }},
		volumes.name:     hotRows[Volume, driver.Volume]{&volumes, db.volumes, "", always[Volume]},
		snapshots.name:   hotRows[Snapshot, driver.Snapshot]{&snapshots, db.snapshots, "", always[Snapshot]},
		volumeTypes.name: hotRows[VolumeType, driver.VolumeType]{&volumeTypes, db.types, "", always[VolumeType]},
	}
}

func always[T any](*T) bool { return true }
