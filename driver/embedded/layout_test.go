package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/layout"
)

// objectLayout names objects as Cinder's swift and s3 drivers do
// (cinder/backup/drivers/swift.py _generate_object_name_prefix, backup_swift_container).
type objectLayout struct{}

func (objectLayout) Service() string                 { return "cinder.backup.drivers.swift.SwiftBackupDriver" }
func (objectLayout) Container(layout.Backup) string  { return "volumebackups" }
func (objectLayout) Attempts(b layout.Backup) string { return "volume_" + b.VolumeID + "/" }
func (objectLayout) CheckPrefix(string) error        { return nil }
func (objectLayout) Split(key string) (string, string) {
	container, name, _ := strings.Cut(key, "/")
	return container, name
}

func (objectLayout) CheckContainer(name string) error {
	if strings.Contains(name, "/") {
		return errors.New("it must not have a slash")
	}
	return nil
}

func (l objectLayout) Prefix(b layout.Backup, attempt int) string {
	stamp := b.CreatedAt.Format("200601021504") + string(rune('0'+attempt/10)) + string(rune('0'+attempt%10))
	return l.Attempts(b) + stamp + "/az_" + b.AvailabilityZone + "_backup_" + b.ID
}

func (l objectLayout) Attempt(b layout.Backup, object string) (string, bool) {
	prefix := regexp.MustCompile("^" + regexp.QuoteMeta(l.Attempts(b)) + "[0-9]{14}/az_.*_backup_" + b.ID).FindString(object)
	return prefix, prefix != ""
}

// The layout names everything that is written to the store. A record says which of Cinder's
// drivers can read it. Backups are created, found, imported and deleted by these names.
func TestStoresHaveLayouts(t *testing.T) {
	r := newRig(t)
	r.store.Names = objectLayout{}
	ctx := t.Context()
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	_, err := r.CreateBackup(ctx, alpha, driver.BackupSpec{VolumeID: v.ID, Container: "a/b"})
	refused(t, err, driver.InvalidInput, "Invalid container: it must not have a slash.")
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	// The objects of an attempt whose worker died.
	dead := "volumebackups/" + objectLayout{}.Prefix(r.names(r.row(b.ID)), 7)
	r.store.Set(dead+"-00001", []byte("half of it"))
	r.settle()
	row := r.row(b.ID)
	prefix := objectLayout{}.Prefix(r.names(row), 1)
	if row.Container != "volumebackups" || row.ServiceMetadata != prefix || row.Service != (objectLayout{}).Service() {
		t.Fatalf("%s in %s by %s", row.ServiceMetadata, row.Container, row.Service)
	}
	for key := range r.store.Objects() {
		if !strings.HasPrefix(key, "volumebackups/"+prefix) {
			t.Fatalf("%s is in the store", key)
		}
	}
	record, err := r.ExportRecord(ctx, admin, b.ID)
	check(t, err)
	if record.Service != (objectLayout{}).Service() {
		t.Fatalf("the record names %s", record.Service)
	}
	objects := r.store.Objects()
	check(t, r.DeleteBackup(ctx, alpha, b.ID))
	r.settle()
	if left := r.keys(); left != "" {
		t.Fatalf("left\n%s", left)
	}
	for key, data := range objects {
		r.store.Set(key, data)
	}
	record.Service = layout.Posix{}.Service() // copied here from a directory
	_, err = r.ImportRecord(ctx, admin, record)
	check(t, err)
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	if again, err := r.ExportRecord(ctx, admin, b.ID); err != nil || again.Service != (objectLayout{}).Service() {
		t.Fatalf("the record of the import names %s, %v", again.Service, err)
	}
	restore, err := r.RestoreBackup(ctx, admin, b.ID, driver.RestoreTarget{})
	check(t, err)
	r.settle()
	if r.wantVolume(restore.VolumeID, core.Available); r.digest(restore.VolumeID) != r.digest(v.ID) {
		t.Fatal("restored bytes differ")
	}
	check(t, r.Close())
	check(t, os.Remove(filepath.Join(r.dir, databaseFile)))
	r.opts.Adopt = &Adoption{ProjectID: "beta"}
	r.open()
	r.wantBackup(b.ID, driver.BackupAvailable)
}

// At the start, the driver removes digests that a crash left of a large volume. It keeps
// files with similar names.
func TestStartRemovesSpills(t *testing.T) {
	r := newRig(t)
	left, other := filepath.Join(r.dir, "cindergate-digests-17.spill"), filepath.Join(r.dir, "my.spill")
	for _, path := range []string{left, other} {
		check(t, os.WriteFile(path, []byte("x"), 0o600))
	}
	r.reopen()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Fatalf("%s: %v", left, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Fatal(err)
	}
}
