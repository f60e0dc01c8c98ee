package embedded

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
)

// moved is a chain of a full and an incremental backup whose rows are gone. Their records
// are left, and their objects if they were copied before.
type moved struct {
	*rig
	volume     driver.Volume
	digest     string
	full, inc  driver.Backup
	fullRecord driver.BackupRecord
	incRecord  driver.BackupRecord
	objects    map[string][]byte
}

func newMoved(t *testing.T, change ...func(*Options)) *moved {
	m := &moved{rig: newRig(t, change...)}
	m.volume = m.rig.volume(alpha, 1)
	m.fill(m.volume.ID, 1)
	m.full = m.backup(alpha, driver.BackupSpec{VolumeID: m.volume.ID})
	m.settle()
	m.fill(m.volume.ID, 2)
	m.inc = m.backup(alpha, driver.BackupSpec{VolumeID: m.volume.ID, Incremental: true})
	m.settle()
	m.digest = m.rig.digest(m.volume.ID)
	var err error
	m.fullRecord, err = m.ExportRecord(t.Context(), admin, m.full.ID)
	check(t, err)
	m.incRecord, err = m.ExportRecord(t.Context(), admin, m.inc.ID)
	check(t, err)
	m.objects = maps.Clone(m.store.Objects())
	for _, id := range []string{m.inc.ID, m.full.ID} {
		check(t, m.DeleteBackup(t.Context(), alpha, id))
		m.settle()
	}
	return m
}

// copyObjects copies back the objects whose key contains the text.
func (m *moved) copyObjects(text string) {
	for key, data := range m.objects {
		if strings.Contains(key, text) {
			m.store.Set(key, data)
		}
	}
}

// importing imports a record and runs its jobs.
func (m *moved) importing(record driver.BackupRecord) driver.Backup {
	m.t.Helper()
	b, err := m.ImportRecord(m.t.Context(), admin, record)
	check(m.t, err)
	m.settle()
	return m.getBackup(b.ID)
}

func (m *moved) wantRestored(backupID string) {
	m.t.Helper()
	restore, err := m.RestoreBackup(m.t.Context(), admin, backupID, driver.RestoreTarget{})
	check(m.t, err)
	m.settle()
	if m.wantVolume(restore.VolumeID, core.Available); m.rig.digest(restore.VolumeID) != m.digest {
		m.t.Fatal("restored bytes differ")
	}
}

// A child that is imported before its parent becomes available with its parent.
func TestImportChildFirst(t *testing.T) {
	m := newMoved(t)
	m.copyObjects("")
	child := m.importing(m.incRecord)
	if child.Status != driver.BackupError || !strings.Contains(child.FailReason, "depends on backup "+m.full.ID) {
		t.Fatalf("%s %q", child.Status, child.FailReason)
	}
	m.importing(m.fullRecord)
	m.wantBackup(m.full.ID, driver.BackupAvailable)
	if got := m.wantBackup(m.inc.ID, driver.BackupAvailable); got.FailReason != "" || got.ParentID != m.full.ID {
		t.Fatalf("%+v", got)
	}
	m.wantDataBytes(m.full.ID)
	m.wantDataBytes(m.inc.ID)
	m.wantRestored(m.inc.ID)
}

// A record that is imported before its objects exist can be imported again. A backup that
// never owned objects does not delete them.
func TestImportBeforeItsObjects(t *testing.T) {
	m := newMoved(t)
	if b := m.importing(m.fullRecord); b.Status != driver.BackupError || !strings.Contains(b.FailReason, "not in the backup store") {
		t.Fatalf("%s %q", b.Status, b.FailReason)
	}
	m.copyObjects("")
	check(t, m.DeleteBackup(t.Context(), admin, m.full.ID))
	m.settle()
	if got := len(m.store.Objects()); got != len(m.objects) {
		t.Fatalf("%d objects of %d are left", got, len(m.objects))
	}
	for range 2 { // half of the objects, then all
		for key := range m.objects {
			if strings.Contains(key, m.full.ID+"-00001") {
				m.store.Set(key, nil)
			}
		}
		if b := m.importing(m.fullRecord); b.Status != driver.BackupError || !strings.Contains(b.FailReason, "-00001 is missing") {
			t.Fatalf("%s %q", b.Status, b.FailReason)
		}
	}
	m.copyObjects("")
	m.importing(m.fullRecord)
	m.wantBackup(m.full.ID, driver.BackupAvailable)
	m.importing(m.incRecord)
	m.wantRestored(m.inc.ID)
	_, err := m.ImportRecord(t.Context(), admin, m.fullRecord)
	refused(t, err, driver.InvalidState, "Invalid backup: Backup already exists in database.")
}

// A repeated import does not count twice, even when the quota is used up.
func TestImportAgainAtTheQuota(t *testing.T) {
	m := newMoved(t)
	_, err := m.SetQuotas(t.Context(), admin, admin.ProjectID, map[string]int{driver.QuotaBackups: 1, driver.QuotaBackupGigabytes: 1})
	check(t, err)
	for range 3 {
		m.importing(m.fullRecord)
	}
	m.copyObjects("")
	m.importing(m.fullRecord)
	m.wantBackup(m.full.ID, driver.BackupAvailable)
	_, err = m.ImportRecord(t.Context(), admin, m.incRecord)
	if driver.KindOf(err) != driver.OverLimit {
		t.Fatal(err)
	}
}

// Another project cannot repeat a failed import.
func TestImportAgainByAnother(t *testing.T) {
	m := newMoved(t)
	m.importing(m.fullRecord)
	_, err := m.ImportRecord(t.Context(), driver.Caller{ProjectID: "other", Role: driver.Admin}, m.fullRecord)
	refused(t, err, driver.InvalidState, "Invalid backup: Backup already exists in database.")
}

// If the parent is deleted during the import of its child, the child does not become
// available: the import checks the parent again at its end.
func TestImportRacesDelete(t *testing.T) {
	m := newMoved(t)
	m.copyObjects("")
	m.importing(m.fullRecord)
	_, err := m.ImportRecord(t.Context(), admin, m.incRecord)
	check(t, err)
	m.store.Inject(chunktest.Fault{Op: chunktest.List, Key: m.inc.ID, Do: func() {
		check(t, m.DeleteBackup(t.Context(), admin, m.full.ID))
	}})
	m.settle()
	if b, err := m.GetBackup(t.Context(), admin, m.full.ID); err == nil {
		t.Fatalf("the parent is %s", b.Status)
	}
	if b := m.wantBackup(m.inc.ID, driver.BackupError); !strings.Contains(b.FailReason, m.full.ID) {
		t.Fatal(b.FailReason)
	}
}

// An import of objects that are being deleted waits for the delete, and then fails.
func TestImportWaitsForDelete(t *testing.T) {
	m := newMoved(t)
	m.copyObjects("")
	m.importing(m.fullRecord)
	check(t, m.DeleteBackup(t.Context(), admin, m.full.ID))
	hit, goOn := make(chan struct{}), make(chan struct{})
	m.store.Inject(chunktest.Fault{Op: chunktest.Delete, Key: m.full.ID, Hit: hit, Block: goOn})
	deleted := make(chan error)
	go func() { _, err := m.RunOne(t.Context()); deleted <- err }()
	<-hit
	twin, err := m.ImportRecord(t.Context(), admin, edit(t, m.fullRecord, func(f map[string]any) { f["id"] = twinID }))
	check(t, err)
	ran, err := m.RunOne(t.Context())
	if ran || err != nil {
		t.Fatal("the import did not wait", err)
	}
	close(goOn)
	check(t, <-deleted)
	m.settle()
	m.wantBackup(twin.ID, driver.BackupError)
}

// An import makes the checks of a restore. A backup that fails them is not available.
func TestImportChecksTheObjects(t *testing.T) {
	damage := map[string]struct {
		object string
		change func([]byte) []byte
		reason string
	}{
		"no digests":     {"_sha256file", func([]byte) []byte { return nil }, "without digests"},
		"cut digests":    {"_sha256file", func(b []byte) []byte { return b[:len(b)/2] }, "_sha256file is damaged"},
		"too few blocks": {"_sha256file", func(b []byte) []byte { return []byte(strings.Replace(string(b), `    "`, `    "00`, 1)) }, "_sha256file is damaged"},
		"block size":     {"_sha256file", replace(`"chunk_size": 32768`, `"chunk_size": 1`), "unsupported block size of 1 bytes"},
		"large block":    {"_sha256file", replace(`"chunk_size": 32768`, `"chunk_size": 99999999999`), "unsupported block size"},
		"no metadata":    {"_metadata", func([]byte) []byte { return nil }, "_metadata is missing"},
		"cut metadata":   {"_metadata", func(b []byte) []byte { return b[:len(b)/2] }, "_metadata is damaged"},
		"gap":            {"_metadata", replace(`"offset": 0`, `"offset": 32768`), ""},
		"beyond":         {"_metadata", replace(`"length": `, `"length": 99999`), ""},
		"negative":       {"_metadata", replace(`"offset": 0`, `"offset": -1`), ""},
		"version":        {"_metadata", replace(`"version": "1.0.0"`, `"version": "2.0.0"`), "No support to restore backup version"},
		"no object":      {"-00001", func([]byte) []byte { return nil }, "is missing"},
		"encrypted":      {"_metadata", replace(`\"encryption_key_id\":null`, `\"encryption_key_id\":\"k\"`), "encrypted volume"},
	}
	for name, d := range damage {
		t.Run(name, func(t *testing.T) {
			m := newMoved(t)
			m.copyObjects("")
			for key, data := range m.objects {
				if strings.HasSuffix(key, m.full.ID+d.object) {
					changed := d.change(data)
					if string(changed) == string(data) {
						t.Fatal("nothing was changed")
					}
					m.store.Set(key, changed)
				}
			}
			b := m.importing(m.fullRecord)
			if b.Status != driver.BackupError || b.FailReason == "" || !strings.Contains(b.FailReason, d.reason) {
				t.Fatalf("%s %q", b.Status, b.FailReason)
			}
			if err := m.ResetBackupStatus(t.Context(), admin, b.ID, driver.BackupAvailable); err == nil {
				t.Fatal("reset to available")
			}
			child := m.importing(m.incRecord)
			if child.Status != driver.BackupError {
				t.Fatalf("a child of it is %s", child.Status)
			}
		})
	}
}

func replace(from, to string) func([]byte) []byte {
	return func(b []byte) []byte { return []byte(strings.Replace(string(b), from, to, 1)) }
}

// Each field has a rule. The reason names both.
func TestImportChecksTheRecord(t *testing.T) {
	for field, values := range map[string][]any{
		"object_count":        {-1, 1 << 33, "x", nil, 1.5},
		"volume_id":           {"../../etc", 7},
		"parent_id":           {"nobody", 7},
		"snapshot_id":         {"x"},
		"restore_volume_id":   {"x"},
		"container":           {nil, "", "/abs", "../up", strings.Repeat("x", 256), "a\x00b"},
		"service_metadata":    {nil, "", "../x", "/x", strings.Repeat("x", 256)},
		"display_name":        {strings.Repeat("x", 256), 7},
		"display_description": {strings.Repeat("x", 256)},
		"metadata":            {"x", map[string]any{strings.Repeat("k", 256): "v"}, map[string]any{"k": strings.Repeat("v", 256)}, map[string]any{"": "v"}},
		"created_at":          {"yesterday", "2026-02-30", 7},
		"data_timestamp":      {"2026-13-01T00:00:00Z"},
		"encryption_key_id":   {"11111111-2222-4333-8444-555555555555"},
	} {
		for _, value := range values {
			t.Run(fmt.Sprintf("%s %.20v", field, value), func(t *testing.T) {
				m := newMoved(t)
				m.copyObjects("")
				b := m.importing(edit(t, m.fullRecord, func(f map[string]any) { f[field] = value }))
				if b.Status != driver.BackupError || b.FailReason == "" {
					t.Fatalf("%s %q", b.Status, b.FailReason)
				}
				check(t, m.DeleteBackup(t.Context(), admin, b.ID))
				m.settle()
				if got := len(m.store.Objects()); got != len(m.objects) {
					t.Fatalf("%d objects of %d are left", got, len(m.objects))
				}
			})
		}
	}
	m := newMoved(t)
	for _, field := range []string{"size", "id"} { // can be stored but not restored
		b := m.importing(edit(t, m.fullRecord, func(f map[string]any) { f[field] = map[string]any{"size": 0, "id": "odd-1"}[field] }))
		if b.Status != driver.BackupError || !strings.Contains(b.FailReason, "field "+field) {
			t.Fatalf("%s: %s %q", field, b.Status, b.FailReason)
		}
		check(t, m.DeleteBackup(t.Context(), admin, b.ID))
		m.settle()
	}
	for _, size := range []any{nil, -1, 1 << 31, int64(1) << 62, "x", 1.5, true, []int{1}} {
		_, err := m.ImportRecord(t.Context(), admin, edit(t, m.fullRecord, func(f map[string]any) { f["size"] = size }))
		if driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "size") {
			t.Errorf("size %v: %v", size, err)
		}
	}
	for _, id := range []any{nil, "", "a/b", "../../etc", ".", "..", "\x00", "{11111111-2222-4333-8444-555555555555}", strings.Repeat("x", 37), "é", "a b", 7} {
		_, err := m.ImportRecord(t.Context(), admin, edit(t, m.fullRecord, func(f map[string]any) { f["id"] = id }))
		if driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "id") {
			t.Errorf("id %v: %v", id, err)
		}
	}
	m.copyObjects("")
	if b := m.importing(edit(t, m.fullRecord, func(f map[string]any) { f["size"] = "1"; f["object_count"] = "1" })); b.Status != driver.BackupAvailable {
		t.Fatalf("numbers as texts: %s %q", b.Status, b.FailReason)
	}
}
