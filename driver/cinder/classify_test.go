package cinder

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// The texts are Cinder's own (cinder/backup/api.py, cinder/exception.py), and some that
// resemble them.
func TestReasons(t *testing.T) {
	d, err := New(Options{Options: openstack.Options{Name: "far"}, URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		status int
		text   string
		kind   driver.Kind
		reason driver.Reason
	}{
		{400, "Invalid backup: Backup status must be available", driver.InvalidState, driver.BackupNotAvailable},
		{400, "Invalid backup: Backup status must be available or error", driver.InvalidState, driver.BackupNotAvailable},
		{400, "Invalid backup: Backup status must be available and not restoring.", driver.InvalidState, driver.BackupNotAvailable},
		{400, "Invalid backup: Incremental backups exist for this backup.", driver.InvalidState, driver.BackupHasDependents},
		{400, "Invalid backup: No backups available to do an incremental backup.", driver.InvalidState, driver.BackupHasNoParent},
		{400, "Invalid backup: The parent backup must be available for incremental backup.", driver.InvalidState, driver.BackupHasNoParent},
		{400, "Invalid backup: Backup already exists in database.", driver.InvalidState, driver.BackupExists},
		{400, "Invalid backup: something new", driver.InvalidState, driver.BackupUnfit},
		{400, `Invalid volume: Volume to be backed up must be available or in-use, but the current status is "backing-up".`, driver.InvalidState, driver.VolumeBackedUp},
		{400, `Invalid volume: Volume to be backed up must be available or in-use, but the current status is "error_restoring".`, driver.InvalidState, driver.VolumeFailed},
		{400, `Invalid volume: Volume to be backed up must be available or in-use, but the current status is "deleting".`, driver.InvalidState, driver.VolumeBusy},
		{400, "Invalid volume: Volume to be restored to must be available", driver.InvalidState, driver.VolumeBusy},
		{400, "Invalid volume: volume size 1 is too small to restore backup of size 2.", driver.InvalidState, driver.VolumeTooSmall},
		{400, "Invalid volume: something new", driver.InvalidState, driver.VolumeUnfit},
		{400, "Invalid snapshot: Snapshot to be backed up must be available, but the current status is \"error\".", driver.InvalidState, driver.SnapshotUnfit},
		{404, "Backup b could not be found.", driver.NotFound, driver.BackupUnknown},
		{404, "Volume v could not be found.", driver.NotFound, driver.VolumeUnknown},
		{404, "VolumeNotFound: Volume v could not be found.", driver.NotFound, driver.VolumeUnknown},
		{404, "Snapshot s could not be found.", driver.NotFound, driver.SnapshotUnknown},
		{404, "Service cinder-backup could not be found.", driver.NotFound, driver.ServiceUnknown},
		{404, "The resource could not be found.", driver.NotFound, driver.NoReason},
		{413, "BackupLimitExceeded: Maximum number of backups allowed (10) exceeded", driver.OverLimit, driver.QuotaExceeded},
		{413, "Requested backup exceeds allowed Backup gigabytes quota. Requested 1G, quota is 0G and 0G has been consumed.", driver.OverLimit, driver.QuotaExceeded},
		{413, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 1G, quota is 0G and 0G has been consumed.", driver.OverLimit, driver.QuotaExceeded},
		{429, "Too many requests.", driver.OverLimit, driver.RateLimited},
		// A text counts only with its own status and at the start, because clients choose
		// parts of the text.
		{500, "Invalid backup: Backup status must be available", driver.Internal, driver.NoReason},
		{403, "Volume v could not be found.", driver.Forbidden, driver.NoReason},
		{400, "Invalid input for field/attribute name. Value: Invalid backup: Backup status must be available.", driver.InvalidInput, driver.NoReason},
	} {
		body, err := json.Marshal(map[string]any{"fault": map[string]any{"code": test.status, "message": test.text}})
		if err != nil {
			t.Fatal(err)
		}
		err = d.classify(gophercloud.ErrUnexpectedResponseCode{Actual: test.status, Body: body, ResponseHeader: http.Header{}})
		var e *driver.Error
		if !errors.As(err, &e) || e.Kind != test.kind || e.Reason != test.reason || e.Message != test.text {
			t.Errorf("%d %s: %+v, want kind %d and reason %q", test.status, test.text, e, test.kind, test.reason)
		}
	}
}
