package embedded

import (
	"encoding/base64"
	"path/filepath"
	"testing"

	"cindergate/driver"
	"cindergate/internal/chunk/chunktest"
)

// FuzzImportRecord checks that no record causes a panic or an internal error. An accepted
// import ends in available or error, owned by the importer.
func FuzzImportRecord(f *testing.F) {
	d, err := Open(f.Context(), Options{
		unit: small, DataDir: filepath.Join(f.TempDir(), "data"), Store: chunktest.NewMemory(), Clock: newClock(), Host: "lab",
		Quotas: map[string]int{driver.QuotaBackups: -1, driver.QuotaBackupGigabytes: -1},
	})
	check(f, err)
	f.Cleanup(func() { check(f, d.Close()) })
	v, err := d.CreateVolume(f.Context(), admin, driver.VolumeSpec{Size: 1})
	check(f, err)
	b, err := d.CreateBackup(f.Context(), admin, driver.BackupSpec{VolumeID: v.ID})
	check(f, err)
	_, err = d.RunOne(f.Context())
	check(f, err)
	record, err := d.ExportRecord(f.Context(), admin, b.ID)
	check(f, err)
	exported, err := base64.StdEncoding.DecodeString(record.URL)
	check(f, err)

	f.Add(record.Service, string(exported), true)
	f.Add("", string(exported), true)
	f.Add(record.Service, record.URL, false)
	f.Add("cinder.backup.drivers.nonsense", `{"id": "11111111-2222-4333-8444-555555555555", "size": 1}`, true)
	for _, url := range []string{
		"", "null", "[]", "{}", `{"id": null}`, `{"id": 1, "size": "1"}`, `{"id": "x", "size": -1}`,
		`{"id": "../../x", "size": 1, "container": "../..", "service_metadata": "/etc/passwd", "display_name": null, "object_count": 0}`,
		`{"id": "22222222-2222-4333-8444-555555555555", "size": 1, "display_name": "n", "display_description": null, "container": "c",
		  "service_metadata": "p", "object_count": 1, "volume_id": "v", "parent_id": "22222222-2222-4333-8444-555555555555",
		  "data_timestamp": "2026-11-21T17:38:24Z", "metadata": {"k": "v"}}`,
	} {
		f.Add("cinder.backup.drivers.posix", url, true)
	}
	f.Fuzz(func(t *testing.T, service, url string, encode bool) {
		if encode {
			url = base64.StdEncoding.EncodeToString([]byte(url))
		}
		got, err := d.ImportRecord(t.Context(), admin, driver.BackupRecord{Service: service, URL: url})
		if err != nil {
			if driver.KindOf(err) == driver.Internal {
				t.Errorf("%q %s: %v", service, url, err)
			}
			return
		}
		for ran := true; ran; {
			ran, err = d.RunOne(t.Context())
			check(t, err)
		}
		end, err := d.GetBackup(t.Context(), admin, got.ID)
		check(t, err)
		if end.Status != driver.BackupAvailable && end.Status != driver.BackupError || end.ProjectID != admin.ProjectID ||
			end.Status == driver.BackupError && end.FailReason == "" {
			t.Errorf("%q %s: %+v", service, url, end)
		}
		// The next record may have the same id.
		check(t, d.ForceDeleteBackup(t.Context(), admin, got.ID))
		for ran := true; ran; {
			ran, err = d.RunOne(t.Context())
			check(t, err)
		}
		if _, err := d.GetBackup(t.Context(), admin, got.ID); driver.KindOf(err) != driver.NotFound {
			t.Errorf("%q %s: not deleted: %v", service, url, err)
		}
	})
}
