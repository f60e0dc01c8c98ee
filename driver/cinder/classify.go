package cinder

import (
	"errors"
	"regexp"

	"cindergate/driver"
)

// refusal is a message of Cinder, and its reason.
type refusal struct {
	text   *regexp.Regexp
	reason driver.Reason // "" takes the reason of the status in the text
}

// refuses makes a refusal for texts that begin with a pattern. The name of the exception
// may come first: Cinder sometimes adds it (cinder/api/middleware/fault.py).
func refuses(pattern string, reason driver.Reason) refusal {
	return refusal{regexp.MustCompile(`^(?:[A-Za-z]+: )?(?:` + pattern + `)`), reason}
}

// refusals are tried in this order (cinder/backup/api.py, cinder/exception.py).
var refusals = []refusal{
	refuses(`Invalid backup: Backup status must be available`, driver.BackupNotAvailable),
	refuses(`Invalid backup: Incremental backups exist for this backup`, driver.BackupHasDependents),
	refuses(`Invalid backup: No backups available to do an incremental backup`, driver.BackupHasNoParent),
	refuses(`Invalid backup: The parent backup must be available for incremental backup`, driver.BackupHasNoParent),
	refuses(`Invalid backup: Backup already exists in database`, driver.BackupExists),
	refuses(`Invalid volume: Volume to be backed up must be available or in-use, but the current status is "([^"]*)"`, ""),
	refuses(`Invalid volume: Volume to be restored to must be available`, driver.VolumeBusy),
	refuses(`Invalid volume: Backing up an in-use volume must use the force flag`, driver.VolumeBusy),
	refuses(`Invalid volume: volume size \d+ is too small to restore backup of size \d+`, driver.VolumeTooSmall),
	refuses(`Invalid volume: Error while creating volume \S+ for restoring`, driver.VolumeFailed),
	refuses(`Invalid backup: `, driver.BackupUnfit),
	refuses(`Invalid volume: `, driver.VolumeUnfit),
	refuses(`Invalid snapshot: `, driver.SnapshotUnfit),
	refuses(`Backup \S+ could not be found`, driver.BackupUnknown),
	refuses(`Volume \S+ could not be found`, driver.VolumeUnknown),
	refuses(`Snapshot \S+ could not be found`, driver.SnapshotUnknown),
	refuses(`Service \S+ could not be found`, driver.ServiceUnknown),
	refuses(`Maximum number of \w+ allowed|Requested .* exceeds allowed .* quota|Quota exceeded`, driver.QuotaExceeded),
}

// unreadable returns the Unavailable error for an answer that lacks a required member. Such
// an answer never means that there is nothing.
func (d *Driver) unreadable(lacks string) error {
	return driver.Errorf(driver.Unavailable, "Backend %s gave an answer that cannot be read: it has no %s.", d.o.Name, lacks)
}

// classify adds Cinder's reason to an error of the transport. It tells apart the two kinds
// of 400: invalid input and a wrong state.
func (d *Driver) classify(err error) error {
	err = d.http.Classify(err)
	var e *driver.Error
	if !errors.As(err, &e) || e.Reason != driver.NoReason {
		return err
	}
	for _, r := range refusals {
		found := r.text.FindStringSubmatch(e.Message)
		if found == nil {
			continue
		}
		reason := r.reason
		if len(found) > 1 {
			reason = driver.StatusReason(found[1])
		}
		// A text counts only with an answer of its own kind. Cinder answers 400 both to
		// invalid input and to a wrong state.
		if kind := reason.Kind(); kind == e.Kind || kind == driver.InvalidState && e.Kind == driver.InvalidInput {
			known := *e
			known.Kind, known.Reason = kind, reason
			return &known
		}
	}
	return err
}
