package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
)

// golden is the manifest of a store that a real cinder-backup 21.3.1 wrote.
type golden struct {
	Steps []struct {
		ID     string
		Export struct {
			Service string `json:"backup_service"`
			URL     string `json:"backup_url"`
		}
	}
	Full     string `json:"sha_full"`
	First    string `json:"sha_inc1"`
	Snapshot string `json:"sha_snap"`
}

// Records exported by a real Cinder are imported, parents first, and their backups are
// restored bit by bit.
func TestRealCindersRecords(t *testing.T) {
	r := newRig(t, func(o *Options) { o.unit = core.GiB })
	ctx := t.Context()
	manifest := r.store.Unpack(t, filepath.Join("..", "..", "internal", "chunked", "testdata", "chunked-posix-zstd.tar.zst"), "zstd")
	var g golden
	check(t, json.Unmarshal(manifest, &g))
	for i, want := range []string{g.Full, g.First, g.Snapshot} {
		step := g.Steps[i]
		_, err := r.ImportRecord(ctx, admin, driver.BackupRecord{Service: step.Export.Service, URL: step.Export.URL})
		check(t, err)
		r.settle()
		r.wantBackup(step.ID, driver.BackupAvailable)
		if raceEnabled {
			continue // takes half a minute, because it is one object of a GiB
		}
		restore, err := r.RestoreBackup(ctx, admin, step.ID, driver.RestoreTarget{})
		check(t, err)
		r.settle()
		if v := r.wantVolume(restore.VolumeID, core.Available); *v.Name != "gold-zstd" {
			t.Fatalf("restored as %q", *v.Name)
		}
		f, err := os.Open(r.file(restore.VolumeID))
		check(t, err)
		h := sha256.New()
		_, err = io.Copy(h, f)
		check(t, errors.Join(err, f.Close()))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Fatalf("%s: the restored volume is %s, want %s", step.ID, got, want)
		}
	}
	for i := len(g.Steps) - 1; i >= 0; i-- {
		check(t, r.DeleteBackup(ctx, admin, g.Steps[i].ID))
		r.settle()
	}
	if left := r.keys(); left != "" {
		t.Fatalf("left\n%s", left)
	}
}

// The default store is a directory. A deleted backup leaves nothing in it.
func TestDirectory(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Store = nil })
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	b = r.wantBackup(b.ID, driver.BackupAvailable)
	found, err := filepath.Glob(filepath.Join(r.dir, "backups", b.Container, "volume_"+v.ID+"_*_backup_"+b.ID+"_metadata"))
	check(t, err)
	if len(found) != 1 {
		t.Fatalf("metadata objects: %v", found)
	}
	r.reopen()
	restore, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToNewVolume("copy"))
	check(t, err)
	r.settle()
	if r.wantVolume(restore.VolumeID, core.Available); r.digest(restore.VolumeID) != r.digest(v.ID) {
		t.Fatal("restored bytes differ")
	}
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.settle()
	left, err := os.ReadDir(filepath.Join(r.dir, "backups"))
	check(t, err)
	for _, e := range left {
		if e.IsDir() {
			t.Fatalf("%s is left", e.Name())
		}
	}
}

// Names of Swift's objects contain slashes (cinder/backup/drivers/swift.py
// _generate_object_name_prefix). After the objects are downloaded to the backup store, the
// record exported by cinder-backup can be imported.
func TestRecordsOfSwift(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	b = r.wantBackup(b.ID, driver.BackupAvailable)
	exported, err := r.ExportRecord(t.Context(), admin, b.ID)
	check(t, err)
	swiftly := "volume_" + v.ID + "/20261121000000/az_nova_backup_" + b.ID
	old := ""
	record := edit(t, exported, func(f map[string]any) {
		old = f["service_metadata"].(string)
		f["service_metadata"], f["container"] = swiftly, "volumebackups"
	})
	record.Service = "cinder.backup.drivers.swift.SwiftBackupDriver"
	objects := r.store.Objects()
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.settle()
	for key, content := range objects {
		name := strings.ReplaceAll(strings.TrimPrefix(key, b.Container+"/"), old, swiftly)
		if strings.HasSuffix(name, "_metadata") {
			content = []byte(strings.ReplaceAll(string(content), old, swiftly))
		}
		r.store.Set("volumebackups/"+name, content)
	}
	_, err = r.ImportRecord(t.Context(), admin, record)
	check(t, err)
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	restore, err := r.RestoreBackup(t.Context(), admin, b.ID, driver.ToNewVolume("from swift"))
	check(t, err)
	r.settle()
	if r.wantVolume(restore.VolumeID, core.Available); r.digest(restore.VolumeID) != r.digest(v.ID) {
		t.Fatal("restored bytes differ")
	}
}
