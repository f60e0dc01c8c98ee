package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// everyAction returns one call of each volume action, by name.
func everyAction(snapshotID string) map[string]driver.VolumeAction {
	return map[string]driver.VolumeAction{
		"extend":          driver.ExtendVolume{Size: 2},
		"extend attached": driver.ExtendVolume{Size: 2, Attached: true},
		"bootable":        driver.SetVolumeBootable{Bootable: true},
		"readonly":        driver.SetVolumeReadonly{Readonly: true},
		"reserve":         driver.ReserveVolume{},
		"unreserve":       driver.UnreserveVolume{},
		"begin detaching": driver.BeginDetaching{},
		"roll detaching":  driver.RollDetaching{},
		"attach":          driver.AttachVolume{HostName: "host", Device: "/dev/vdb"},
		"detach":          driver.DetachVolume{},
		"retype":          driver.RetypeVolume{VolumeType: "other", Policy: "never"},
		"set image":       driver.SetImageMetadata{Metadata: map[string]string{"k": "v"}},
		"unset image":     driver.UnsetImageMetadata{Key: "k"},
		"revert":          driver.RevertVolume{SnapshotID: snapshotID},
		"reset available": driver.ResetVolumeStatus{Status: core.Available},
		"reset error":     driver.ResetVolumeStatus{Status: core.StatusError},
		"reset detached":  driver.ResetVolumeStatus{AttachStatus: core.Detached},
	}
}

// everyStatus has the statuses that os-reset_status accepts and those of the driver.
var everyStatus = []string{
	core.Creating, core.Available, core.Deleting, core.StatusError, core.ErrorDeleting, core.ErrorManaging, "managing", core.Attaching, core.InUse, core.Detaching, core.Maintenance,
	core.RestoringBack, core.ErrorRestoring, core.Reserved, core.AwaitingTransfer, core.BackingUp, "error_backing-up", core.ErrorExtending, core.Downloading,
	core.Uploading, "retyping", "extending", core.Reverting,
}

// changes has all changes of a volume's status by an action without a job: from and to.
// Every other combination leaves the status unchanged.
var changes = map[string]map[string]string{
	"reserve":         {core.Available: core.Attaching},
	"unreserve":       {core.Attaching: core.Available},
	"roll detaching":  {core.Detaching: core.InUse},
	"attach":          {core.Available: core.InUse, core.Attaching: core.InUse, core.Reserved: core.InUse},
	"detach":          {core.Attaching: core.Available, core.Detaching: core.Available, core.Reserved: core.Available, core.InUse: core.Available},
	"revert":          {core.Available: core.Reverting},
	"begin detaching": {}, // the test's volume has no attachment
}

func TestEveryActionInEveryStatus(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	_, err = r.CreateVolumeType(t.Context(), admin, driver.VolumeType{Name: "other", IsPublic: true})
	check(t, err)
	r.settle()
	before, err := r.core.DB.Volume(t.Context(), v.ID)
	check(t, err)
	for _, status := range everyStatus {
		for name, action := range everyAction(s.ID) {
			check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error { // unchanged except for the status and the file
				row := *before
				now, err := tx.Volume(v.ID)
				row.Status, row.File = status, now.File
				return errors.Join(err, tx.PutVolume(&row))
			}))
			err := r.ActOnVolume(t.Context(), admin, v.ID, action)
			want := status
			if to, ok := changes[name][status]; ok {
				want = to
			} else if reset, ok := action.(driver.ResetVolumeStatus); ok && reset.Status != "" && err == nil {
				want = reset.Status
			}
			if got := r.getVolume(v.ID).Status; got != want {
				t.Errorf("%s in status %s: %s, want %s (%v)", name, status, got, want, err)
			}
			r.settle()
			if name == "revert" && status == core.Available {
				r.wantVolume(v.ID, core.Available)
			}
		}
	}
}

// filling queues a job that fills or deletes the returned volume, and does not run it. It
// also returns the volume's status after the job; "" means that the volume is gone.
func filling(r *rig, how string) (driver.Volume, string) {
	r.t.Helper()
	ctx := r.t.Context()
	source := r.volume(alpha, 1)
	r.fill(source.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: source.ID})
	s, err := r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: source.ID, Force: true})
	if err != nil { // during its backup
		r.settle()
		s, err = r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: source.ID})
	}
	check(r.t, err)
	r.settle()
	create := func(spec driver.VolumeSpec) driver.Volume {
		v, err := r.CreateVolume(ctx, alpha, spec)
		check(r.t, err)
		return v
	}
	switch how {
	case "from snapshot":
		return create(driver.VolumeSpec{SnapshotID: s.ID}), core.Available
	case "from volume":
		return create(driver.VolumeSpec{SourceVolumeID: source.ID}), core.Available
	case "from backup":
		return create(driver.VolumeSpec{BackupID: b.ID}), core.Available
	case "restore by name":
		restore, err := r.RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
		check(r.t, err)
		return r.getVolume(restore.VolumeID), core.Available
	case "restore in place":
		_, err := r.RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(source.ID))
		check(r.t, err)
	case "revert":
		check(r.t, r.ActOnVolume(ctx, alpha, source.ID, driver.RevertVolume{SnapshotID: s.ID}))
	case "cascade":
		check(r.t, r.DeleteVolume(ctx, alpha, source.ID, driver.VolumeDelete{Cascade: true}))
		return source, ""
	case "delete":
		v := r.volume(alpha, 1)
		check(r.t, r.DeleteVolume(ctx, alpha, v.ID, driver.VolumeDelete{}))
		return v, ""
	}
	return source, core.Available
}

// No action makes a volume usable while a job fills or deletes it. At its end, the job sets
// the status, whatever an admin did meanwhile.
func TestNothingIsUsableWhileItIsFilled(t *testing.T) {
	idle := []string{core.Available, core.InUse, core.Attaching, core.Reserved, core.Detaching}
	for _, how := range []string{"from snapshot", "from volume", "from backup", "restore by name", "restore in place", "revert", "cascade", "delete"} {
		for _, reset := range []string{"", core.StatusError, core.Maintenance} {
			t.Run(fmt.Sprintf("%s, reset to %q", how, reset), func(t *testing.T) {
				r := newRig(t)
				v, end := filling(r, how)
				if reset != "" {
					check(t, r.ActOnVolume(t.Context(), admin, v.ID, driver.ResetVolumeStatus{Status: reset}))
				}
				for name, action := range everyAction("") {
					_ = r.ActOnVolume(t.Context(), admin, v.ID, action)
					if got := r.getVolume(v.ID).Status; slices.Contains(idle, got) {
						t.Fatalf("%s made it %s", name, got)
					}
				}
				for _, status := range everyStatus {
					_ = r.ActOnVolume(t.Context(), admin, v.ID, driver.ResetVolumeStatus{Status: status})
					if got := r.getVolume(v.ID).Status; slices.Contains(idle, got) {
						t.Fatalf("a reset to %s made it %s", status, got)
					}
				}
				r.settle()
				if end == "" {
					if _, err := r.GetVolume(t.Context(), admin, v.ID); driver.KindOf(err) != driver.NotFound {
						t.Fatalf("not deleted: %v", err)
					}
					return
				}
				r.wantVolume(v.ID, end)
				if !core.IsFile(r.file(v.ID)) {
					t.Fatal("available without a file")
				}
			})
		}
	}
}

// A failed job sets the status of its volume, too.
func TestFailedRestoreAfterAReset(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	row := r.row(b.ID)
	r.store.Set(r.container(row)+"/"+row.ServiceMetadata+"-00001", []byte("damaged"))
	_, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(v.ID))
	check(t, err)
	check(t, r.ActOnVolume(t.Context(), admin, v.ID, driver.ResetVolumeStatus{Status: core.StatusError}))
	r.settle()
	r.wantVolume(v.ID, core.ErrorRestoring)
	r.wantBackup(b.ID, driver.BackupAvailable)
	page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1})
	check(t, err)
	if len(page.Items) != 1 || !strings.Contains(page.Items[0].UserMessage, "Object volume_") || strings.Contains(page.Items[0].UserMessage, r.dir) {
		t.Fatalf("the message does not say why: %+v", page.Items)
	}
}

// The source of a copy exists until the copy is done.
func TestDeletesWaitForCopies(t *testing.T) {
	for _, cascade := range []bool{true, false} {
		t.Run(fmt.Sprintf("cascade %v", cascade), func(t *testing.T) {
			r := newRig(t)
			ctx := t.Context()
			v := r.volume(alpha, 1)
			r.fill(v.ID, 1)
			s, err := r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
			check(t, err)
			r.settle()
			digest := r.digest(v.ID)
			copied, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{SnapshotID: s.ID})
			check(t, err)
			if cascade {
				check(t, r.DeleteVolume(ctx, alpha, v.ID, driver.VolumeDelete{Cascade: true}))
			} else {
				check(t, r.DeleteSnapshot(ctx, alpha, s.ID, false))
			}
			// The quick queue has the deletes. They have to wait.
			for {
				ran, err := r.jobs.RunOneOf(ctx, jobs.QuickQueue)
				check(t, err)
				if !ran {
					break
				}
			}
			r.settle()
			r.wantVolume(copied.ID, core.Available)
			if r.digest(copied.ID) != digest {
				t.Fatal("the copy differs")
			}
			if _, err := r.GetSnapshot(ctx, alpha, s.ID); driver.KindOf(err) != driver.NotFound {
				t.Fatalf("the snapshot is not deleted: %v", err)
			}
			if _, err := r.GetVolume(ctx, alpha, v.ID); cascade != (driver.KindOf(err) == driver.NotFound) {
				t.Fatalf("cascade %v: %v", cascade, err)
			}
		})
	}
	t.Run("of a revert", func(t *testing.T) {
		r := newRig(t)
		v := r.volume(alpha, 1)
		s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
		check(t, err)
		r.settle()
		check(t, r.ActOnVolume(t.Context(), alpha, v.ID, driver.RevertVolume{SnapshotID: s.ID}))
		check(t, r.DeleteSnapshot(t.Context(), admin, s.ID, true))
		_, err = r.jobs.RunOneOf(t.Context(), jobs.QuickQueue)
		check(t, err)
		r.settle()
		r.wantVolume(v.ID, core.Available)
	})
}

// An interrupted cascading delete continues after a restart.
func TestCascadeAfterRestart(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	for range 3 {
		_, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
		check(t, err)
	}
	r.settle()
	check(t, r.DeleteVolume(t.Context(), alpha, v.ID, driver.VolumeDelete{Cascade: true}))
	for range 4 {
		_, err := r.RunOne(t.Context())
		check(t, err)
		r.reopen()
	}
	r.settle()
	volumes, err := r.core.DB.AllVolumes(t.Context())
	check(t, err)
	snapshots, err := r.core.DB.AllSnapshots(t.Context())
	check(t, err)
	if volumes.Len()+snapshots.Len() > 0 {
		t.Fatal("something is left")
	}
}

// A cascading delete finishes even if a separate delete of a snapshot was accepted before.
// The second job on the snapshot finds nothing to do, and continues with the volume.
func TestCascadeAfterDeleteOfASnapshot(t *testing.T) {
	for _, snapshots := range []int{1, 2} {
		t.Run(strconv.Itoa(snapshots), func(t *testing.T) {
			r := newRig(t)
			v := r.volume(alpha, 1)
			for range snapshots {
				s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
				check(t, err)
				r.settle()
				check(t, r.DeleteSnapshot(t.Context(), alpha, s.ID, false))
			}
			check(t, r.DeleteVolume(t.Context(), alpha, v.ID, driver.VolumeDelete{Cascade: true}))
			r.settle()
			if _, err := r.GetVolume(t.Context(), alpha, v.ID); driver.KindOf(err) != driver.NotFound {
				t.Fatalf("the volume is not deleted: %v", err)
			}
		})
	}
}

// A failed delete of a volume does not continue when its last snapshot is gone. An admin
// may have decided meanwhile to keep the volume.
func TestFailedCascadeStays(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	snapshots := map[string]bool{}
	for range 2 {
		s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
		check(t, err)
		snapshots[s.ID] = true
	}
	r.settle()
	// A snapshot that cannot be removed: a directory is in the file's place.
	var stuck string
	for id := range snapshots {
		stuck = id
	}
	path := r.snapshotFile(stuck)
	check(t, os.Remove(path))
	check(t, os.MkdirAll(filepath.Join(path, "full"), 0o755))
	check(t, r.DeleteVolume(t.Context(), alpha, v.ID, driver.VolumeDelete{Cascade: true}))
	r.settle()
	r.wantVolume(v.ID, core.ErrorDeleting)
	check(t, os.RemoveAll(path))
	check(t, r.DeleteSnapshot(t.Context(), alpha, stuck, true))
	check(t, r.ActOnVolume(t.Context(), admin, v.ID, driver.ResetVolumeStatus{Status: core.Available}))
	r.settle()
	r.wantVolume(v.ID, core.Available)
}

// The backup of a snapshot has the snapshot's size, whatever size the volume has now.
func TestBackupOfASnapshotAfterAnExtend(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	r.settle()
	check(t, r.ActOnVolume(t.Context(), alpha, v.ID, driver.ExtendVolume{Size: 2}))
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, SnapshotID: s.ID})
	if b.Size != 1 {
		t.Fatalf("size %d", b.Size)
	}
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
}

// A resource without data does not become available, even if an admin resets it.
func TestResetOfWhatHasNoData(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	check(t, os.Remove(r.file(v.ID)))
	r.settle()
	check(t, r.ActOnVolume(t.Context(), admin, v.ID, driver.ResetVolumeStatus{Status: core.StatusError}))
	for _, status := range []string{core.Available, core.Attaching, core.Reserved, core.AwaitingTransfer} {
		if err := r.ActOnVolume(t.Context(), admin, v.ID, driver.ResetVolumeStatus{Status: status}); driver.KindOf(err) != driver.InvalidState {
			t.Errorf("reset to %s: %v", status, err)
		}
	}
	r.wantVolume(v.ID, core.StatusError)
	if err := r.ResetSnapshotStatus(t.Context(), admin, s.ID, core.Available, ""); driver.KindOf(err) != driver.InvalidState {
		t.Fatal(err)
	}
	got, err := r.GetSnapshot(t.Context(), alpha, s.ID)
	check(t, err)
	if got.Status != core.StatusError {
		t.Fatalf("the snapshot is %s", got.Status)
	}
}

// A snapshot does not become available before its copy is complete, even if an admin resets
// it.
func TestSnapshotResetWhileItIsMade(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	// Half of the file exists. So the refusal is due to the job, not to a missing file.
	check(t, os.WriteFile(r.snapshotFile(s.ID), []byte("half"), 0o600))
	if err := r.ResetSnapshotStatus(t.Context(), admin, s.ID, core.Available, ""); driver.KindOf(err) != driver.InvalidState {
		t.Fatal(err)
	}
	check(t, r.ResetSnapshotStatus(t.Context(), admin, s.ID, core.StatusError, ""))
	r.settle()
	got, err := r.GetSnapshot(t.Context(), alpha, s.ID)
	check(t, err)
	if got.Status != core.Available || got.Progress != "100%" {
		t.Fatalf("%+v", got)
	}
}

// A reset makes a backup available only if it can be restored.
func TestBackupResetToAvailable(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	if err := r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupAvailable); driver.KindOf(err) != driver.InvalidState {
		t.Fatal(err)
	}
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	check(t, r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupError))
	check(t, r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupAvailable))
	r.wantBackup(b.ID, driver.BackupAvailable)

	check(t, r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupError))
	row := r.row(b.ID)
	key := r.container(row) + "/" + row.ServiceMetadata + "-00001"
	whole := r.store.Objects()[key]
	r.store.Set(key, nil)
	if err := r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupAvailable); driver.KindOf(err) != driver.InvalidState ||
		!strings.Contains(err.Error(), "is missing") {
		t.Fatal(err)
	}
	r.wantBackup(b.ID, driver.BackupError)
	r.store.Set(key, whole)
	// A backup that is being deleted may already have lost objects.
	check(t, r.DeleteBackup(ctx, alpha, b.ID))
	if err := r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupAvailable); driver.KindOf(err) != driver.InvalidState {
		t.Fatal(err)
	}
	r.settle()
	if left := r.keys(); left != "" {
		t.Fatalf("left\n%s", left)
	}
}
