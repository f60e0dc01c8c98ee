package meta

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/database/pgtest"
)

// An installation moves from SQLite to PostgreSQL and back, with all rows of all tables.
func TestCopyAll(t *testing.T) {
	t.Parallel()
	first := closing(t, filepath.Join(t.TempDir(), "first"))
	first.must(t, func(tx *Tx) error {
		at := tx.Now
		fillAll(t, tx, at)
		return nil
	})
	shared, last := closing(t, pgtest.URL(t)), closing(t, filepath.Join(t.TempDir(), "last"))
	if _, err := CopyAll(t.Context(), first, shared, CopyOptions{Host: "one"}); err == nil || !strings.Contains(err.Error(), "--local-store") {
		t.Fatalf("the store in the data directory: %v", err)
	}
	there, err := CopyAll(t.Context(), first, shared, CopyOptions{Host: "one", LocalStore: "disk"})
	if err != nil {
		t.Fatal(err)
	}
	b := shared.backup(t, "local")
	if b == nil || b.Store != "disk" || b.Host != "one" {
		t.Errorf("%+v", b)
	}
	v, err := shared.Volume(t.Context(), "v")
	if err != nil || v == nil || v.Host != "one@embedded#embedded" {
		t.Errorf("%+v, %v", v, err)
	}
	shared.must(t, func(tx *Tx) error {
		j, err := tx.Job("j")
		if err == nil && (j.Host != "one" || j.State != Queued || j.Seq != 1) {
			t.Errorf("%+v", j)
		}
		s, err2 := tx.Service("cinder-volume@one")
		if err2 == nil && !s.Disabled {
			t.Errorf("%+v", s)
		}
		return err
	})
	if _, err := CopyAll(t.Context(), first, shared, CopyOptions{Host: "one", LocalStore: "disk"}); err == nil {
		t.Error("it is copied over another installation")
	}
	back, err := CopyAll(t.Context(), shared, last, CopyOptions{Host: "one", LocalStore: "disk"})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(there, back) {
		t.Errorf("%v went, %v came back", there, back)
	}
	for name, n := range there {
		if n == 0 {
			t.Errorf("the test has no row of %s", name)
		}
	}
	want := withStore(full(), "archive")
	want.Host = "one"
	if got := last.backup(t, "b"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := last.backup(t, "local"); got == nil || got.Store != "" {
		t.Errorf("%+v", got)
	}
}

// fillAll puts a row into every table.
func fillAll(t *testing.T, tx *Tx, at time.Time) {
	t.Helper()
	for _, err := range []error{
		tx.PutInstallation(&Installation{ID: "i", Ready: true}),
		tx.PutVolumeType(&VolumeType{driver.VolumeType{ID: "t", Name: "t", CreatedAt: at}}),
		tx.PutVolume(&Volume{Volume: driver.Volume{ID: "v", ProjectID: "p", Status: "available", Host: "old@embedded#embedded", CreatedAt: at}}),
		tx.PutSnapshot(&Snapshot{Snapshot: driver.Snapshot{ID: "s", ProjectID: "p", VolumeID: "v", CreatedAt: at}}),
		tx.PutBackup(withStore(full(), "archive")),
		tx.PutBackup(&Backup{Backup: driver.Backup{ID: "local", ProjectID: "p", Status: driver.BackupAvailable, CreatedAt: at}}),
		tx.SetLimit("p", "backups", 3),
		tx.PutMessage(&Message{driver.Message{ID: "m", ProjectID: "p", CreatedAt: at, GuaranteedUntil: at}}),
		qosSpecs.put(tx.ctx, tx.q, &QoSSpecs{driver.QoSSpecs{ID: "q", Name: "q", CreatedAt: at}}),
		groupTypes.put(tx.ctx, tx.q, &GroupType{driver.GroupType{ID: "gt", Name: "gt", CreatedAt: at}}),
		tx.PutGroup(&Group{driver.Group{ID: "g", ProjectID: "p", GroupTypeID: "gt", CreatedAt: at}}),
		tx.PutGroupSnapshot(&GroupSnapshot{driver.GroupSnapshot{ID: "gs", ProjectID: "p", GroupID: "g", GroupTypeID: "gt", CreatedAt: at}}),
		tx.PutTransfer(&Transfer{Transfer: driver.Transfer{ID: "tr", VolumeID: "v", SourceProjectID: "p", CreatedAt: at}, Salt: "s", KeyHash: "k"}),
		tx.PutService(&Service{Binary: "cinder-volume", Disabled: true}),
		tx.PutDefaultType(&DefaultType{ProjectID: "p", VolumeTypeID: "t"}),
		tx.PutStore(&Store{Name: "archive", Marker: "x"}),
		tx.PutScrub(&Scrub{ID: "sc", StartedAt: at}),
		tx.PutUpload(&Upload{BackupID: "local", ExpiresAt: at}),
		tx.PutUploadRange(&UploadRange{UploadID: "local", From: 0, To: 4096}),
		tx.PutTrust(&Trust{Account: "a/p", ID: "t", CreatedAt: at}),
		tx.PutCopy(&Copy{ID: "c", BackupID: "b", Backend: "west", State: CopyQueued, CreatedAt: at}),
		tx.PutProtection(&Protection{VolumeID: "v", Policy: "hourly", Since: at}),
		tx.PutPolicyRun(&PolicyRun{ID: RunID("v", at), VolumeID: "v", ProjectID: "p", Slot: at, State: RunWaiting, CreatedAt: at}),
		tx.PutJob(&Job{ID: "j", Kind: "k", Queue: "data", VolumeID: "v", Resource: "v", State: Running, LeaseUntil: at, CreatedAt: at}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func withStore(b *Backup, store string) *Backup {
	b.Store = store
	return b
}
