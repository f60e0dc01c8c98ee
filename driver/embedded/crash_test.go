package embedded

import (
	"encoding/base64"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/meta"
)

// A backup is given up because the service died during every attempt. None of the attempts
// leaves objects. (cmd/cindergate/crash_test.go tests kill -9 of the whole server.)
func TestGivenUpBackupLeavesNothing(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	other := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	published := r.keys()
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	j := r.jobsOf(b.ID)[0]
	row := r.row(b.ID)
	for j.Attempts < r.o.MaxAttempts { // each attempt has written an object before it died
		j.Attempts++
		r.store.Set(r.attempt(row, j.Attempts)+"-00001", []byte("x"))
	}
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error { return tx.PutJob(j) }))
	r.settle()
	got := r.wantBackup(b.ID, driver.BackupError)
	if got.FailReason != "The service died 3 times while it worked on this." {
		t.Errorf("fail_reason: %s", got.FailReason)
	}
	r.wantVolume(v.ID, core.Available)
	r.wantBackup(other.ID, driver.BackupAvailable)
	if len(r.keys()) != len(published) || strings.Contains(r.keys(), b.ID) {
		t.Errorf("the store has %s", r.keys())
	}
}

// Records that make backups each other's ancestors end in the status error, and the backups
// can be deleted.
func TestCircularRecords(t *testing.T) {
	r := newRig(t)
	const a, b = "aaaaaaaa-2222-4333-8444-555555555555", "bbbbbbbb-2222-4333-8444-555555555555"
	for _, x := range []struct{ id, parent string }{{a, a}, {a, b}, {b, a}} {
		if got, _ := r.GetBackup(t.Context(), admin, x.id); got.ID != "" {
			check(t, r.DeleteBackup(t.Context(), admin, x.id))
			r.settle()
		}
		record := `{"id": "` + x.id + `", "parent_id": "` + x.parent + `", "size": 1, "display_name": "n", "display_description": null,
			"container": "c", "service_metadata": "p", "object_count": 1}`
		_, err := r.ImportRecord(t.Context(), admin, driver.BackupRecord{Service: layout.Posix{}.Service(), URL: base64.StdEncoding.EncodeToString([]byte(record))})
		check(t, err)
		r.settle()
		r.wantBackup(x.id, driver.BackupError)
	}
	check(t, r.DeleteBackup(t.Context(), admin, a))
	r.settle()
	check(t, r.DeleteBackup(t.Context(), admin, b))
	r.settle()
	page, err := r.ListBackups(t.Context(), admin, driver.Query{Limit: -1, AllProjects: true})
	check(t, err)
	if len(page.Items) > 0 {
		t.Errorf("left: %+v", page.Items)
	}
}
