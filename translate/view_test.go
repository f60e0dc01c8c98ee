package translate

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
)

// The members of cinder/api-ref/source/v3/samples/backups/*.json.
const (
	backupMembers = "id status size object_count availability_zone container created_at updated_at name description " +
		"fail_reason volume_id links is_incremental has_dependent_backups snapshot_id data_timestamp"
	summaryMembers = "id links name"
)

var someBackup = driver.Backup{
	ID: someID, ProjectID: "p", UserID: "u", VolumeID: "v", Status: driver.BackupAvailable, EncryptionKeyID: "key",
	CreatedAt: time.Date(2026, 11, 21, 17, 13, 7, 123456789, time.FixedZone("CET", 3600)), DataTimestamp: time.Unix(0, 0),
}

func decoded(t *testing.T, body any) map[string]any {
	t.Helper()
	var text []byte
	if a, ok := body.(Appender); ok {
		text = a.AppendJSON(nil)
	} else {
		text = must[[]byte](t)(json.Marshal(body))
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return got
}

func wantMembers(t *testing.T, what string, got map[string]any, want string) {
	t.Helper()
	names := strings.Fields(want)
	slices.Sort(names)
	if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, names) {
		t.Errorf("%s:\n got %v\nwant %v", what, have, names)
	}
}

func TestBackupMembersByMicroversion(t *testing.T) {
	for _, c := range []struct {
		version         Version
		everyone, admin string
	}{
		{V2, "", ""},
		{V3, "", ""},
		{Version{3, 17}, "", ""},
		{Version{3, 18}, "", " os-backup-project-attr:project_id"},
		{Version{3, 42}, "", " os-backup-project-attr:project_id"},
		{Version{3, 43}, " metadata", " os-backup-project-attr:project_id"},
		{Version{3, 55}, " metadata", " os-backup-project-attr:project_id"},
		{Version{3, 56}, " metadata", " os-backup-project-attr:project_id user_id"},
		{Version{3, 63}, " metadata", " os-backup-project-attr:project_id user_id"},
		{Version{3, 64}, " metadata encryption_key_id", " os-backup-project-attr:project_id user_id"},
		{newest, " metadata encryption_key_id", " os-backup-project-attr:project_id user_id"},
	} {
		for _, caller := range []driver.Caller{reader, writer, root} {
			want := backupMembers + c.everyone
			if caller.IsAdmin() {
				want += c.admin
			}
			r := Request{Caller: caller, Version: c.version}
			one := decoded(t, backupBody{r, &someBackup})
			wantMembers(t, "show at "+c.version.String(), one["backup"].(map[string]any), want)
			all := decoded(t, backupsBody{r: r, items: []driver.Backup{someBackup}})
			wantMembers(t, "detail at "+c.version.String(), all["backups"].([]any)[0].(map[string]any), want)
			wantMembers(t, "list at "+c.version.String(), decoded(t, r.backupSummary(&someBackup)), summaryMembers)
		}
	}
	keyless := someBackup
	keyless.EncryptionKeyID = ""
	wantMembers(t, "without a key", decoded(t, backupBody{Request{Version: newest}, &keyless})["backup"].(map[string]any),
		backupMembers+" metadata")
}

func TestListMembers(t *testing.T) {
	n := 3
	wantMembers(t, "a list", decoded(t, backupsBody{}), "backups")
	wantMembers(t, "a page", decoded(t, backupsBody{next: []link{{"next", "x"}}}), "backups backups_links")
	wantMembers(t, "a counted list", decoded(t, backupsBody{count: &n}), "backups count")
	wantMembers(t, "a restore", decoded(t, restoreView(driver.Restore{})), "backup_id volume_id volume_name")
}

// The fast writer writes the same bytes as encoding/json.
func TestAppendedValues(t *testing.T) {
	odd := "quote\" back\\slash \n \x00 é € \u2028 <&> \xff"
	b := someBackup
	b.Name, b.Description, b.Container, b.FailReason = &odd, nil, odd, ""
	b.Metadata = map[string]string{odd: odd, "a": ""}
	got := decoded(t, backupBody{Request{Version: newest, Base: "http://gw", Caller: writer, ProjectInURL: true}, &b})["backup"].(map[string]any)
	valid := strings.ToValidUTF8(odd, "\ufffd")
	for member, want := range map[string]any{
		"name": valid, "container": valid, "description": nil, "fail_reason": nil, "size": 0.0, "is_incremental": false,
		"created_at": "2026-11-21T16:13:07.123456", "updated_at": nil, "data_timestamp": "1970-01-01T00:00:00.000000",
	} {
		if got[member] != want {
			t.Errorf("%s: got %v, want %v", member, got[member], want)
		}
	}
	if m := got["metadata"].(map[string]any); m[valid] != valid || m["a"] != "" || len(m) != 2 {
		t.Errorf("metadata: %v", m)
	}
	links := got["links"].([]any)
	self, bookmark := links[0].(map[string]any), links[1].(map[string]any)
	if self["href"] != "http://gw/v3/abc/backups/"+someID || bookmark["href"] != "http://gw/abc/backups/"+someID {
		t.Errorf("links: %v", links)
	}
}

func TestLinks(t *testing.T) {
	for _, c := range []struct {
		r              Request
		self, bookmark string
	}{
		{Request{Base: "http://gw", Version: V3, Caller: writer, ProjectInURL: true}, "http://gw/v3/abc/c/1", "http://gw/abc/c/1"},
		{Request{Base: "http://gw", Version: newest, Caller: writer}, "http://gw/v3/c/1", "http://gw/c/1"},
		{Request{Base: "https://gw/x", Version: V2, Caller: writer, ProjectInURL: true}, "https://gw/x/v2/abc/c/1", "https://gw/x/abc/c/1"},
	} {
		if got := c.r.links("c", "1"); !slices.Equal(got, []link{{"self", c.self}, {"bookmark", c.bookmark}}) {
			t.Errorf("got %v", got)
		}
	}
}
