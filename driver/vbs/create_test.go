package vbs_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/vbs"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

func ptr[T any](v T) *T { return &v }

func wantError(t *testing.T, err error, kind driver.Kind, message string) {
	t.Helper()
	if err == nil || driver.KindOf(err) != kind || !strings.Contains(err.Error(), message) {
		t.Errorf("got %v of kind %d, want %q of kind %d", err, driver.KindOf(err), message, kind)
	}
}

// sent returns the requests to a service: "METHOD path body".
func (c *cloud) sent(service, method string) []string {
	var all []string
	for _, r := range c.Requests() {
		if r.Service == service && r.Method == method {
			all = append(all, strings.ReplaceAll(r.Method+" "+r.Path+" "+string(r.Body), c.project.ID, "P"))
		}
	}
	return all
}

func TestCreateInTheServicesWords(t *testing.T) {
	huawei := vbs.Options{Options: otc.Options{Dialect: otc.Huawei}}
	full := func(when otc.FullBackup) vbs.Options { return vbs.Options{Options: otc.Options{FullBackup: when}} }
	for _, test := range []struct {
		name    string
		options vbs.Options
		spec    driver.BackupSpec
		sent    string
	}{
		{"full, as nothing else was asked", vbs.Options{}, driver.BackupSpec{Name: ptr("n")}, `"name":"n","extend_param":{"FullBackup":"true"}`},
		{"incremental", vbs.Options{}, driver.BackupSpec{Name: ptr("n"), Incremental: true}, `"name":"n","extend_param":{"FullBackup":"false"}`},
		{"always full", full(otc.FullAlways), driver.BackupSpec{Name: ptr("n"), Incremental: true}, `"name":"n","extend_param":{"FullBackup":"true"}`},
		{"never full", full(otc.FullNever), driver.BackupSpec{Name: ptr("n")}, `"name":"n"`},
		{"huawei cannot be asked", huawei, driver.BackupSpec{Name: ptr("n")}, `"name":"n"`},
		{"huawei, incremental", huawei, driver.BackupSpec{Name: ptr("n"), Incremental: true}, `"name":"n"`},
		{"description", huawei, driver.BackupSpec{Name: ptr("n"), Description: ptr("Täglich")}, `"name":"n","description":"Täglich"`},
		{"empty description and metadata", huawei, driver.BackupSpec{Name: ptr("n"), Description: ptr(""), Metadata: map[string]string{}}, `"name":"n"`},
		{"without a name", huawei, driver.BackupSpec{}, `"name":"backup-********"`},
		{"with an empty one", huawei, driver.BackupSpec{Name: ptr("")}, `"name":"backup-********"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := open(t, test.options, otcfake.Options{})
			test.spec.VolumeID = c.AddVolume(c.project.ID, otcfake.Volume{})
			b, err := c.driver.CreateBackup(t.Context(), c.caller, test.spec)
			if err != nil {
				t.Fatal(err)
			}
			want := `POST /v2/P/cloudbackups {"backup":{"volume_id":"` + test.spec.VolumeID + `",` + test.sent + `}}`
			got := regexp.MustCompile(`backup-[0-9a-f]{8}"`).ReplaceAllString(c.sent("vbs", "POST")[0], `backup-********"`)
			if got != want {
				t.Errorf("sent %s\nwant %s", got, want)
			}
			if kept := c.Backup(b.ID); kept.Name != *b.Name || b.Status != driver.BackupCreating || b.VolumeID != test.spec.VolumeID || b.ProjectID != c.project.ID {
				t.Errorf("answered %+v for %+v", b, kept)
			}
		})
	}
}

func TestCreateOfASnapshot(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	volume := c.AddVolume(c.project.ID, otcfake.Volume{Status: "in-use"})
	var made struct{ Snapshot struct{ ID string } }
	if err := c.driver.EVS.Call(t.Context(), c.caller, http.MethodPost, "v2", "/snapshots", nil,
		map[string]any{"snapshot": map[string]any{"volume_id": volume, "force": true}}, &made); err != nil {
		t.Fatal(err)
	}
	c.Settle()
	snapshot := made.Snapshot.ID
	b, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume, SnapshotID: snapshot})
	if err != nil || b.SnapshotID != snapshot {
		t.Fatalf("%+v, %v", b, err)
	}
	c.Settle()
	if got, err := c.driver.GetBackup(t.Context(), c.caller, b.ID); err != nil || got.SnapshotID != snapshot {
		t.Errorf("%+v, %v", got, err)
	}
}

// The driver refuses what VBS cannot do, with the reason, before any request to the cloud.
func TestCreateThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		spec    driver.BackupSpec
		kind    driver.Kind
		message string
	}{
		{driver.BackupSpec{Name: ptr("my backup")}, driver.InvalidInput, "field name: this backend takes 1 to 64 of the characters"},
		{driver.BackupSpec{Name: ptr(strings.Repeat("x", 65))}, driver.InvalidInput, "field name: this backend takes 1 to 64 of the characters"},
		{driver.BackupSpec{Name: ptr("Auto-daily")}, driver.InvalidInput, "field name: this backend takes no name that begins with auto"},
		{driver.BackupSpec{Description: ptr(strings.Repeat("x", 65))}, driver.InvalidInput, "field description: this backend takes at most 64 characters"},
		{driver.BackupSpec{Description: ptr("a<b")}, driver.InvalidInput, "field description: this backend takes no < and >"},
		{driver.BackupSpec{Container: "c"}, driver.NotSupported, "Backend east does not support the container of a backup"},
		{driver.BackupSpec{AvailabilityZone: "eu-de-01"}, driver.NotSupported, "Backend east does not support the availability zone of a backup"},
		{driver.BackupSpec{Metadata: map[string]string{"a": "b"}}, driver.NotSupported, "Backend east does not support metadata of backups"},
	} {
		c := open(t, vbs.Options{}, otcfake.Options{})
		_, err := c.driver.CreateBackup(t.Context(), c.caller, test.spec)
		wantError(t, err, test.kind, test.message)
		if asked := c.Requests(); len(asked) != 0 {
			t.Errorf("%s: asked %v", test.message, asked)
		}
	}
}

func TestForceIsAsInCinder(t *testing.T) {
	for _, test := range []struct {
		status  string
		force   bool
		evs     string
		kind    driver.Kind
		message string
	}{
		{"available", false, "", 0, ""},
		{"available", true, "", 0, ""},
		{"in-use", false, "", driver.InvalidState, "Invalid volume: Backing up an in-use volume must use the force flag."},
		{"in-use", true, "", 0, ""},
		{"error", false, "", driver.InvalidState, `Invalid volume: Volume to be backed up must be available or in-use, but the current status is "error".`},
		{"error", true, "", driver.InvalidState, "The disk is neither available nor in use."},
		{"in-use", false, otc.None, 0, ""}, // the driver cannot check
		{"error", false, otc.None, driver.InvalidState, "The disk is neither available nor in use."},
	} {
		t.Run(fmt.Sprintf("%s, force %t, EVS %q", test.status, test.force, test.evs), func(t *testing.T) {
			c := open(t, vbs.Options{Options: otc.Options{EVSURL: test.evs}}, otcfake.Options{})
			_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{
				VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{Status: test.status}), Force: test.force,
			})
			if test.message == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, test.kind, test.message)
		})
	}
}

func TestQuotasOfBackups(t *testing.T) {
	for name, made := range map[string]otcfake.Options{
		"count": {Quotas: map[string]int{"backups": 0}}, "capacity": {Quotas: map[string]int{"backup_gigabytes": 5}},
		"of a volume": {BackupsPerVolume: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, vbs.Options{}, made)
			volume := c.AddVolume(c.project.ID, otcfake.Volume{SizeGiB: 10})
			if name == "of a volume" {
				c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: volume})
			}
			_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume})
			wantError(t, err, driver.OverLimit, "")
		})
	}
}

func TestTheJobTellsTheIDLateOrInAPart(t *testing.T) {
	for name, trap := range map[string]func(*otcfake.Traps){
		"late":      func(traps *otcfake.Traps) { traps.IDAfter = 3 },
		"in a part": func(traps *otcfake.Traps) { traps.NestedEntities = true },
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, vbs.Options{}, otcfake.Options{})
			c.Trap(trap)
			b, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{}), Name: ptr("n")})
			if err != nil || c.Backup(b.ID).Name != "n" {
				t.Errorf("%+v, %v", b, err)
			}
		})
	}
}

func TestABackupThatFails(t *testing.T) {
	failure := &otcfake.Failure{Code: "VolumeBackup.0064", Reason: "fsp cinder return backup status is error."}
	t.Run("shows it", func(t *testing.T) {
		c := open(t, vbs.Options{}, otcfake.Options{})
		c.Trap(func(traps *otcfake.Traps) { traps.FailBackup = failure })
		b, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{})})
		if err != nil {
			t.Fatal(err)
		}
		c.Settle()
		got, err := c.driver.GetBackup(t.Context(), c.caller, b.ID)
		if err != nil || got.Status != driver.BackupError || got.FailReason != failure.Reason {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("without a record fails the create", func(t *testing.T) {
		c := open(t, vbs.Options{}, otcfake.Options{Auto: true})
		c.Trap(func(traps *otcfake.Traps) { traps.FailBackup, traps.NoRecord = failure, true })
		_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{})})
		wantError(t, err, driver.Unavailable, "failed: VolumeBackup.0064: fsp cinder return backup status is error.")
	})
	t.Run("succeeds without an id, and is not listed", func(t *testing.T) {
		c := open(t, vbs.Options{}, otcfake.Options{Auto: true})
		c.Trap(func(traps *otcfake.Traps) { traps.NoEntity = true })
		c.Inject(otcfake.Fault{Service: "vbs", Method: "GET", Path: "/backups/detail", Status: 200, Body: `{"backups": []}`})
		_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{})})
		wantError(t, err, driver.Unavailable, "succeeded without telling what it made")
	})
	t.Run("takes too long to tell its id, and is not listed", func(t *testing.T) {
		c := open(t, vbs.Options{Options: otc.Options{IDTimeout: 20 * time.Millisecond}}, otcfake.Options{})
		c.Inject(otcfake.Fault{Service: "vbs", Path: "/jobs/", Times: -1, Status: 200, Body: `{"status": "RUNNING"}`})
		c.Inject(otcfake.Fault{Service: "vbs", Method: "GET", Path: "/backups/detail", Status: 200, Body: `{"backups": []}`})
		_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{})})
		asked := c.sent("vbs", "GET")
		job, _, _ := strings.Cut(strings.TrimPrefix(asked[0], "GET /v1/P/jobs/"), " ")
		wantError(t, err, driver.Unavailable, "its job "+job+" did not tell in time")
	})
	t.Run("is not answered with a job", func(t *testing.T) {
		c := open(t, vbs.Options{}, otcfake.Options{})
		c.Inject(otcfake.Fault{Service: "vbs", Method: "POST", Status: http.StatusOK, Body: `{}`})
		_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{}), Name: ptr("n")})
		wantError(t, err, driver.Unavailable, "took the backup n without naming a job")
	})
}

// The token expires while the job is polled. The gateway has no other token.
func TestATokenThatEndsBetween(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	c.Trap(func(traps *otcfake.Traps) { traps.IDAfter = 1 << 30 })
	c.Inject(otcfake.Fault{Service: "vbs", Path: "/jobs/", Skip: 2, Status: http.StatusUnauthorized,
		Body: `{"error_code": "APIGW.0307", "error_msg": "The token must be renewed."}`})
	_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{})})
	wantError(t, err, driver.Unauthorized, "The token must be renewed.")
	if n := len(c.sent("vbs", "GET")); n != 3 {
		t.Errorf("asked %d times", n)
	}
	if logins := c.sent("iam", "POST"); len(logins) != 0 {
		t.Errorf("logged in: %q", logins)
	}
	c.ExpireToken(c.project.Token)
	_, err = c.driver.GetBackup(t.Context(), c.caller, c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs"}))
	wantError(t, err, driver.Unauthorized, "The authentication information is not correct.")
}

func TestThrottledCreatesAreSentAgain(t *testing.T) {
	c := open(t, vbs.Options{Options: otc.Options{}}, otcfake.Options{})
	c.Inject(otcfake.Fault{Service: "vbs", Method: "POST", Times: 2, Status: http.StatusTooManyRequests,
		Body: `{"error_code": "APIGW.0308", "error_msg": "Slow down."}`})
	volume := c.AddVolume(c.project.ID, otcfake.Volume{})
	_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.OverLimit, "Slow down.") // retries are disabled
	patient := open(t, vbs.Options{Options: retrying(2)}, otcfake.Options{})
	patient.Inject(otcfake.Fault{Service: "vbs", Method: "POST", Times: 2, Status: http.StatusTooManyRequests,
		Body: `{"error_code": "APIGW.0308", "error_msg": "Slow down."}`})
	volume = patient.AddVolume(patient.project.ID, otcfake.Volume{})
	if _, err := patient.driver.CreateBackup(t.Context(), patient.caller, driver.BackupSpec{VolumeID: volume}); err != nil {
		t.Error(err)
	}
	if n := len(patient.sent("vbs", "POST")); n != 3 {
		t.Errorf("sent %d times", n)
	}
}

func retrying(times int) otc.Options {
	var o otc.Options
	o.Retries = times
	return o
}

// If the answer to a create is lost, its result is unknown, so the driver does not retry
// it.
func TestACreateIsSentOnce(t *testing.T) {
	for name, fault := range map[string]otcfake.Fault{
		"lost":                 {Drop: true, Done: true},
		"a page of a balancer": {Status: http.StatusServiceUnavailable, Body: "<html>"},
		"429 of the service":   {Status: http.StatusTooManyRequests, Body: `{"error": {"code": "VolumeBackup.0013", "message": "Busy."}}`, Times: -1},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, vbs.Options{Options: retrying(2)}, otcfake.Options{})
			volume := c.AddVolume(c.project.ID, otcfake.Volume{})
			fault.Service, fault.Method = "vbs", http.MethodPost
			c.Inject(fault)
			_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume, Name: ptr("n")})
			if n := len(c.sent("vbs", "POST")); n != 1 || err == nil {
				t.Errorf("sent %d times: %v", n, err)
			}
		})
	}
}
