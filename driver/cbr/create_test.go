package cbr_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

// bound makes a volume that is in the lab's vault.
func (l *lab) bound(v otcfake.Volume) string {
	id := l.AddVolume(l.project.ID, v)
	l.ChangeVault(l.vault, func(v *otcfake.Vault) { v.VolumeIDs = append(v.VolumeIDs, id) })
	return id
}

func (l *lab) create(spec driver.BackupSpec) driver.Backup {
	l.t.Helper()
	b, err := l.driver.CreateBackup(l.t.Context(), l.caller, spec)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

func (l *lab) get(id string) driver.Backup {
	l.t.Helper()
	b, err := l.driver.GetBackup(l.t.Context(), l.caller, id)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// asked returns the requests to CBR and EVS with a method, and with a path, without the
// project, that matches a pattern.
func (l *lab) asked(method, pattern string) []otcfake.Request {
	var found []otcfake.Request
	for _, r := range l.Requests() {
		path := strings.ReplaceAll(r.Path, "/"+l.project.ID, "")
		if r.Service != "iam" && r.Method == method && regexp.MustCompile(pattern).MatchString(path) {
			found = append(found, r)
		}
	}
	return found
}

func wantError(t *testing.T, err error, kind driver.Kind, message string) {
	t.Helper()
	var e *driver.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Message, message) {
		t.Errorf("got %v of kind %d, want %q of kind %d", err, driver.KindOf(err), message, kind)
	}
}

func ptr[T any](v T) *T { return &v }

func TestCreateSendsOneVolume(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{SizeGiB: 7, AZ: "eu-de-02", Content: "bytes"})
	l.bound(otcfake.Volume{}) // the backup must not include it
	b := l.create(driver.BackupSpec{VolumeID: volume, Name: ptr("b1"), Description: ptr("of ü")})
	sent := l.asked("POST", "^/v3/checkpoints$")
	want := `{"checkpoint":{"parameters":{"name":"b1","description":"of ü","incremental":false,"resources":["` + volume + `"]},"vault_id":"` + l.vault + `"}}`
	if len(sent) != 1 || string(sent[0].Body) != want {
		t.Fatalf("sent %d times %s\nwant %s", len(sent), sent[0].Body, want)
	}
	if b.Status != driver.BackupCreating || b.VolumeID != volume || b.Container != l.vault || *b.Name != "b1" || b.Size != 7 {
		t.Errorf("answered %+v", b)
	}
	l.Settle()
	b = l.get(b.ID)
	if b.Status != driver.BackupAvailable || *b.Description != "of ü" || b.AvailabilityZone != "eu-de-02" || b.IsIncremental || b.SnapshotID == "" ||
		b.ProjectID != l.project.ID || b.CreatedAt.IsZero() || !b.DataTimestamp.Equal(b.CreatedAt) || b.HasDependents || b.ObjectCount != 0 ||
		b.UserID != "" || len(b.Metadata) != 0 || b.EncryptionKeyID != "" {
		t.Errorf("shown %+v", b)
	}
	if l.Backup(b.ID).Content != "bytes" {
		t.Error("something else was backed up")
	}
}

// The driver must send incremental:false, because the service's default is true.
func TestWhenBackupsAreFull(t *testing.T) {
	for _, test := range []struct {
		full        otc.FullBackup
		incremental bool
		want        any // nil if the request lacks it
	}{
		{"", false, false}, {"", true, true}, {otc.FullOnRequest, false, false}, {otc.FullAlways, true, false}, {otc.FullNever, false, nil},
		{otc.FullNever, true, nil},
	} {
		l := open(t, cbr.Options{Options: otc.Options{FullBackup: test.full}}, otcfake.Options{})
		l.create(driver.BackupSpec{VolumeID: l.bound(otcfake.Volume{}), Incremental: test.incremental})
		var sent struct {
			Checkpoint struct{ Parameters map[string]any }
		}
		if err := json.Unmarshal(l.asked("POST", "checkpoints")[0].Body, &sent); err != nil {
			t.Fatal(err)
		}
		if got, is := sent.Checkpoint.Parameters["incremental"]; got != test.want || is != (test.want != nil) {
			t.Errorf("%q, incremental %v: sent %v", test.full, test.incremental, sent.Checkpoint.Parameters)
		}
		if _, named := sent.Checkpoint.Parameters["name"]; named {
			t.Error("a name was made up")
		}
	}
}

func TestIncrementalShowsInBothDialects(t *testing.T) {
	both(t, func(t *testing.T, dialect otc.Dialect) {
		l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}}, otcfake.Options{})
		volume := l.bound(otcfake.Volume{})
		// The first backup is always full. Huawei's answer repeats the requested value.
		for _, want := range []bool{dialect == otc.Huawei, true} {
			b := l.create(driver.BackupSpec{VolumeID: volume, Incremental: true})
			l.Settle()
			if got := l.get(b.ID).IsIncremental; got != want {
				t.Errorf("incremental %v, want %v", got, want)
			}
		}
	})
}

// A rule of the driver refuses a request before any request to the cloud.
func TestRulesOfARequest(t *testing.T) {
	const volume = "00000000-1111-4222-8333-444444444444"
	for _, test := range []struct {
		name    string
		spec    driver.BackupSpec
		kind    driver.Kind
		message string
	}{
		{"blank", driver.BackupSpec{Name: ptr("a b")}, driver.InvalidInput, "field name: this backend takes 1 to 64"},
		{"umlaut", driver.BackupSpec{Name: ptr("ü")}, driver.InvalidInput, "field name"},
		{"long name", driver.BackupSpec{Name: ptr(strings.Repeat("n", 65))}, driver.InvalidInput, "field name"},
		{"long description", driver.BackupSpec{Description: ptr(strings.Repeat("d", 256))}, driver.InvalidInput, "field description: this backend takes at most 255"},
		{"snapshot", driver.BackupSpec{SnapshotID: volume}, driver.NotSupported, "backups of snapshots"},
		{"zone", driver.BackupSpec{AvailabilityZone: "z"}, driver.NotSupported, "the availability zone of a backup"},
		{"metadata", driver.BackupSpec{Metadata: map[string]string{"a": "b"}}, driver.NotSupported, "metadata or tags of backups"},
		{"tags", driver.BackupSpec{Metadata: map[string]string{"a": "b"}, MetadataAsTags: true}, driver.NotSupported, "metadata or tags of backups"},
	} {
		both(t, func(t *testing.T, dialect otc.Dialect) {
			l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}}, otcfake.Options{})
			test.spec.VolumeID = volume
			_, err := l.driver.CreateBackup(t.Context(), l.caller, test.spec)
			wantError(t, err, test.kind, test.message)
			if n := len(l.Requests()); n != 0 {
				t.Errorf("%s: %d requests", test.name, n)
			}
		})
	}
}

func TestChineseNamesOnHuawei(t *testing.T) {
	l := open(t, cbr.Options{Options: otc.Options{Dialect: otc.Huawei}}, otcfake.Options{})
	if b := l.create(driver.BackupSpec{VolumeID: l.bound(otcfake.Volume{}), Name: ptr("备份-1")}); *b.Name != "备份-1" {
		t.Errorf("the name is %s", *b.Name)
	}
	l = open(t, cbr.Options{}, otcfake.Options{})
	_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{Name: ptr("备份")})
	wantError(t, err, driver.InvalidInput, "field name")
}

// As in Cinder, a volume in use needs force. Without EVS the driver cannot check.
func TestForce(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{Status: "in-use", ServerID: "s"})
	_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.InvalidState, "must use the force flag")
	l.create(driver.BackupSpec{VolumeID: volume, Force: true})
	l = open(t, cbr.Options{Options: otc.Options{EVSURL: otc.None}}, otcfake.Options{})
	l.create(driver.BackupSpec{VolumeID: l.bound(otcfake.Volume{Status: "in-use", ServerID: "s"})})
}

func TestVaults(t *testing.T) {
	for _, test := range []struct {
		name      string
		o         cbr.Options
		container string
		kind      driver.Kind // of the refusal, if there is a message
		message   string
	}{
		{name: "by name", o: cbr.Options{Vault: vaultName, Bind: true}},
		{name: "by id", o: cbr.Options{Vault: "ID", Bind: true}},
		{name: "the client's, by name", o: cbr.Options{Bind: true}, container: vaultName},
		{name: "the client's, by id", o: cbr.Options{Vault: "other", Bind: true}, container: "ID"},
		{"none", cbr.Options{Bind: true}, "", driver.Unavailable, "is in no vault, and backend east is configured without one"},
		{"not bound", cbr.Options{Vault: vaultName}, "", driver.InvalidState, "is configured to put none into one"},
		{"not there", cbr.Options{Vault: "other", Bind: true}, "", driver.Unavailable, "The vault other that backend east is configured with does not exist"},
		{"the client's is not there", cbr.Options{Vault: vaultName, Bind: true}, "other", driver.InvalidInput, "there is no vault other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := open(t, test.o, otcfake.Options{})
			if test.o.Vault == "ID" {
				test.o.Vault = l.vault
				d, err := cbr.New(optionsOf(l, test.o))
				if err != nil {
					t.Fatal(err)
				}
				l.driver = d
			}
			volume := l.AddVolume(l.project.ID, otcfake.Volume{})
			b, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{
				VolumeID: volume, Container: strings.Replace(test.container, "ID", l.vault, 1),
			})
			if test.message != "" {
				wantError(t, err, test.kind, test.message)
				if n := len(l.asked("POST", "")); n != 0 {
					t.Errorf("%d writes", n)
				}
				return
			}
			if err != nil || b.Container != l.vault || l.Vault(l.vault).VolumeIDs[0] != volume {
				t.Fatalf("%v %+v", err, b)
			}
		})
	}
}

// optionsOf returns o for the lab's cloud.
func optionsOf(l *lab, o cbr.Options) cbr.Options {
	o.Dialect, o.Name, o.Retries, o.PollEvery, o.IDTimeout = otc.OTC, "east", -1, time.Millisecond, time.Minute
	o.URL, o.EVSURL = l.url+"/cbr", l.url+"/evs"
	return o
}

func TestAVolumeStaysInItsVault(t *testing.T) {
	l := open(t, cbr.Options{Vault: "other", Bind: true}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{})
	for _, container := range []string{"", l.vault, vaultName} {
		if b := l.create(driver.BackupSpec{VolumeID: volume, Container: container}); b.Container != l.vault {
			t.Errorf("in vault %s", b.Container)
		}
		l.Settle()
	}
	_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume, Container: "other"})
	wantError(t, err, driver.NotSupported, "another container than vault "+l.vault)
}

func TestAVaultIsMadeOnlyIfAllowed(t *testing.T) {
	l := open(t, cbr.Options{Vault: "cindergate", Bind: true, CreateVault: true, VaultSize: 200}, otcfake.Options{})
	first, second := l.AddVolume(l.project.ID, otcfake.Volume{}), l.AddVolume(l.project.ID, otcfake.Volume{})
	b := l.create(driver.BackupSpec{VolumeID: first})
	v := l.Vault(b.Container)
	if v.Name != "cindergate" || v.SizeGiB != 200 || v.VolumeIDs[0] != first {
		t.Errorf("made %+v", v)
	}
	if again := l.create(driver.BackupSpec{VolumeID: second}); again.Container != b.Container {
		t.Error("a second vault was made")
	}
	if n := len(l.asked("POST", "/vaults$")); n != 1 {
		t.Errorf("%d vaults were made", n)
	}
}

// Another client may bind or unbind a volume at the same time.
func TestVaultsThatChangeMeanwhile(t *testing.T) {
	l := open(t, cbr.Options{Vault: vaultName, Bind: true}, otcfake.Options{})
	volume := l.AddVolume(l.project.ID, otcfake.Volume{})
	theirs := l.AddVault(l.project.ID, otcfake.Vault{VolumeIDs: []string{volume}})
	l.Inject(otcfake.Fault{Service: "cbr", Method: "GET", Path: "/vaults$", Status: 200, Body: `{"vaults":[],"count":0}`})
	if b := l.create(driver.BackupSpec{VolumeID: volume}); b.Container != theirs {
		t.Errorf("bound meanwhile: in vault %s", b.Container)
	}
	l.Settle()
	// The services have two codes for it.
	another := l.AddVolume(l.project.ID, otcfake.Volume{})
	l.ChangeVault(theirs, func(v *otcfake.Vault) { v.VolumeIDs = append(v.VolumeIDs, another) })
	l.Inject(otcfake.Fault{Service: "cbr", Method: "GET", Path: "/vaults$", Status: 200, Body: `{"vaults":[],"count":0}`})
	twice := otcfake.Refusal("cbr", "BackupService.7006")
	twice.Path = "/addresources$"
	l.Inject(twice)
	if b := l.create(driver.BackupSpec{VolumeID: another}); b.Container != theirs {
		t.Errorf("bound meanwhile: in vault %s", b.Container)
	}
	l.Settle()
	refused := otcfake.Refusal("cbr", "BackupService.6135")
	refused.Method, refused.Path = "POST", "/checkpoints$"
	l.Inject(refused)
	l.create(driver.BackupSpec{VolumeID: volume})
	l.Settle()
	refused.Times = 2
	l.Inject(refused)
	before := len(l.asked("POST", "checkpoints"))
	_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.InvalidState, "not in the vault")
	if n := len(l.asked("POST", "checkpoints")) - before; n != 2 {
		t.Errorf("sent %d times", n)
	}
	gone := otcfake.Refusal("cbr", "BackupService.6105")
	gone.Method, gone.Path = "POST", "/checkpoints$"
	l.Inject(gone)
	_, err = l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.Unavailable, "A vault that backend east needs for this does not exist.")
}

func TestUnboundMeanwhileWhereNothingIsBound(t *testing.T) {
	l := open(t, cbr.Options{Vault: vaultName}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{})
	l.Inject(otcfake.Refusal("cbr", "BackupService.6135")) // fails the lookup of the vault
	_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.InvalidState, "not in the vault")
	refused := otcfake.Refusal("cbr", "BackupService.6135")
	refused.Method = "POST"
	l.Inject(refused)
	_, err = l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.InvalidState, "not in the vault")
	if n := len(l.asked("POST", "")); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

// A filter that the service ignores or interprets differently must not lead to another
// vault or backup.
func TestAnswersWithMoreThanWasAsked(t *testing.T) {
	l := open(t, cbr.Options{Vault: vaultName, Bind: true}, otcfake.Options{})
	volume := l.AddVolume(l.project.ID, otcfake.Volume{})
	const theirs = `{"id":"x","name":"backups-of-others","resources":[{"id":"y"}]}`
	l.Inject(otcfake.Fault{Service: "cbr", Method: "GET", Path: "/vaults$", Times: 2, Status: 200, Body: `{"vaults":[` + theirs + `]}`})
	_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.Unavailable, "The vault "+vaultName+" that backend east is configured with does not exist")
	for _, record := range []string{
		`"checkpoint_id":"x","resource_id":"` + volume + `"`, `"resource_id":"x"`, `"checkpoint_id":"x"`,
	} {
		l.Inject(otcfake.Fault{
			Service: "cbr", Method: "GET", Path: "/backups$", Status: 200,
			Body: `{"backups":[{"id":"other","resource_type":"OS::Cinder::Volume",` + record + `}]}`,
		})
		if b := l.create(driver.BackupSpec{VolumeID: volume}); b.ID == "other" || l.Backup(b.ID).VolumeID != volume {
			t.Errorf("%s was taken for it", record)
		}
		l.Settle()
	}
}

// An accepted checkpoint may have skipped the volume.
func TestASkippedVolumeIsAFailure(t *testing.T) {
	for code, kind := range map[string]driver.Kind{
		"BackupService.7003": driver.InvalidState, "BackupService.6114": driver.OverLimit, "BackupService.1234": driver.Unavailable,
	} {
		l := open(t, cbr.Options{}, otcfake.Options{})
		volume := l.bound(otcfake.Volume{})
		l.Trap(func(traps *otcfake.Traps) { traps.Skip = &otcfake.Failure{Code: code, Reason: "the disk is odd"} })
		_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
		wantError(t, err, kind, "The backup of volume "+volume+" of CBR failed: "+code+": the disk is odd")
	}
}

func TestTheRecordMayComeLate(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{})
	l.Trap(func(traps *otcfake.Traps) { traps.RecordAfter = 3 })
	b := l.create(driver.BackupSpec{VolumeID: volume, Name: ptr("late")})
	if got := l.Backup(b.ID).Name; got != "late" {
		t.Errorf("found %q", got)
	}
	// A backup that the list never shows is an error after the timeout.
	l.Settle()
	l.Trap(func(traps *otcfake.Traps) { traps.RecordAfter = 1 << 30 })
	o := optionsOf(l, cbr.Options{})
	o.IDTimeout = 20 * time.Millisecond
	d, err := cbr.New(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.Unavailable, "CBR took the request, but its checkpoint ")
}

func TestACheckpointThatFails(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{Auto: true})
	volume := l.bound(otcfake.Volume{})
	l.Trap(func(traps *otcfake.Traps) {
		traps.FailBackup, traps.NoRecord = &otcfake.Failure{Code: "BackupService.6209", Reason: "no room"}, true
	})
	_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.Unavailable, "failed: BackupService.6209: no room")
}

func TestACheckpointThatFailsWithoutAReason(t *testing.T) {
	for reason, fault := range map[string]otcfake.Fault{
		"no reason given":       {Status: 200, Body: `{"operation_logs":[]}`},
		"could not be read":     {Status: 403, Body: `{"error_code":"APIGW.0302","error_msg":"No."}`},
		"BackupService.1: late": {Status: 200, Body: `{"operation_logs":[{"checkpoint_id":"q","status":"failed","error_info":{"message":"another"}},{"checkpoint_id":"p","status":"timeout","error_info":{"code":"BackupService.1","message":"late"}}]}`},
	} {
		l := open(t, cbr.Options{}, otcfake.Options{})
		volume := l.bound(otcfake.Volume{})
		fault.Service, fault.Path = "cbr", "operation-logs"
		l.Inject(fault)
		l.Inject(otcfake.Fault{Method: "POST", Path: "/checkpoints$", Status: 200, Body: `{"checkpoint":{"id":"p","status":"protecting"}}`})
		l.Inject(otcfake.Fault{Method: "GET", Path: "/checkpoints/p$", Status: 200, Body: `{"checkpoint":{"id":"p","status":"error"}}`})
		_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
		wantError(t, err, driver.Unavailable, reason)
		wantError(t, err, driver.Unavailable, "Checkpoint p of CBR failed: ")
	}
}

func TestABackupThatFailsTellsWhy(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{})
	l.Trap(func(traps *otcfake.Traps) {
		traps.FailBackup = &otcfake.Failure{Code: "BackupService.6209", Reason: "no room"}
	})
	b := l.create(driver.BackupSpec{VolumeID: volume})
	l.Settle()
	if b = l.get(b.ID); b.Status != driver.BackupError || b.FailReason != "BackupService.6209: no room" {
		t.Errorf("%+v", b)
	}
	if err := l.driver.DeleteBackup(t.Context(), l.caller, b.ID); err != nil {
		t.Error(err)
	}
}

// The gateway must not retry with the caller's expired token.
func TestATokenThatEndsEndsTheWait(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{})
	l.Trap(func(traps *otcfake.Traps) { traps.RecordAfter = 1 << 30 })
	ended := otcfake.Refusal("cbr", "APIGW.0301")
	ended.Method, ended.Path, ended.Skip = http.MethodGet, "/backups$", 2
	l.Inject(ended)
	_, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.Unauthorized, "not correct")
	if n := len(l.asked("GET", "/backups$")); n != 3 {
		t.Errorf("asked %d times", n)
	}
}
