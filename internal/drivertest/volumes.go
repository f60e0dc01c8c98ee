package drivertest

import (
	"slices"

	"cindergate/driver"
)

func volumesAreShown(s *suite) {
	d := optional[driver.VolumeReader](s)
	id := s.Volume(s.T, 1)
	v, err := d.GetVolume(s.Context(), s.Caller, id)
	s.ok(err)
	s.equal("size", v.Size, 1)
	s.equal("status", v.Status, "available")
	if lister, lists := s.Driver.(driver.VolumeLister); lists {
		page, err := lister.ListVolumes(s.Context(), s.Caller, driver.Query{Limit: -1})
		s.ok(err)
		if !slices.ContainsFunc(page.Items, func(v driver.Volume) bool { return v.ID == id }) {
			s.Fatal("the volume is not listed")
		}
	}
	_, err = d.GetVolume(s.Context(), s.OtherCaller, id)
	s.want(driver.NotFound, err)
	for _, id := range []string{unknown, "None"} {
		_, err = d.GetVolume(s.Context(), s.Caller, id)
		s.want(driver.NotFound, err)
	}
	s.create(driver.BackupSpec{VolumeID: id})
	v, err = d.GetVolume(s.Context(), s.Caller, id)
	s.ok(err)
	s.equal("status", v.Status, "backing-up")
	s.Settle(s.T)
	v, err = d.GetVolume(s.Context(), s.Caller, id)
	s.ok(err)
	s.equal("status", v.Status, "available")
}

func volumeLifecycle(s *suite) {
	d := optional[driver.VolumeManager](s)
	v, err := d.CreateVolume(s.Context(), s.Caller, driver.VolumeSpec{Name: ptr("v"), Size: 1, Metadata: map[string]string{"a": "b"}})
	s.ok(err)
	s.equal("status", v.Status, "creating")
	s.Settle(s.T)
	_, err = d.UpdateVolume(s.Context(), s.Caller, v.ID, driver.VolumePatch{Name: driver.Some(ptr("w"))})
	s.ok(err)
	s.ok(d.ActOnVolume(s.Context(), s.Caller, v.ID, driver.ExtendVolume{Size: 2}))
	s.Settle(s.T)
	v, err = d.GetVolume(s.Context(), s.Caller, v.ID)
	s.ok(err)
	s.equal("status", v.Status, "available")
	s.equal("name", *v.Name, "w")
	s.equal("size", v.Size, 2)
	s.equal("metadata", v.Metadata["a"], "b")
	s.want(driver.InvalidInput, d.ActOnVolume(s.Context(), s.Caller, v.ID, driver.ExtendVolume{Size: 1}))
	s.want(driver.NotFound, d.DeleteVolume(s.Context(), s.OtherCaller, v.ID, driver.VolumeDelete{}))
	s.ok(d.DeleteVolume(s.Context(), s.Caller, v.ID, driver.VolumeDelete{}))
	s.Settle(s.T)
	_, err = d.GetVolume(s.Context(), s.Caller, v.ID)
	s.want(driver.NotFound, err)
}

func volumeFromBackup(s *suite) {
	d := optional[driver.VolumeManager](s)
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 2)})
	v, err := d.CreateVolume(s.Context(), s.Caller, driver.VolumeSpec{BackupID: b.ID})
	s.ok(err)
	s.equal("size", v.Size, 2)
	s.Settle(s.T)
	v, err = d.GetVolume(s.Context(), s.Caller, v.ID)
	s.ok(err)
	s.equal("status", v.Status, "available")
	_, err = d.CreateVolume(s.Context(), s.Caller, driver.VolumeSpec{BackupID: b.ID, Size: 1})
	s.want(driver.InvalidInput, err)
	_, err = d.CreateVolume(s.Context(), s.Caller, driver.VolumeSpec{BackupID: unknown, Size: 1})
	s.want(driver.NotFound, err)
}

func snapshotLifecycle(s *suite) {
	d := optional[driver.SnapshotManager](s)
	volume := s.Volume(s.T, 1)
	snap, err := d.CreateSnapshot(s.Context(), s.Caller, driver.SnapshotSpec{VolumeID: volume, Name: ptr("s")})
	s.ok(err)
	s.equal("status", snap.Status, "creating")
	s.Settle(s.T)
	snap, err = d.GetSnapshot(s.Context(), s.Caller, snap.ID)
	s.ok(err)
	s.equal("status", snap.Status, "available")
	_, err = d.GetSnapshot(s.Context(), s.OtherCaller, snap.ID)
	s.want(driver.NotFound, err)
	if volumes, ok := s.Driver.(driver.VolumeManager); ok {
		s.want(driver.InvalidState, volumes.DeleteVolume(s.Context(), s.Caller, volume, driver.VolumeDelete{}))
	}
	s.ok(d.DeleteSnapshot(s.Context(), s.Caller, snap.ID, false))
	s.Settle(s.T)
	_, err = d.GetSnapshot(s.Context(), s.Caller, snap.ID)
	s.want(driver.NotFound, err)
}

func backupOfSnapshot(s *suite) {
	d := optional[driver.SnapshotManager](s)
	volume, other := s.Volume(s.T, 1), s.Volume(s.T, 1)
	snap, err := d.CreateSnapshot(s.Context(), s.Caller, driver.SnapshotSpec{VolumeID: volume})
	s.ok(err)
	s.Settle(s.T)
	_, err = s.Driver.CreateBackup(s.Context(), s.Caller, driver.BackupSpec{VolumeID: other, SnapshotID: snap.ID})
	s.want(driver.InvalidState, err)
	_, err = s.Driver.CreateBackup(s.Context(), s.Caller, driver.BackupSpec{VolumeID: volume, SnapshotID: unknown})
	s.want(driver.NotFound, err)
	b := s.made(driver.BackupSpec{VolumeID: volume, SnapshotID: snap.ID})
	s.equal("snapshot", b.SnapshotID, snap.ID)
	s.equal("data timestamp", b.DataTimestamp.Equal(snap.CreatedAt), true)
	snap, err = d.GetSnapshot(s.Context(), s.Caller, snap.ID)
	s.ok(err)
	s.equal("status", snap.Status, "available")
}
