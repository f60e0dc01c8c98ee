package embedded

import (
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
)

func TestNoPoolForVolume(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	_, err := r.CreateVolumeType(ctx, admin, driver.VolumeType{Name: "odd", IsPublic: true, ExtraSpecs: map[string]string{"vendor_name": "else"}})
	check(t, err)
	v, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1, VolumeType: "odd"})
	check(t, err)
	if got := r.wantVolume(v.ID, core.StatusError); got.AvailabilityZone != "nova" {
		t.Errorf("its availability zone is %q", got.AvailabilityZone)
	}
	page, err := r.ListMessages(ctx, alpha, driver.Query{Limit: -1})
	check(t, err)
	if len(page.Items) != 1 || page.Items[0].EventID != "VOLUME_VOLUME_001_003" || page.Items[0].ResourceUUID != v.ID ||
		page.Items[0].UserMessage != "schedule allocate volume:Could not find any available weighted backend." {
		t.Fatalf("%+v", page.Items)
	}
	check(t, r.DeleteVolume(ctx, alpha, v.ID, driver.VolumeDelete{}))
	r.settle()

	host := core.ServiceHost(r.core.Host, core.VolumeService)
	check(t, r.UpdateService(ctx, admin, host, core.VolumeService, driver.ServicePatch{Disabled: driver.Some(true), Frozen: driver.Some(true)}))
	v, err = r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1})
	check(t, err)
	r.wantVolume(v.ID, core.StatusError)
	refused(t, r.DeleteVolume(ctx, alpha, v.ID, driver.VolumeDelete{}), driver.InvalidState,
		"Invalid input received: Modification operations are not allowed on frozen storage backends.")
}

func TestEncryptedTypeIsRefused(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	vt, err := r.CreateVolumeType(ctx, admin, driver.VolumeType{Name: "secret", IsPublic: true})
	check(t, err)
	_, err = r.CreateTypeEncryption(ctx, admin, vt.ID, driver.TypeEncryption{Provider: "luks", ControlLocation: "front-end"})
	check(t, err)
	const text = "Volume type secret has encryption, and this backend does not encrypt volumes."
	_, err = r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1, VolumeType: "secret"})
	refused(t, err, driver.NotSupported, text)
	v := r.volume(alpha, 1)
	refused(t, r.ActOnVolume(ctx, alpha, v.ID, driver.RetypeVolume{VolumeType: "secret"}), driver.NotSupported, text)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	_, err = r.SetDefaultType(ctx, admin, alpha.ProjectID, "secret")
	check(t, err)
	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
	refused(t, err, driver.NotSupported, text)
}

func TestTransferTakesSnapshots(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	beta := driver.Caller{ProjectID: "beta", UserID: "u-beta", Role: driver.Member}
	v := r.volume(alpha, 1)
	s, err := r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	r.settle()
	tr, key, err := r.CreateTransfer(ctx, alpha, driver.TransferSpec{VolumeID: v.ID})
	check(t, err)
	if len(key) != 16 {
		t.Fatal(key)
	}
	_, err = r.SetQuotas(ctx, admin, "beta", map[string]int{"snapshots": 0})
	check(t, err)
	_, err = r.AcceptTransfer(ctx, beta, tr.ID, key)
	refused(t, err, driver.OverLimit, "SnapshotLimitExceeded: Maximum number of snapshots allowed (0) exceeded")
	r.wantVolume(v.ID, core.AwaitingTransfer)
	check(t, r.ResetQuotas(ctx, admin, "beta"))
	_, err = r.AcceptTransfer(ctx, beta, tr.ID, "no")
	refused(t, err, driver.InvalidInput, "Invalid auth key: Attempt to transfer "+tr.ID+" with invalid auth key.")
	_, err = r.AcceptTransfer(ctx, beta, tr.ID, key)
	check(t, err)
	_, err = r.GetSnapshot(ctx, beta, s.ID)
	check(t, err)

	tr, key, err = r.CreateTransfer(ctx, beta, driver.TransferSpec{VolumeID: v.ID, NoSnapshots: true})
	check(t, err)
	_, err = r.AcceptTransfer(ctx, alpha, tr.ID, key)
	check(t, err)
	_, err = r.GetSnapshot(ctx, alpha, s.ID)
	refused(t, err, driver.NotFound, "Snapshot "+s.ID+" could not be found.")
}

// After a crash between the volumes of a group, the group still reaches a final status.
func TestGroupSurvivesRestart(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gt, err := r.CreateGroupType(ctx, admin, driver.GroupType{Name: "gt", IsPublic: true})
	check(t, err)
	g, err := r.CreateGroup(ctx, alpha, driver.GroupSpec{GroupType: gt.ID, VolumeTypes: []string{"__DEFAULT__"}})
	check(t, err)
	for range 2 {
		_, err = r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1, VolumeType: "__DEFAULT__", GroupID: g.ID})
		check(t, err)
	}
	clone, err := r.CreateGroupFromSource(ctx, alpha, driver.GroupSource{SourceGroupID: g.ID})
	check(t, err)
	check(t, r.DeleteGroup(ctx, alpha, clone.ID, true))
	r.reopen()
	r.settle()
	_, err = r.GetGroup(ctx, alpha, clone.ID)
	refused(t, err, driver.NotFound, "Group "+clone.ID+" could not be found.")
	gs, err := r.CreateGroupSnapshot(ctx, alpha, driver.GroupSnapshotSpec{GroupID: g.ID})
	check(t, err)
	ran, err := r.RunOne(ctx)
	if check(t, err); !ran {
		t.Fatal("no job")
	}
	r.reopen()
	r.settle()
	gs, err = r.GetGroupSnapshot(ctx, alpha, gs.ID)
	if check(t, err); gs.Status != core.Available {
		t.Fatal(gs.Status)
	}
}
