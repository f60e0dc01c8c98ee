package meta

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
)

// oldAttachments and oldEncryption are texts as stored by earlier versions.
const (
	oldAttachments = `[{"ID":"a1","VolumeID":"v","ServerID":"s","HostName":"h","Device":"/dev/vdb","Mode":"rw","Status":"attached",` +
		`"Connector":{"host":"h","multipath":false},"AttachedAt":"2026-11-21T17:00:00.123456Z","DetachedAt":"0001-01-01T00:00:00Z"},` +
		`{"ID":"a2","VolumeID":"v","ServerID":"","HostName":"","Device":"","Mode":"null","Status":"reserved","Connector":null,` +
		`"AttachedAt":"0001-01-01T00:00:00Z","DetachedAt":"0001-01-01T00:00:00Z"}]`
	oldEncryption = `{"ID":"e","Provider":"luks","ControlLocation":"front-end","Cipher":"aes-xts-plain64","KeySize":256,` +
		`"CreatedAt":"2026-11-21T17:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}`
)

// Documents that earlier versions stored under Go field names are read. From then on they
// are stored under names of their own.
func TestOldDocuments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "meta.db")
	db := open(t, path)
	at := time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)
	volume := &Volume{Volume: driver.Volume{ID: "v", ProjectID: "p", Status: "in-use", Metadata: map[string]string{}, CreatedAt: at,
		Attachments: []driver.Attachment{
			{ID: "a1", VolumeID: "v", ServerID: "s", HostName: "h", Device: "/dev/vdb", Mode: "rw", Status: "attached",
				Connector: map[string]any{"host": "h", "multipath": false}, AttachedAt: at.Add(123456 * time.Microsecond)},
			{ID: "a2", VolumeID: "v", Mode: "null", Status: "reserved"},
		}}}
	cipher, bits := "aes-xts-plain64", 256
	volumeType := &VolumeType{VolumeType: driver.VolumeType{ID: "t", Name: "n", CreatedAt: at, Encryption: &driver.TypeEncryption{
		ID: "e", Provider: "luks", ControlLocation: "front-end", Cipher: &cipher, KeySize: &bits, CreatedAt: at}}}
	db.must(t, func(tx *Tx) error {
		if err := tx.PutVolumeType(volumeType); err != nil {
			return err
		}
		return tx.PutVolume(volume)
	})
	text := func(query string) (s string) {
		if err := db.sql.Writer.QueryRow(query).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	stored := text("SELECT attachments FROM volumes") + text("SELECT encryption FROM volume_types")
	for _, name := range []string{`"server_id":"s"`, `"attached_at":"2026-11-21T17:00:00.123456Z"`, `"control_location":"front-end"`, `"key_size":256`} {
		if !strings.Contains(stored, name) {
			t.Errorf("%s is not in %s", name, stored)
		}
	}
	for _, old := range []bool{false, true} {
		if old {
			if _, err := db.sql.Writer.Exec("UPDATE volumes SET attachments = $1", oldAttachments); err != nil {
				t.Fatal(err)
			}
			if _, err := db.sql.Writer.Exec("UPDATE volume_types SET encryption = $1", oldEncryption); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open(t, path)
		gotVolume, _ := db.Volume(t.Context(), "v")
		if !reflect.DeepEqual(gotVolume.Attachments, volume.Attachments) {
			t.Errorf("old %v: %+v", old, gotVolume.Attachments)
		}
		gotType, _ := db.VolumeType(t.Context(), "t")
		if !reflect.DeepEqual(gotType.Encryption, volumeType.Encryption) {
			t.Errorf("old %v: %+v", old, gotType.Encryption)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
