package schedule

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/internal/policy"
)

// Cloud is what schedules need of a backend.
type Cloud interface {
	driver.Driver
	driver.VolumeReader
	driver.Schedulable
}

// Login gives a caller whose token is valid; see openstack.Login.
type Login interface {
	Caller(ctx context.Context) (driver.Caller, error)
	Reject(token driver.Token)
}

// Bounds of lists.
const (
	backupPage = 1000
	maxBackups = 200_000
)

// allBackups returns the backups of the caller's project, by volume. An error means that nothing is known:
// never is a part of a list returned.
func allBackups(ctx context.Context, cloud Cloud, caller driver.Caller, volumeID string) (map[string][]driver.Backup, error) {
	q := driver.Query{Limit: backupPage}
	if volumeID != "" {
		q.Filters = []driver.Filter{{Column: "volume_id", Value: volumeID}}
	}
	all, seen := map[string][]driver.Backup{}, map[string]bool{}
	for {
		page, err := cloud.ListBackups(ctx, caller, q)
		if err != nil {
			return nil, err
		}
		before := len(seen)
		for _, b := range page.Items {
			q.Marker = b.ID
			if !seen[b.ID] && b.ProjectID == caller.ProjectID && (volumeID == "" || b.VolumeID == volumeID) {
				all[b.VolumeID] = append(all[b.VolumeID], b)
			}
			seen[b.ID] = true
		}
		switch {
		case len(page.Items) == 0: // a short page may be the cloud's largest one
			return all, nil
		case len(seen) == before:
			return nil, driver.Errorf(driver.Unavailable, "The backend lists the same backups again: it does not page by marker.")
		case len(seen) > maxBackups:
			return nil, driver.Errorf(driver.Unavailable, "The backend lists more than %d backups.", maxBackups)
		}
	}
}

// complete reports whether a backup can be restored, as far as its status says.
func complete(b *driver.Backup) bool {
	return b.Status == driver.BackupAvailable || b.Status == driver.BackupRestoring
}

// taken returns the time of the data in a backup.
func taken(b *driver.Backup) time.Time {
	if b.DataTimestamp.IsZero() {
		return b.CreatedAt
	}
	return b.DataTimestamp
}

// unknownParent stands for the parent of an incremental backup that cannot be told.
const unknownParent = "unknown"

// states returns the backups of a volume as package policy needs them. slots has those that runs made. volume is
// nil if it is gone.
//
// The Block Storage API does not show what an incremental backup builds on. Cinder builds it on the available
// backup with the newest data (cinder/backup/api.py create), and refuses to delete one that others build on.
func states(volume *driver.Volume, backups []driver.Backup, slots map[string]time.Time) []policy.Backup {
	slices.SortStableFunc(backups, func(a, b driver.Backup) int {
		if c := taken(&a).Compare(taken(&b)); c != 0 {
			return c
		}
		return a.CreatedAt.Compare(b.CreatedAt)
	})
	all := make([]policy.Backup, len(backups))
	last := unknownParent
	for i := range backups {
		b := &backups[i]
		all[i] = policy.Backup{ID: b.ID, ParentID: b.ParentID, Slot: slots[b.ID], CreatedAt: taken(b), Complete: complete(b), Status: string(b.Status),
			Outgrown: volume != nil && b.Size > 0 && volume.Size > b.Size}
		if b.IsIncremental && b.ParentID == "" {
			all[i].ParentID = last
		}
		if value := b.Metadata[policy.ExpiresKey]; value != "" {
			if at, err := policy.ParseExpiry(value, b.CreatedAt); err == nil {
				all[i].Expires = at
			}
		}
		if complete(b) {
			last = b.ID
		}
	}
	return all
}

// slotText is a slot in the metadata of its backup.
func slotText(slot time.Time) string { return slot.UTC().Format(time.RFC3339) }

// Where backups keep no metadata, their names tell the slot.
const (
	nameMark   = "-scheduled-"
	nameTime   = "20060102T150405Z"
	longestVBS = 64 // characters of a name that VBS and CBR take
)

var unnameable = regexp.MustCompile(`[^0-9A-Za-z_-]+`)

// markedName returns a name that tells the slot, of characters that VBS and CBR take.
func markedName(volumeName string, slot time.Time) string {
	name := strings.Trim(unnameable.ReplaceAllString(volumeName, "-"), "-")
	name = name[:min(len(name), longestVBS-len(nameMark)-len(nameTime))]
	if name == "" || strings.HasPrefix(strings.ToLower(name), "auto") { // which VBS keeps for its own policies
		name = "volume"
	}
	return name + nameMark + slot.UTC().Format(nameTime)
}

// isOf reports whether a backup says that it was made for a slot.
func isOf(b *driver.Backup, slot time.Time) bool {
	return b.Metadata[policy.SlotKey] == slotText(slot) || b.Name != nil && strings.HasSuffix(*b.Name, nameMark+slot.UTC().Format(nameTime))
}

// spec returns the request for the backup of a slot. keeps says that backups keep metadata.
func spec(v *driver.Volume, p *policy.Policy, slot time.Time, incremental, keeps bool) driver.BackupSpec {
	volumeName := ""
	if v.Name != nil {
		volumeName = *v.Name
	}
	s := driver.BackupSpec{VolumeID: v.ID, Incremental: incremental, Force: true}
	name := markedName(volumeName, slot)
	if keeps {
		name = p.BackupName(volumeName, v.ID, slot)
		s.Metadata = map[string]string{policy.SlotKey: slotText(slot)}
	}
	s.Name = &name
	return s
}

// restored reports whether a volume was made by a restore, with the metadata of the backup's source
// (cinder/backup/manager.py restore_backup sets src_backup_id).
func restored(v *driver.Volume) bool {
	return v.Metadata["src_backup_id"] != "" || v.Description != nil && *v.Description == driver.RestoredDescription
}

// policyOf returns the policy of a volume, and what is wrong with it in a sentence.
func (s *Scheduler) policyOf(v *driver.Volume) (*policy.Effective, string) {
	effective, err := s.o.Book.Of(v.Metadata, nil, v.ProjectID)
	switch {
	case err != nil:
		return nil, "The volume is not backed up: " + err.Error() + "."
	case effective != nil && effective.Lock != (policy.Span{}):
		return effective, "The backups are not locked: only backups of the embedded backend can be locked."
	case effective != nil && effective.Copy != "":
		return effective, fmt.Sprintf("The backups are not copied to %s: only backups of the embedded backend are copied.", effective.Copy)
	}
	return effective, ""
}
