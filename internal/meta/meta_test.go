package meta

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/database/pgtest"
)

func open(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), Options{Database: path, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestMain(m *testing.M) { pgtest.Main(m) }

// onBoth runs a test on a database of SQLite and on one of PostgreSQL. where names an empty one.
func onBoth(t *testing.T, test func(t *testing.T, where string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, filepath.Join(t.TempDir(), "a 'strange' name?.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, pgtest.URL(t))
	})
}

// closing opens a database that is closed with the test.
func closing(t *testing.T, where string) *DB {
	t.Helper()
	db := open(t, where)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (db *DB) backup(t *testing.T, id string) *Backup {
	t.Helper()
	b, err := db.Backup(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (db *DB) must(t *testing.T, change func(*Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// full returns a backup with a value in every field that has a column.
func full() *Backup {
	name, empty := "name", ""
	at := time.Date(2026, 11, 21, 17, 0, 0, 123456000, time.UTC)
	return &Backup{Backup: driver.Backup{ID: "b", ProjectID: "p", UserID: "u", VolumeID: "v", SnapshotID: "s", ParentID: "parent",
		Name: &name, Description: &empty, Status: driver.BackupAvailable, FailReason: "why", Size: 2, ObjectCount: 3,
		Container: "c", AvailabilityZone: "nova", IsIncremental: true, EncryptionKeyID: "k", Metadata: map[string]string{"a": "ü"},
		CreatedAt: at, UpdatedAt: at.Add(time.Second), DataTimestamp: at.Add(time.Minute)},
		Service: "svc", ServiceMetadata: "prefix", DataBackupID: "d", Host: "h", RestoreVolumeID: "r",
		Imported: true, Pending: &PendingImport{Service: "svc", Record: json.RawMessage(`{"id":"b"}`)}}
}

func TestRowsSurvive(t *testing.T) { onBoth(t, testRowsSurvive) }

func testRowsSurvive(t *testing.T, path string) {
	db := open(t, path)
	db.must(t, func(tx *Tx) error { return tx.PutBackup(full()) })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	defer func() { _ = db.Close() }()
	got := db.backup(t, "B") // ids ignore case
	if got == nil || !reflect.DeepEqual(got, full()) {
		t.Fatalf("got  %+v\nwant %+v", got, full())
	}
	db.must(t, func(tx *Tx) error {
		row, err := tx.Backup("b")
		if err != nil || !reflect.DeepEqual(row, full()) {
			t.Errorf("%+v %v", row, err)
		}
		return err
	})
}

func TestRollbackShowsNothing(t *testing.T) { onBoth(t, testRollbackShowsNothing) }

func testRollbackShowsNothing(t *testing.T, where string) {
	db := closing(t, where)
	boom := errors.New("boom")
	err := db.Write(t.Context(), func(tx *Tx) error {
		if err := tx.PutBackup(full()); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if db.backup(t, "b") != nil || db.backups.ofProject("p").Len() > 0 {
		t.Fatal("what was rolled back shows")
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = db.Write(ctx, func(tx *Tx) error {
		defer cancel()
		return tx.PutBackup(full())
	})
	if shown := db.backup(t, "b") != nil; shown != (err == nil) {
		t.Fatalf("shown: %v, but %v", shown, err)
	}
	db.must(t, func(tx *Tx) error {
		row, readErr := tx.Backup("b")
		if (row != nil) != (err == nil) {
			t.Errorf("stored: %v, but %v", row, err)
		}
		return readErr
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "meta.db")
	db := open(t, path)
	if _, err := db.sql.Writer.Exec("INSERT INTO schema_version (version) VALUES (99); INSERT INTO schema_version_oldest (version) VALUES (98)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Database: path, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "newer than this program") {
		t.Fatal(err)
	}
}

func TestDependents(t *testing.T) { onBoth(t, testDependents) }

func testDependents(t *testing.T, where string) {
	db := closing(t, where)
	child := func(id, project, parent string, deleted time.Time) func(*Tx) error {
		return func(tx *Tx) error {
			return tx.PutBackup(&Backup{Backup: driver.Backup{ID: id, ProjectID: project, ParentID: parent, Status: driver.BackupAvailable, CreatedAt: tx.Now}, DeletedAt: deleted})
		}
	}
	has := func(id string) bool {
		b := db.backup(t, id)
		if b == nil {
			t.Fatalf("no %s", id)
		}
		rows, err := db.Backups(t.Context(), b.ProjectID)
		if err != nil {
			t.Fatal(err)
		}
		for listed := range rows.All() {
			if listed.ID == id && listed.HasDependents != b.HasDependents {
				t.Fatalf("the list disagrees about %s", id)
			}
		}
		return b.HasDependents
	}
	db.must(t, child("child", "other", "parent", time.Time{})) // imported before its parent
	db.must(t, child("parent", "p", "", time.Time{}))
	if !has("parent") || has("child") {
		t.Fatal("the child does not count")
	}
	db.must(t, child("child", "other", "parent", time.Now()))
	if has("parent") {
		t.Fatal("a deleted child counts")
	}
	db.must(t, child("child", "other", "parent", time.Time{}))
	db.must(t, child("child", "other", "", time.Time{}))
	if has("parent") {
		t.Fatal("a child that has left counts")
	}
}

func TestClaim(t *testing.T) { onBoth(t, testClaim) }

func testClaim(t *testing.T, where string) {
	db := closing(t, where)
	job := func(id, queue, resource, host string) func(*Tx) error {
		return func(tx *Tx) error {
			return tx.PutJob(&Job{ID: id, Kind: "k", Queue: queue, Resource: resource, Host: host, State: Queued, CreatedAt: tx.Now})
		}
	}
	db.must(t, job("1", "data", "v1", ""))
	db.must(t, job("2", "quick", "v1", ""))
	db.must(t, job("3", "data", "v2", ""))
	db.must(t, job("4", "data", "v3", "elsewhere"))
	claim := func(queue string, lease time.Duration) (id string) {
		t.Helper()
		db.must(t, func(tx *Tx) error {
			j, err := tx.Claim(queue, "", lease)
			if j != nil {
				id = j.ID
			}
			return err
		})
		return id
	}
	for _, want := range []struct {
		queue, id string
		lease     time.Duration
	}{
		{"quick", "", time.Hour},  // its resource has an older job
		{"data", "1", -time.Hour}, // the lease expires at once
		{"data", "1", time.Hour},  // so it is claimed again
		{"data", "3", time.Hour},  // the oldest job that can run
		{"data", "", time.Hour},   // none
	} {
		if got := claim(want.queue, want.lease); got != want.id {
			t.Fatalf("claimed %q of %s, want %q", got, want.queue, want.id)
		}
	}
	db.must(t, func(tx *Tx) error {
		if j, err := tx.Held("1", 1); j != nil || err != nil {
			t.Errorf("the first worker holds %+v, %v", j, err)
		}
		if held, err := tx.Renew("1", 1, time.Hour, Progress{}); held || err != nil {
			t.Errorf("the first worker renewed: %v %v", held, err)
		}
		if held, err := tx.Renew("1", 2, time.Hour, Progress{Seen: tx.Now, Done: 3, Total: 4}); !held || err != nil {
			t.Errorf("the second worker did not renew: %v %v", held, err)
		}
		if j, err := tx.Job("1"); err != nil || j.Done != 3 || j.Total != 4 || !j.Seen.Equal(tx.Now) || j.Started.IsZero() {
			t.Errorf("the progress that was stored: %+v, %v", j.Progress, err)
		}
		return tx.RemoveJob(&Job{ID: "1"})
	})
	if got := claim("", time.Hour); got != "2" {
		t.Fatalf("claimed %q, want 2", got)
	}
	db.must(t, func(tx *Tx) error {
		j, err := tx.Claim("", "elsewhere", time.Hour)
		if err == nil && (j == nil || j.ID != "4" || j.Worker != "elsewhere") {
			t.Errorf("the other host claims %+v", j)
		}
		return err
	})
}

// Readers see rows either before or after a change, and lists that agree with them.
func TestCacheRace(t *testing.T) { onBoth(t, testCacheRace) }

func testCacheRace(t *testing.T, where string) {
	db := closing(t, where)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				own, err := db.Backups(t.Context(), "p")
				every, err2 := db.AllBackups(t.Context())
				if err := errors.Join(err, err2); err != nil {
					t.Error(err)
					return
				}
				for _, rows := range []Rows[Backup, driver.Backup]{own, every} {
					for b := range rows.All() {
						if *b.Name != b.FailReason {
							t.Errorf("half of a change: %s %s", *b.Name, b.FailReason)
							return
						}
					}
				}
			}
		})
	}
	for i := range 100 {
		name := strings.Repeat("x", i)
		db.must(t, func(tx *Tx) error {
			return tx.PutBackup(&Backup{Backup: driver.Backup{ID: "b", ProjectID: "p", Status: driver.BackupError, Name: &name, FailReason: name, CreatedAt: tx.Now}})
		})
		rows, err := db.Backups(t.Context(), "p")
		if err != nil {
			t.Fatal(err)
		}
		list := slices.Collect(rows.All())
		if len(list) != 1 || *list[0].Name != name {
			t.Fatalf("stale list %+v", list)
		}
	}
	close(stop)
	all.Wait()
}

// A read does not wait for a write. It sees only committed changes, and changes nothing.
func TestRead(t *testing.T) { onBoth(t, testRead) }

func testRead(t *testing.T, where string) {
	db := closing(t, where)
	db.must(t, func(tx *Tx) error { return tx.SetLimit("p", "backups", 1) })
	limit := func() (n int) {
		if err := db.Read(t.Context(), func(tx *Tx) error {
			limits, err := tx.Limits("p")
			n = limits["backups"]
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	db.must(t, func(tx *Tx) error {
		if err := tx.SetLimit("p", "backups", 2); err != nil {
			return err
		}
		if n := limit(); n != 1 {
			t.Errorf("%d is read before it is committed", n)
		}
		return nil
	})
	if n := limit(); n != 2 {
		t.Errorf("%d is read after 2 was committed", n)
	}
	if err := db.Read(t.Context(), func(tx *Tx) error { return tx.SetLimit("p", "backups", 3) }); err == nil || limit() != 2 {
		t.Errorf("a read has written: %v", err)
	}
}

// A request whose client has left stops waiting for other transactions.
func TestWriteWaitsNoLongerThanItsCaller(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "db"))
	began, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- db.Write(context.Background(), func(*Tx) error { close(began); <-release; return nil })
	}()
	<-began
	ctx, leave := context.WithCancel(t.Context())
	leave()
	err := db.Write(ctx, func(*Tx) error { t.Error("it runs"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := db.Write(t.Context(), func(*Tx) error { return nil }); err != nil {
		t.Error(err)
	}
}
