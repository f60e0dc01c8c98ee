package cbr_test

import (
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

func (l *lab) restore(id string, to driver.RestoreTarget) (driver.Restore, error) {
	return l.driver.RestoreBackup(l.t.Context(), l.caller, id, to)
}

// made makes a volume with content and a backup of it.
func (l *lab) made(o otcfake.Volume) (volume, backup string) {
	volume = l.bound(o)
	backup = l.AddBackup(l.project.ID, otcfake.Backup{
		Service: "cbr", VaultID: l.vault, VolumeID: volume, SizeGiB: 10, Content: "kept", AZ: l.Volume(volume).AZ,
	})
	return volume, backup
}

func TestRestoreToAVolume(t *testing.T) {
	both(t, func(t *testing.T, dialect otc.Dialect) {
		l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}}, otcfake.Options{})
		volume, id := l.made(otcfake.Volume{Name: "data", SizeGiB: 12, Content: "lost"})
		r, err := l.restore(id, driver.ToVolume(volume))
		if err != nil || r != (driver.Restore{BackupID: id, VolumeID: volume, VolumeName: "data"}) {
			t.Fatalf("%v %+v", err, r)
		}
		if sent := l.asked("POST", "/restore$"); len(sent) != 1 || string(sent[0].Body) != `{"restore":{"volume_id":"`+volume+`"}}` {
			t.Errorf("sent %+v", sent)
		}
		if got := l.get(id).Status; got != driver.BackupRestoring {
			t.Errorf("the backup is %s", got)
		}
		l.Settle()
		if v := l.Volume(volume); v.Content != "kept" || v.SizeGiB != 10 {
			t.Errorf("the volume is %+v", v)
		}
	})
}

func TestRestoreWithoutEVS(t *testing.T) {
	l := open(t, cbr.Options{Options: otc.Options{EVSURL: otc.None}}, otcfake.Options{})
	volume, id := l.made(otcfake.Volume{Name: "data"})
	r, err := l.restore(id, driver.ToVolume(volume))
	if err != nil || r.VolumeName != "" || r.VolumeID != volume {
		t.Errorf("%v %+v", err, r)
	}
	l.Settle()
	for _, to := range []driver.RestoreTarget{{}, driver.ToNewVolume("n")} {
		_, err := l.restore(id, to)
		wantError(t, err, driver.NotSupported, "restoring without volume_id")
	}
	_, err = l.driver.GetVolume(t.Context(), l.caller, volume)
	wantError(t, err, driver.NotSupported, "without EVS")
}

func TestRestoreToANewVolume(t *testing.T) {
	both(t, func(t *testing.T, dialect otc.Dialect) {
		l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}}, otcfake.Options{})
		_, id := l.made(otcfake.Volume{Type: "SAS", AZ: "eu-de-02"})
		for want, to := range map[string]driver.RestoreTarget{"restore_backup_" + id: {}, "n": driver.ToNewVolume("n")} {
			r, err := l.restore(id, to)
			if err != nil || r.VolumeName != want || r.BackupID != id {
				t.Fatalf("%v %+v", err, r)
			}
			l.Settle()
			if v := l.Volume(r.VolumeID); v.Content != "kept" || v.Name != want || v.Type != "SAS" || v.AZ != "eu-de-02" || v.SizeGiB != 10 {
				t.Errorf("made %+v", v)
			}
		}
		if n := len(l.asked("POST", "/restore$")); n != 0 {
			t.Errorf("CBR was asked %d times", n)
		}
	})
}

func TestRestoresThatAreRefused(t *testing.T) {
	for _, evs := range []string{"", otc.None} { // checked by the driver, then by the service
		l := open(t, cbr.Options{Options: otc.Options{EVSURL: evs}}, otcfake.Options{})
		volume, id := l.made(otcfake.Volume{})
		attached := l.bound(otcfake.Volume{Status: "in-use", ServerID: "s"})
		small := l.bound(otcfake.Volume{SizeGiB: 9})
		foreign := l.bound(otcfake.Volume{})
		for target, kind := range map[string]driver.Kind{
			attached: driver.InvalidState, small: driver.InvalidState, foreign: driver.InvalidState,
			"00000000-1111-4222-8333-444444444444": driver.NotFound,
		} {
			if _, err := l.restore(id, driver.ToVolume(target)); driver.KindOf(err) != kind {
				t.Errorf("%v, want kind %d", err, kind)
			}
		}
		l.ChangeBackup(id, func(b *otcfake.Backup) { b.Status = "protecting" })
		_, err := l.restore(id, driver.ToVolume(volume))
		wantError(t, err, driver.InvalidState, "Backup status must be available")
	}
	l := open(t, cbr.Options{Options: otc.Options{Dialect: otc.Huawei}}, otcfake.Options{})
	_, id := l.made(otcfake.Volume{})
	if _, err := l.restore(id, driver.ToVolume(l.bound(otcfake.Volume{}))); err != nil {
		t.Errorf("to another volume: %v", err)
	}
	// A vault runs one restore at a time.
	other, second := l.made(otcfake.Volume{})
	_, err := l.restore(second, driver.ToVolume(other))
	wantError(t, err, driver.InvalidState, "being restored")
}

// CBR's backup is available after a failed restore; only an operation log shows the
// failure.
func TestARestoreThatFailsShows(t *testing.T) {
	both(t, func(t *testing.T, dialect otc.Dialect) {
		l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}}, otcfake.Options{})
		volume, id := l.made(otcfake.Volume{})
		_, fine := l.made(otcfake.Volume{})
		l.Trap(func(traps *otcfake.Traps) {
			traps.FailRestore = &otcfake.Failure{Code: "BackupService.6210", Reason: "a bad block"}
		})
		if _, err := l.restore(id, driver.ToVolume(volume)); err != nil {
			t.Fatal(err)
		}
		l.Settle()
		shows := func(status driver.BackupStatus, reason string) {
			t.Helper()
			if b := l.get(id); b.Status != status || b.FailReason != reason {
				t.Errorf("shown %s: %s", b.Status, b.FailReason)
			}
			for _, b := range l.list(driver.Query{Limit: 10}).Items {
				if b.ID == id && (b.Status != status || b.FailReason != reason) || b.ID == fine && b.Status != driver.BackupAvailable {
					t.Errorf("listed %s: %s", b.Status, b.FailReason)
				}
			}
			for filter, want := range map[driver.BackupStatus]bool{
				driver.BackupErrorRestore: status == driver.BackupErrorRestore, driver.BackupAvailable: status == driver.BackupAvailable,
			} {
				got := l.listed(driver.Query{Limit: 10, Filters: []driver.Filter{{Column: "status", Value: string(filter)}, {Column: "id", Value: id}}})
				if (len(got) == 1) != want {
					t.Errorf("listed as %s: %v", filter, got)
				}
			}
		}
		shows(driver.BackupErrorRestore, "BackupService.6210: a bad block")
		for _, status := range []string{"timeout", "skipped"} {
			l.EndOperations(id, "restore", status, otcfake.Failure{Code: "BackupService.6211"})
			shows(driver.BackupErrorRestore, "BackupService.6211")
		}
		// A restore can be retried, and the last result counts.
		l.ChangeVolume(volume, func(v *otcfake.Volume) { v.Status = "available" })
		if _, err := l.restore(id, driver.ToVolume(volume)); err != nil {
			t.Fatal(err)
		}
		l.Settle()
		shows(driver.BackupAvailable, "")
		l.EndOperations(id, "restore", "failed", otcfake.Failure{})
		shows(driver.BackupErrorRestore, "no reason given")
		if err := l.driver.DeleteBackup(t.Context(), l.caller, id); err != nil {
			t.Errorf("delete: %v", err)
		}
	})
}

// Without the right to read operation logs, cbr:tasks:list, backups are still shown.
func TestWithoutTheRightToReadOperationLogs(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	_, id := l.made(otcfake.Volume{})
	l.Inject(otcfake.Fault{Service: "cbr", Path: "operation-logs", Times: 1, Status: 403, Body: `{"error_code":"APIGW.0302","error_msg":"No."}`})
	if b := l.get(id); b.Status != driver.BackupAvailable {
		t.Errorf("it is %s", b.Status)
	}
	// Temporarily unreadable logs are an error, because the status could be wrong.
	l.Inject(otcfake.Fault{Service: "cbr", Path: "operation-logs", Times: 1, Status: 503})
	_, err := l.driver.GetBackup(t.Context(), l.caller, id)
	wantError(t, err, driver.Unavailable, "status 503")
}

// The driver reads logs since the oldest backup in the list.
func TestAnOldRestoreThatFailedShowsAmongNewBackups(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	l := open(t, cbr.Options{}, otcfake.Options{Now: func() time.Time { return now }})
	volume, id := l.made(otcfake.Volume{})
	l.Trap(func(traps *otcfake.Traps) { traps.FailRestore = &otcfake.Failure{Code: "BackupService.6210"} })
	if _, err := l.restore(id, driver.ToVolume(volume)); err != nil {
		t.Fatal(err)
	}
	l.Settle()
	now = now.Add(12 * time.Hour)
	l.made(otcfake.Volume{})
	if items := l.list(driver.Query{Limit: 10}).Items; items[0].Status != driver.BackupAvailable || items[1].Status != driver.BackupErrorRestore {
		t.Errorf("listed %s and %s", items[0].Status, items[1].Status)
	}
}
