package meta

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/database"
	"cindergate/internal/database/pgtest"
)

// two opens one database of PostgreSQL twice, as two gateways do.
func two(t *testing.T) (a, b *DB) {
	t.Helper()
	t.Parallel()
	url := pgtest.URL(t)
	return closing(t, url), closing(t, url)
}

func put(id, name string) func(*Tx) error {
	return func(tx *Tx) error {
		return tx.PutBackup(&Backup{Backup: driver.Backup{ID: id, ProjectID: "p", Name: &name, Status: driver.BackupCreating, CreatedAt: tx.Now}})
	}
}

// What one gateway has committed, the next read at the other finds: many writers, each of which
// reads at the other gateway at once.
func TestReadsAreNeverStale(t *testing.T) {
	a, b := two(t)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			writer, reader := a, b
			if worker%2 == 0 {
				writer, reader = b, a
			}
			for i := range 40 {
				id := fmt.Sprintf("%d-%d", worker, i)
				writer.must(t, put(id, "first"))
				if got := reader.backup(t, id); got == nil || *got.Name != "first" {
					t.Errorf("%s is not there, but %+v", id, got)
					return
				}
				writer.must(t, put(id, "second"))
				if got := reader.backup(t, id); got == nil || *got.Name != "second" {
					t.Errorf("%s is stale: %+v", id, got)
					return
				}
				if i%2 == 0 {
					continue
				}
				writer.must(t, func(tx *Tx) error {
					row, err := tx.Backup(id)
					if err != nil {
						return err
					}
					row.DeletedAt = tx.Now
					return tx.PutBackup(row)
				})
				if got := reader.backup(t, id); got != nil {
					t.Errorf("%s was deleted and is %+v", id, got)
					return
				}
			}
		})
	}
	all.Wait()
	for _, db := range []*DB{a, b} {
		rows, err := db.Backups(t.Context(), "p")
		if err != nil || rows.Len() != 8*20 {
			t.Errorf("%d backups are listed, %v", rows.Len(), err)
		}
	}
}

// A gateway that was away for longer than changes are kept reads all rows again. So does one whose
// database has another history than it has seen: a standby took over that lacked the last
// transactions, and others came.
func TestAnotherHistoryIsReadWhole(t *testing.T) {
	a, b := two(t)
	a.must(t, put("1", "a"))
	a.must(t, put("2", "a"))
	if b.backup(t, "2") == nil {
		t.Fatal("no 2")
	}
	execute := func(statement string, args ...any) {
		t.Helper()
		if _, err := a.sql.Writer.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	// The transaction that made 2 is lost, and another one has its number.
	execute("DELETE FROM backups WHERE id = '2'")
	execute("DELETE FROM changes WHERE seq = 2")
	execute("UPDATE head SET seq = 1, nonce = (SELECT nonce FROM changes WHERE seq = 1)")
	if got := b.backup(t, "2"); got != nil {
		t.Errorf("the lost backup is shown: %+v", got)
	}
	a.must(t, put("3", "a"))
	a.must(t, put("4", "a"))
	for _, id := range []string{"1", "3", "4"} {
		if b.backup(t, id) == nil {
			t.Errorf("%s is not shown", id)
		}
	}
	// The changes that b has not seen are trimmed.
	a.must(t, put("5", "a"))
	a.must(t, put("6", "a"))
	execute("DELETE FROM changes WHERE seq < $1", 5)
	if b.backup(t, "5") == nil || b.backup(t, "6") == nil {
		t.Error("a trimmed change is not shown")
	}
	// More changes than are read one by one.
	a.must(t, func(tx *Tx) error {
		for i := range mostChanges + 1 {
			if err := tx.PutVolumeType(&VolumeType{driver.VolumeType{ID: fmt.Sprint(i), Name: fmt.Sprint(i), CreatedAt: tx.Now}}); err != nil {
				return err
			}
		}
		return nil
	})
	types, err := b.VolumeTypes(t.Context())
	if err != nil || types.Len() != mostChanges+1 {
		t.Errorf("%d types, %v", types.Len(), err)
	}
}

// A read whose context is known to be current does not ask the database again.
func TestKnownContextDoesNotAsk(t *testing.T) {
	_, b := two(t)
	ctx, err := b.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.sql.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AllBackups(ctx); err != nil {
		t.Errorf("a read asks although its context is known to be current: %v", err)
	}
	if _, err := b.AllBackups(t.Context()); err == nil {
		t.Error("a read answers although the database does not")
	}
}

// claimAll has many workers claim jobs of few resources, and returns how often a job was claimed
// twice or ran beside another one of its resource.
func claimAll(t *testing.T, gateways []*DB, locking string) (doubles int) {
	t.Helper()
	const jobs, resources = 120, 60
	gateways[0].must(t, func(tx *Tx) error {
		for i := range jobs {
			if err := tx.PutJob(&Job{ID: fmt.Sprint(i), Kind: "k", Queue: "data", Resource: fmt.Sprint(i % resources), State: Queued, CreatedAt: tx.Now}); err != nil {
				return err
			}
		}
		return nil
	})
	var mu sync.Mutex
	seen, busy := map[string]int{}, map[string]int{}
	var left atomic.Int64
	left.Store(jobs)
	var all sync.WaitGroup
	for worker := range 12 {
		db := gateways[worker%len(gateways)]
		all.Go(func() {
			for left.Load() > 0 && t.Context().Err() == nil {
				var j *Job
				err := db.Lease(t.Context(), func(tx *Tx) (err error) {
					j, err = tx.claim("data", fmt.Sprint(worker), time.Hour, locking)
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
				if j == nil {
					continue
				}
				mu.Lock()
				if seen[j.ID]++; seen[j.ID] > 1 || busy[j.Resource] > 0 {
					doubles++
				}
				first := seen[j.ID] == 1
				busy[j.Resource]++
				mu.Unlock()
				db.must(t, func(tx *Tx) error {
					mu.Lock()
					defer mu.Unlock()
					busy[j.Resource]--
					return tx.endJobOnce(j)
				})
				if first {
					left.Add(-1)
				}
			}
		})
	}
	all.Wait()
	return doubles
}

// endJobOnce is [Tx.EndJob] for a job that two workers end.
func (tx *Tx) endJobOnce(j *Job) error {
	if known, err := tx.Job(j.ID); err != nil || known == nil {
		return err
	}
	return tx.RemoveJob(j)
}

// Workers of several gateways claim each job once, and jobs of one resource one after the other.
// The same claim without SKIP LOCKED claims jobs twice: the test can see it.
func TestClaimsDoNotDouble(t *testing.T) {
	a, b := two(t)
	if n := claimAll(t, []*DB{a, b}, skipLocked); n > 0 {
		t.Errorf("%d double claims", n)
	}
	for range 20 {
		if claimAll(t, []*DB{a, b}, "") > 0 {
			return
		}
	}
	t.Error("no double claim without SKIP LOCKED: the test sees nothing")
}

// Leases go by the clock of the database, whatever the clocks of the gateways say.
func TestLeasesGoByTheServersClock(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	late, err := Open(t.Context(), Options{Database: url, Now: func() time.Time { return time.Now().Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = late.Close() })
	a := closing(t, url)
	a.must(t, func(tx *Tx) error {
		return tx.PutJob(&Job{ID: "1", Kind: "k", Queue: "data", Resource: "r", State: Queued, CreatedAt: tx.Now})
	})
	claim := func(db *DB) (j *Job) {
		t.Helper()
		if err := db.Lease(t.Context(), func(tx *Tx) (err error) {
			j, err = tx.Claim("data", "w", 30*time.Second)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return j
	}
	if claim(a) == nil {
		t.Fatal("the job is not claimed")
	}
	if j := claim(late); j != nil {
		t.Fatalf("a gateway whose clock is a minute fast claims a job that another one runs: %+v", j)
	}
	late.must(t, func(tx *Tx) error {
		if off := time.Since(tx.Now).Abs(); off > 30*time.Second {
			t.Errorf("a transaction's time is off by %s", off)
		}
		return nil
	})
}

// The row of a running job that is cancelled keeps jobs on its backup from running until its
// worker has stopped, or its lease has expired.
func TestCancelledJobBlocksItsBackup(t *testing.T) {
	a, b := two(t)
	a.must(t, func(tx *Tx) error {
		for _, id := range []string{"create", "delete"} {
			if err := tx.PutJob(&Job{ID: id, Kind: id, Queue: "data", BackupID: "b", Resource: id, State: Queued, CreatedAt: tx.Now}); err != nil {
				return err
			}
		}
		return nil
	})
	claim := func(db *DB, lease time.Duration) (j *Job) {
		t.Helper()
		if err := db.Lease(t.Context(), func(tx *Tx) (err error) {
			j, err = tx.Claim("", "w", lease)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return j
	}
	for _, how := range []string{"stopped", "expired"} {
		lease := time.Hour
		if how == "expired" {
			lease = -time.Second
			a.must(t, func(tx *Tx) error {
				return tx.PutJob(&Job{ID: "create", Kind: "create", Queue: "data", BackupID: "b", Resource: "create", State: Queued, CreatedAt: tx.Now, Seq: -1})
			})
		}
		running := claim(a, lease)
		if running == nil || running.ID != "create" {
			t.Fatalf("claimed %+v", running)
		}
		b.must(t, func(tx *Tx) error { return tx.CancelJob(running) })
		b.must(t, func(tx *Tx) error {
			if held, err := tx.Held(running.ID, running.Attempts); held != nil || err != nil {
				t.Errorf("the worker holds the cancelled job: %+v, %v", held, err)
			}
			listed, err := tx.JobsOfBackup("b")
			if len(listed) != 1 || listed[0].ID != "delete" {
				t.Errorf("jobs of the backup: %+v", listed)
			}
			return err
		})
		if how == "stopped" {
			if j := claim(b, time.Hour); j != nil {
				t.Fatalf("%s runs beside a worker that may still write", j.ID)
			}
			a.must(t, func(tx *Tx) error { return tx.DropCancelled(running.ID, running.Attempts) })
		} else {
			a.must(t, (*Tx).DropDead)
		}
		if j := claim(b, -time.Second); j == nil || j.ID != "delete" {
			t.Fatalf("%s: the delete does not run: %+v", how, j)
		}
	}
}

// A worker whose connection was lost during the commit finds out that its end was stored.
func TestEnded(t *testing.T) {
	a, b := two(t)
	var j *Job
	a.must(t, func(tx *Tx) (err error) {
		if err := tx.PutJob(&Job{ID: "1", Kind: "k", Queue: "data", Resource: "r", State: Queued, CreatedAt: tx.Now}); err != nil {
			return err
		}
		j, err = tx.Claim("", "w", time.Hour)
		return err
	})
	ended := func(attempts int) (yes bool) {
		b.must(t, func(tx *Tx) (err error) { yes, err = tx.Ended("1", attempts); return err })
		return yes
	}
	if ended(j.Attempts) {
		t.Fatal("ended before it is")
	}
	a.must(t, func(tx *Tx) error { return tx.EndJob(j) })
	if !ended(j.Attempts) || ended(j.Attempts+1) {
		t.Fatalf("attempt %d ended: %v, %d: %v", j.Attempts, ended(j.Attempts), j.Attempts+1, ended(j.Attempts+1))
	}
}

// Listen hears of jobs that another gateway queues and cancels.
func TestListen(t *testing.T) {
	a, b := two(t)
	ctx, stop := context.WithCancel(t.Context())
	listening, changed, stopped := make(chan struct{}), make(chan Wake, 10), make(chan string, 10)
	ended := make(chan error)
	go func() {
		ended <- b.Listen(ctx, func() { close(listening) }, func(w Wake) { changed <- w }, func(id string) { stopped <- id })
	}()
	<-listening
	var j *Job
	a.must(t, func(tx *Tx) (err error) {
		return tx.PutJob(&Job{ID: "1", Kind: "k", Queue: "data", Resource: "r", State: Queued, CreatedAt: tx.Now})
	})
	if w := <-changed; w != (Wake{Queue: "data"}) {
		t.Errorf("%+v", w)
	}
	a.must(t, func(tx *Tx) (err error) { j, err = tx.Claim("", "w", time.Hour); return err })
	a.must(t, func(tx *Tx) error { return tx.CancelJob(j) })
	if id := <-stopped; id != "1" {
		t.Errorf("stopped %q", id)
	}
	stop()
	if err := <-ended; err == nil {
		t.Error("it ends without a reason")
	}
}

// A client that stops in the middle of a transaction does not hold the others for ever.
func TestPausedWriterLosesItsTurn(t *testing.T) {
	a, b := two(t)
	for _, db := range []*DB{a, b} {
		db.sql.Writer.SetMaxOpenConns(1)
		if _, err := db.sql.Writer.ExecContext(t.Context(), "SET idle_in_transaction_session_timeout = '200ms'"); err != nil {
			t.Fatal(err)
		}
	}
	paused, resume, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- a.Write(context.Background(), func(tx *Tx) error {
			close(paused)
			<-resume
			return put("zombie", "x")(tx)
		})
	}()
	<-paused
	b.must(t, put("1", "x")) // as soon as the server has ended the other transaction
	close(resume)
	if err := <-done; err == nil || !database.Unavailable(err) {
		t.Errorf("the paused transaction ended with %v", err)
	}
	if b.backup(t, "zombie") != nil || b.backup(t, "1") == nil {
		t.Error("the paused transaction was committed")
	}
}

// Several gateways that start at once on an empty database migrate it once. One of the version
// before goes on working on the new schema, and starts again; one of a much older version does
// not.
func TestMigrationsSideBySide(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			db, err := Open(t.Context(), Options{Database: url, Now: time.Now})
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = db.Close() }()
			db.must(t, put("1", "x"))
		})
	}
	all.Wait()
	now := closing(t, url)
	next := database.Schema{Name: schema.Name, Migrations: append(append([]string(nil), migrations...), "ALTER TABLE backups ADD COLUMN of_the_next_version TEXT")}
	if err := now.sql.Migrate(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if _, err := now.sql.Writer.ExecContext(t.Context(), "UPDATE backups SET of_the_next_version = 'kept'"); err != nil {
		t.Fatal(err)
	}
	now.must(t, put("1", "y"))
	again := closing(t, url)
	if got := again.backup(t, "1"); got == nil || *got.Name != "y" {
		t.Errorf("%+v", got)
	}
	var kept string
	if err := now.reader.QueryRowContext(t.Context(), "SELECT of_the_next_version FROM backups").Scan(&kept); err != nil || kept != "kept" {
		t.Errorf("the next version's column is %q, %v", kept, err)
	}
	old := database.Schema{Name: schema.Name, Migrations: migrations[:len(migrations)-1]}
	if err := now.sql.Migrate(t.Context(), old); err == nil {
		t.Error("a program that is two versions behind is let in")
	}
}
