package embedded

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/layout"
)

// The texts are those of a real Cinder 21.3.1.
func TestCreateBackupTexts(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v, other := r.volume(alpha, 1), r.volume(alpha, 2)
	s, err := r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	r.settle()
	fails := func(kind driver.Kind, text string, spec driver.BackupSpec) {
		t.Helper()
		_, err := r.CreateBackup(ctx, alpha, spec)
		refused(t, err, kind, text)
	}
	fails(driver.NotFound, "Volume nope could not be found.", driver.BackupSpec{VolumeID: "nope", SnapshotID: "nope"})
	fails(driver.NotFound, "Snapshot nope could not be found.", driver.BackupSpec{VolumeID: v.ID, SnapshotID: "nope"})
	fails(driver.InvalidState, "Invalid volume: Volume "+other.ID+" does not match with snapshot.volume_id "+v.ID+".",
		driver.BackupSpec{VolumeID: other.ID, SnapshotID: s.ID})
	fails(driver.InvalidState, "Invalid backup: No backups available to do an incremental backup.",
		driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	check(t, r.ResetSnapshotStatus(ctx, admin, s.ID, "error", ""))
	fails(driver.InvalidState, `Invalid snapshot: Snapshot to be backed up must be available, but the current status is "error".`,
		driver.BackupSpec{VolumeID: v.ID, SnapshotID: s.ID})
	check(t, r.ResetSnapshotStatus(ctx, admin, s.ID, "available", ""))
	check(t, r.ActOnVolume(ctx, admin, v.ID, driver.ResetVolumeStatus{Status: "error"}))
	fails(driver.InvalidState, `Invalid volume: Volume to be backed up must be available or in-use, but the current status is "error".`,
		driver.BackupSpec{VolumeID: v.ID, Force: true})
	check(t, r.ActOnVolume(ctx, admin, v.ID, driver.ResetVolumeStatus{Status: "available"}))
	check(t, r.ActOnVolume(ctx, alpha, v.ID, driver.AttachVolume{HostName: "h", Device: "/dev/vdb"}))
	fails(driver.InvalidState, "Invalid volume: Backing up an in-use volume must use the force flag.", driver.BackupSpec{VolumeID: v.ID})

	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Force: true})
	r.wantVolume(v.ID, core.BackingUp)
	fails(driver.InvalidState, "Invalid backup: The parent backup must be available for incremental backup.",
		driver.BackupSpec{VolumeID: v.ID, Incremental: true, SnapshotID: s.ID})
	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
	refused(t, err, driver.InvalidState, "Invalid backup: Backup status must be available")
	_, err = r.ExportRecord(ctx, admin, b.ID)
	refused(t, err, driver.InvalidState, "Invalid backup: Backup status must be available and not creating.")
	refused(t, r.DeleteBackup(ctx, alpha, b.ID), driver.InvalidState, "Invalid backup: Backup status must be available or error")
	r.settle()
	r.wantVolume(v.ID, core.InUse)

	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(v.ID))
	refused(t, err, driver.InvalidState, "Invalid volume: Volume to be restored to must be available")
	big := r.backup(alpha, driver.BackupSpec{VolumeID: other.ID})
	r.settle()
	small := r.volume(alpha, 1)
	_, err = r.RestoreBackup(ctx, alpha, big.ID, driver.ToVolume(small.ID))
	refused(t, err, driver.InvalidState, "Invalid volume: volume size 1 is too small to restore backup of size 2.")
	_, err = r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1, BackupID: big.ID})
	refused(t, err, driver.InvalidInput,
		"Invalid input received: Volume size 1GB cannot be smaller than the backup size 2GB. It must be >= backup size.")
	refused(t, r.DeleteVolume(ctx, alpha, v.ID, driver.VolumeDelete{}), driver.InvalidState,
		"Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and "+
			"must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, "+
			"or be disassociated from snapshots after volume transfer.")
}

func TestContainers(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	for _, name := range []string{"/abs", "../x", "a/../../x", "..", ".", "a//b", "a/", "a\x00b", `a\b`, ".hidden", "a/.b"} {
		_, err := r.CreateBackup(t.Context(), alpha, driver.BackupSpec{VolumeID: v.ID, Container: name})
		if driver.KindOf(err) != driver.InvalidInput {
			t.Errorf("container %q: %v", name, err)
		}
	}
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Container: "mine/deep"})
	r.settle()
	if got := r.wantBackup(b.ID, driver.BackupAvailable); got.Container != "mine/deep" {
		t.Fatal(got.Container)
	}
	b = r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	if b.Container != "" || b.AvailabilityZone != "" {
		t.Fatalf("%q %q", b.Container, b.AvailabilityZone)
	}
	r.settle()
	if got := r.getBackup(b.ID); got.Container != b.ID[0:2]+"/"+b.ID[2:4]+"/"+b.ID {
		t.Fatal(got.Container)
	}
}

func TestQuotaTexts(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	set := func(limits map[string]int) {
		t.Helper()
		_, err := r.SetQuotas(ctx, admin, "alpha", limits)
		check(t, err)
	}
	over := func(err error, text string) {
		t.Helper()
		refused(t, err, driver.OverLimit, text)
	}
	set(map[string]int{"backups": 1})
	_, err := r.CreateBackup(ctx, alpha, driver.BackupSpec{VolumeID: v.ID})
	over(err, "BackupLimitExceeded: Maximum number of backups allowed (1) exceeded")
	set(map[string]int{"backup_gigabytes": 1})
	_, err = r.CreateBackup(ctx, alpha, driver.BackupSpec{VolumeID: v.ID})
	over(err, "VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes quota. "+
		"Requested 1G, quota is 1G and 1G has been consumed.")
	set(map[string]int{"volumes": 1})
	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
	over(err, "Maximum number of volumes allowed (1) exceeded for quota 'volumes'.")
	_, err = r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1})
	over(err, "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'.")
	set(map[string]int{"gigabytes": 1})
	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
	over(err, "Requested volume or snapshot exceeds allowed gigabytes quota. Requested 1G, quota is 1G and 1G has been consumed.")
	_, err = r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
	over(err, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "+
		"Requested 1G, quota is 1G and 1G has been consumed.")
	set(map[string]int{"gigabytes": -1, "snapshots": 0})
	_, err = r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
	over(err, "SnapshotLimitExceeded: Maximum number of snapshots allowed (0) exceeded")
	set(map[string]int{"volumes": -1, "per_volume_gigabytes": 1})
	_, err = r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 2})
	over(err, "VolumeSizeExceedsLimit: Requested volume size 2G is larger than maximum allowed limit 1G.")
	set(map[string]int{"volumes___DEFAULT__": 1})
	_, err = r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1})
	over(err, "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes___DEFAULT__'.")
	_, err = r.SetQuotas(ctx, admin, "alpha", map[string]int{"backups": 0})
	if err == nil || err.Error() != "Quota backups limit must be equal or greater than existing resources. "+
		"Current usage is 1 and the requested limit is 0." {
		t.Error(err)
	}
	all, err := r.Quotas(ctx, admin, "alpha")
	check(t, err)
	var names []string
	for _, q := range all {
		names = append(names, q.Resource)
	}
	if got := strings.Join(names, " "); got != "volumes per_volume_gigabytes snapshots gigabytes backups backup_gigabytes "+
		"volumes___DEFAULT__ gigabytes___DEFAULT__ snapshots___DEFAULT__ groups" {
		t.Fatal(got)
	}
}

func TestParallelCreatesStayBelowTheQuota(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Quotas = map[string]int{driver.QuotaVolumes: -1, driver.QuotaBackups: 7} })
	var ids []string
	for range 20 {
		ids = append(ids, r.volume(alpha, 1).ID)
	}
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			_, err := r.CreateBackup(t.Context(), alpha, driver.BackupSpec{VolumeID: id})
			if err != nil && driver.KindOf(err) != driver.OverLimit {
				t.Error(err)
			}
		})
	}
	all.Wait()
	page, err := r.ListBackups(t.Context(), alpha, driver.Query{Limit: -1})
	check(t, err)
	if len(page.Items) != 7 {
		t.Fatalf("%d backups, want 7", len(page.Items))
	}
}

// After a method has returned, every read shows its changes.
func TestCacheCoherence(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	var ids []string
	for range 4 {
		ids = append(ids, r.backup(alpha, driver.BackupSpec{VolumeID: v.ID}).ID)
		r.settle()
	}
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			for i := range 50 {
				name := fmt.Sprintf("%s %d", id, i)
				if _, err := r.UpdateBackup(t.Context(), alpha, id, driver.BackupPatch{Name: driver.Some(&name)}); err != nil {
					t.Error(err)
					return
				}
				b, err := r.GetBackup(t.Context(), alpha, id)
				if err != nil || *b.Name != name {
					t.Errorf("stale: %v %v", b.Name, err)
					return
				}
				page, err := r.ListBackups(t.Context(), alpha, driver.Query{Limit: -1})
				if err != nil || len(page.Items) != len(ids) {
					t.Errorf("%d items, %v", len(page.Items), err)
					return
				}
				for _, item := range page.Items {
					if item.ID == id && *item.Name != name {
						t.Errorf("stale in the list: %q, want %q", *item.Name, name)
						return
					}
				}
			}
		})
	}
	all.Wait()
}

func TestParentChoice(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	first := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	s, err := r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	r.settle()
	later := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	fromSnapshot := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, SnapshotID: s.ID, Incremental: true})
	if fromSnapshot.ParentID != first.ID {
		t.Fatalf("the snapshot's backup has the parent %s", fromSnapshot.ParentID)
	}
	r.settle()
	check(t, r.ResetBackupStatus(ctx, admin, later.ID, driver.BackupError))
	inc := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	if inc.ParentID != fromSnapshot.ID {
		t.Fatalf("the newest available data is of %s, not %s", fromSnapshot.ID, inc.ParentID)
	}
	r.settle()
	r.wantBackup(inc.ID, driver.BackupAvailable)
}

func TestVolumeMetadataComesBack(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	name := "source"
	v, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{Name: &name, Description: &name, Size: 1, Metadata: map[string]string{"k": "v"}})
	check(t, err)
	check(t, r.ActOnVolume(ctx, alpha, v.ID, driver.SetVolumeBootable{Bootable: true}))
	check(t, r.ActOnVolume(ctx, alpha, v.ID, driver.SetImageMetadata{Metadata: map[string]string{"image_name": "cirros"}}))
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	// Heat renames the volume during the restore. An empty name is replaced by the
	// source's.
	restore, err := r.RestoreBackup(ctx, alpha, b.ID, driver.ToNewVolume(""))
	check(t, err)
	r.settle()
	got := r.wantVolume(restore.VolumeID, core.Available)
	if *got.Name != "source" || *got.Description != "source" || !got.Bootable || got.ImageMetadata["image_name"] != "cirros" ||
		got.Metadata["k"] != "v" || got.Metadata["src_backup_id"] != b.ID {
		t.Fatalf("%+v", got)
	}
	restore, err = r.RestoreBackup(ctx, alpha, b.ID, driver.ToNewVolume("named"))
	check(t, err)
	renamed := "by Heat"
	_, err = r.UpdateVolume(ctx, alpha, restore.VolumeID, driver.VolumePatch{Name: driver.Some(&renamed)})
	check(t, err)
	r.settle()
	if got := r.wantVolume(restore.VolumeID, core.Available); *got.Name != renamed || *got.Description != "auto-created_from_restore_from_backup" {
		t.Fatalf("%+v", got)
	}
	// A restore to the source itself sets no src_backup_id.
	restore, err = r.RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(v.ID))
	check(t, err)
	r.settle()
	if got := r.wantVolume(restore.VolumeID, core.Available); got.Metadata["src_backup_id"] != "" || *got.Name != "source" {
		t.Fatalf("%+v", got)
	}
}

// edit changes an exported record.
func edit(t *testing.T, r driver.BackupRecord, change func(map[string]any)) driver.BackupRecord {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(r.URL)
	check(t, err)
	var fields map[string]any
	check(t, json.Unmarshal(raw, &fields))
	change(fields)
	raw, err = json.Marshal(fields)
	check(t, err)
	return driver.BackupRecord{Service: r.Service, URL: base64.StdEncoding.EncodeToString(raw)}
}

// Ids of invented records.
const (
	twinID    = "7717A000-0000-4000-8000-000000000001"
	orphanID  = "0000a000-0000-4000-8000-000000000002"
	foreignID = "f0000000-0000-4000-8000-000000000003"
	poorID    = "b0000000-0000-4000-8000-000000000004"
	escapeID  = "e5c00000-0000-4000-8000-000000000005"
	greedyID  = "60000000-0000-4000-8000-000000000006"
	nobodyID  = "00000000-0000-4000-8000-000000000007"
)

func TestImport(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	full := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.fill(v.ID, 2)
	inc := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	r.settle()
	fullRecord, err := r.ExportRecord(ctx, admin, full.ID)
	check(t, err)
	incRecord, err := r.ExportRecord(ctx, admin, inc.ID)
	check(t, err)
	imported := func(record driver.BackupRecord) driver.Backup {
		t.Helper()
		b, err := r.ImportRecord(ctx, admin, record)
		check(t, err)
		if b.VolumeID != "00000000-0000-0000-0000-000000000000" || b.Status != driver.BackupCreating {
			t.Fatalf("%+v", b)
		}
		r.settle()
		return r.getBackup(b.ID)
	}

	// Tempest imports the same data under another id. It can be restored. The objects stay
	// until the last of the two backups is deleted.
	twin := imported(edit(t, incRecord, func(f map[string]any) { f["id"] = twinID }))
	if twin.Status != driver.BackupAvailable || twin.ParentID != full.ID || twin.VolumeID != v.ID ||
		twin.AvailabilityZone != "nova" || twin.ProjectID != "admin" || !twin.IsIncremental {
		t.Fatalf("%+v", twin)
	}
	restore, err := r.RestoreBackup(ctx, admin, twinID, driver.RestoreTarget{})
	check(t, err)
	r.settle()
	if r.wantVolume(restore.VolumeID, core.Available); r.digest(restore.VolumeID) != r.digest(v.ID) {
		t.Fatal("restored bytes differ")
	}
	check(t, r.DeleteBackup(ctx, alpha, inc.ID))
	r.settle()
	refused(t, r.DeleteBackup(ctx, alpha, full.ID), driver.InvalidState, "Invalid backup: Incremental backups exist for this backup.")
	if !r.getBackup(full.ID).HasDependents {
		t.Fatal("the imported child does not count")
	}
	_, err = r.RestoreBackup(ctx, admin, twinID, driver.ToVolume(restore.VolumeID))
	check(t, err)
	r.settle()
	r.wantVolume(restore.VolumeID, core.Available)

	// An import revives a deleted id if the data exists: the twin still has it.
	revived := imported(incRecord)
	if revived.ID != inc.ID || revived.Status != driver.BackupAvailable {
		t.Fatalf("%+v", revived)
	}
	check(t, r.DeleteBackup(ctx, admin, inc.ID))
	check(t, r.DeleteBackup(ctx, admin, twinID))
	r.settle()
	if strings.Contains(r.keys(), inc.ID) {
		t.Fatalf("the last of three left\n%s", r.keys())
	}

	// Records without data, without a parent, of another service, or without required
	// fields.
	lost := imported(incRecord)
	if lost.Status != driver.BackupError || !strings.HasPrefix(lost.FailReason, "The data of the backup is not in the backup store") {
		t.Fatalf("%s %q", lost.Status, lost.FailReason)
	}
	orphan := imported(edit(t, fullRecord, func(f map[string]any) { f["id"] = orphanID; f["parent_id"] = nobodyID }))
	if orphan.Status != driver.BackupError ||
		orphan.FailReason != "Backup "+orphanID+" depends on backup "+nobodyID+", which is not here. Import that as well." {
		t.Fatalf("%s %q", orphan.Status, orphan.FailReason)
	}
	foreign := edit(t, fullRecord, func(f map[string]any) { f["id"] = foreignID })
	foreign.Service = "cinder.backup.drivers.nonsense"
	if b := imported(foreign); b.Status != driver.BackupError || b.Size != 0 || b.FailReason != "Import record failed, cannot find backup "+
		"service to perform the import. Request service cinder.backup.drivers.nonsense." {
		t.Fatalf("%+v", b)
	}
	poor := imported(edit(t, fullRecord, func(f map[string]any) { f["id"] = poorID; delete(f, "object_count") }))
	if poor.FailReason != "Driver successfully decoded imported backup data, but there are missing fields (object_count)." {
		t.Fatal(poor.FailReason)
	}
	escape := imported(edit(t, fullRecord, func(f map[string]any) { f["id"] = escapeID; f["container"] = "../../etc" }))
	if escape.Status != driver.BackupError {
		t.Fatalf("%+v", escape)
	}
	greedy := imported(edit(t, fullRecord, func(f map[string]any) { f["id"] = greedyID; f["service_metadata"] = "volume" }))
	if greedy.Status != driver.BackupError {
		t.Fatalf("%+v", greedy)
	}
	// The delete of a failed import does not touch the objects of other backups.
	for _, id := range []string{orphanID, foreignID, poorID, escapeID, greedyID, inc.ID} {
		check(t, r.DeleteBackup(ctx, admin, id))
	}
	r.settle()
	for _, id := range []string{foreignID, poorID, escapeID, greedyID, inc.ID} {
		if _, err := r.GetBackup(ctx, admin, id); err == nil {
			t.Fatalf("%s is still there", id)
		}
	}
	if restore, err = r.RestoreBackup(ctx, alpha, full.ID, driver.RestoreTarget{}); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.wantVolume(restore.VolumeID, core.Available)

	if _, err := r.ImportRecord(ctx, admin, fullRecord); err == nil || err.Error() != "Invalid backup: Backup already exists in database." {
		t.Fatal(err)
	}
	for url, text := range map[string]string{
		"???":      "Can't parse backup record.",
		"e30":      "Can't decode backup record.",
		"aGVsbG8=": "Can't parse backup record.",
		"e30=":     "Provided backup record is missing an id",
		base64.StdEncoding.EncodeToString([]byte(`{"id": "` + orphanID + `"}`)): "Provided backup record is missing size attribute",
	} {
		_, err := r.ImportRecord(ctx, admin, driver.BackupRecord{Service: layout.Posix{}.Service(), URL: url})
		refused(t, err, driver.InvalidInput, "Invalid input received: "+text)
	}
}

func TestExportRecord(t *testing.T) {
	r := newRig(t)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: r.volume(alpha, 1).ID, Metadata: map[string]string{"k": "v"}})
	r.settle()
	record, err := r.ExportRecord(t.Context(), admin, b.ID)
	check(t, err)
	raw, err := base64.StdEncoding.DecodeString(record.URL)
	check(t, err)
	var fields map[string]any
	check(t, json.Unmarshal(raw, &fields))
	if record.Service != (layout.Posix{}).Service() || fields["created_at"] != b.CreatedAt.Format("2006-01-02T15:04:05Z") ||
		fields["service_metadata"] != "volume_"+b.VolumeID+"_"+b.CreatedAt.Format("20060102150405")+"_backup_"+b.ID ||
		fields["deleted_at"] != nil || fields["num_dependent_backups"] != 0.0 || len(fields) != 29 {
		t.Fatalf("%s", raw)
	}
}

func TestVolumesAndSnapshots(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	r.fill(v.ID, 3)
	before := r.digest(v.ID)
	s, err := r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	r.settle()
	if got, err := r.GetSnapshot(ctx, alpha, s.ID); err != nil || got.Status != core.Available || got.Progress != "100%" {
		t.Fatalf("%+v %v", got, err)
	}
	r.fill(v.ID, 4)
	fromSnapshot, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{SnapshotID: s.ID, Size: 2})
	check(t, err)
	fromVolume, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{SourceVolumeID: v.ID})
	check(t, err)
	r.wantVolume(fromVolume.ID, core.Creating)
	r.settle()
	if r.wantVolume(fromSnapshot.ID, core.Available); r.digest(fromSnapshot.ID) != before {
		t.Fatal("the volume from the snapshot differs")
	}
	if got := r.wantVolume(fromVolume.ID, core.Available); r.digest(fromVolume.ID) != r.digest(v.ID) || got.Size != 1 {
		t.Fatal("the volume from the volume differs")
	}
	check(t, r.ActOnVolume(ctx, alpha, v.ID, driver.RevertVolume{SnapshotID: s.ID}))
	r.wantVolume(v.ID, core.Reverting)
	r.settle()
	if r.wantVolume(v.ID, core.Available); r.digest(v.ID) != before {
		t.Fatal("the reverted volume differs")
	}
	_, err = r.CreateVolume(ctx, alpha, driver.VolumeSpec{SourceVolumeID: fromSnapshot.ID, Size: 1})
	refused(t, err, driver.InvalidInput, "Invalid input received: Volume size '1'GB cannot be smaller than "+
		"original volume size  2GB. They must be >= original volume size.")
	check(t, r.DeleteVolume(ctx, alpha, v.ID, driver.VolumeDelete{Cascade: true}))
	r.settle()
	if _, err := r.GetSnapshot(ctx, alpha, s.ID); err == nil {
		t.Fatal("the snapshot is still there")
	}
}

func TestAttachments(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	act := func(a driver.VolumeAction) error { return r.ActOnVolume(ctx, alpha, v.ID, a) }
	check(t, act(driver.ReserveVolume{}))
	r.wantVolume(v.ID, core.Attaching)
	refused(t, act(driver.ReserveVolume{}), driver.InvalidState,
		"Invalid volume: Volume status must be available to reserve, but the status is attaching.")
	check(t, act(driver.UnreserveVolume{}))
	refused(t, act(driver.BeginDetaching{}), driver.InvalidState, "Invalid volume: Unable to detach volume. "+
		"Volume status must be 'in-use' and attach_status must be 'attached' to detach.")
	check(t, act(driver.AttachVolume{HostName: "h", Device: "/dev/vdb", Mode: "rw"}))
	got := r.wantVolume(v.ID, core.InUse)
	if got.AdminMetadata["readonly"] != "False" || got.AdminMetadata["attached_mode"] != "rw" || len(got.Attachments) != 1 {
		t.Fatalf("%+v", got)
	}
	refused(t, act(driver.AttachVolume{HostName: "other"}), driver.InvalidState,
		"Invalid volume: volume is already attached and multiple attachments are not enabled")
	refused(t, act(driver.ExtendVolume{Size: 2}), driver.InvalidState,
		"Invalid volume: Volume "+v.ID+" status must be '{'status': 'available'}' to extend, currently in-use.")
	check(t, act(driver.ExtendVolume{Size: 2, Attached: true}))
	check(t, act(driver.BeginDetaching{}))
	check(t, act(driver.RollDetaching{}))
	check(t, act(driver.BeginDetaching{}))
	check(t, act(driver.DetachVolume{AttachmentID: got.Attachments[0].ID}))
	got = r.wantVolume(v.ID, core.Available)
	if got.AdminMetadata["attached_mode"] != "" || got.AttachStatus != core.Detached || got.Size != 2 {
		t.Fatalf("%+v", got)
	}
	refused(t, r.ActOnVolume(ctx, admin, v.ID, driver.ResetVolumeStatus{Status: "in-use"}), driver.InvalidInput,
		"Cannot reset-state to in-use because volume does not have any attachments.")
	check(t, act(driver.SetVolumeReadonly{Readonly: true}))
	refused(t, act(driver.AttachVolume{HostName: "h"}), driver.InvalidState, "Invalid attaching mode 'rw' for volume "+v.ID+".")
	fast, err := r.CreateVolumeType(ctx, admin, driver.VolumeType{Name: "fast", IsPublic: true})
	check(t, err)
	check(t, act(driver.RetypeVolume{VolumeType: "fast", Policy: "never"}))
	if got := r.getVolume(v.ID); got.VolumeType != "fast" || got.VolumeTypeID != fast.ID {
		t.Fatalf("%+v", got)
	}
	refused(t, r.DeleteVolumeType(ctx, admin, fast.ID), driver.InvalidState, "Target volume type is still in use.")
}

// After a restart, a row is equal to the one that was written.
func TestReopenKeepsRows(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: map[string]string{"k": "v"}})
	r.settle()
	r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	r.settle()
	before, volume := r.getBackup(b.ID), r.getVolume(v.ID)
	r.reopen()
	after, again := r.getBackup(b.ID), r.getVolume(v.ID)
	if got, want := fmt.Sprintf("%+v", view(after)), fmt.Sprintf("%+v", view(before)); got != want {
		t.Fatalf("%s\n%s", got, want)
	}
	if !again.UpdatedAt.Equal(volume.UpdatedAt) || *again.Name != *volume.Name || again.Status != volume.Status {
		t.Fatalf("%+v\n%+v", again, volume)
	}
}

// view returns a backup without pointers, for comparison.
func view(b driver.Backup) driver.Backup { b.Name, b.Description = nil, nil; return b }
