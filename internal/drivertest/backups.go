package drivertest

import (
	"cindergate/driver"
)

func createAndGet(s *suite) {
	volume := s.Volume(s.T, 1)
	b := s.create(driver.BackupSpec{VolumeID: volume, Name: ptr("first"), Description: ptr("of many"), Force: true})
	if b.ID == "" {
		s.Fatal("no id")
	}
	s.equal("status", b.Status, driver.BackupCreating)
	s.Settle(s.T)
	got := s.available(b.ID)
	s.equal("id", got.ID, b.ID)
	s.equal("volume", got.VolumeID, volume)
	s.equal("project", got.ProjectID, s.Caller.ProjectID)
	s.equal("size", got.Size, 1)
	s.equal("incremental", got.IsIncremental, false)
	s.equal("dependents", got.HasDependents, false)
	s.equal("fail reason", got.FailReason, "")
	if got.Name == nil || *got.Name != "first" {
		s.Fatalf("name is %v", got.Name)
	}
	if got.CreatedAt.IsZero() {
		s.Fatal("created_at is zero")
	}
}

func createUnknownVolume(s *suite) {
	_, err := s.Driver.CreateBackup(s.Context(), s.Caller, driver.BackupSpec{VolumeID: unknown})
	s.refused(err, driver.VolumeUnknown)
}

func createWhileBackingUp(s *suite) {
	volume := s.Volume(s.T, 1)
	b := s.create(driver.BackupSpec{VolumeID: volume})
	_, err := s.Driver.CreateBackup(s.Context(), s.Caller, driver.BackupSpec{VolumeID: volume})
	s.refused(err, driver.VolumeBackedUp)
	s.Settle(s.T)
	s.available(b.ID)
	s.made(driver.BackupSpec{VolumeID: volume})
}

func createIncremental(s *suite) {
	volume := s.Volume(s.T, 1)
	full := s.made(driver.BackupSpec{VolumeID: volume})
	child := s.made(driver.BackupSpec{VolumeID: volume, Incremental: true})
	s.equal("incremental", child.IsIncremental, true)
	s.equal("dependents of the full backup", s.get(full.ID).HasDependents, !s.Independent)
	s.equal("dependents of the child", s.get(child.ID).HasDependents, false)
}

func createIncrementalWithoutParent(s *suite) {
	if s.FirstIsFull {
		b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1), Incremental: true})
		s.equal("incremental", b.IsIncremental, s.ShowsWish)
		return
	}
	_, err := s.Driver.CreateBackup(s.Context(), s.Caller, driver.BackupSpec{VolumeID: s.Volume(s.T, 1), Incremental: true})
	s.refused(err, driver.BackupHasNoParent)
}

func getUnknown(s *suite) {
	for _, id := range []string{unknown, "abc"} {
		_, err := s.Driver.GetBackup(s.Context(), s.Caller, id)
		s.refused(err, driver.BackupUnknown)
		s.refused(s.Driver.DeleteBackup(s.Context(), s.Caller, id), driver.BackupUnknown)
	}
}

func tenancy(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	_, err := s.Driver.GetBackup(s.Context(), s.OtherCaller, b.ID)
	s.want(driver.NotFound, err)
	s.want(driver.NotFound, s.Driver.DeleteBackup(s.Context(), s.OtherCaller, b.ID))
	_, err = s.Driver.RestoreBackup(s.Context(), s.OtherCaller, b.ID, driver.RestoreTarget{})
	s.want(driver.NotFound, err)
	_, err = s.Driver.CreateBackup(s.Context(), s.OtherCaller, driver.BackupSpec{VolumeID: b.VolumeID})
	s.want(driver.NotFound, err)
	page, err := s.Driver.ListBackups(s.Context(), s.OtherCaller, driver.Query{Limit: -1, AllProjects: true})
	s.ok(err)
	s.equal("number of others' backups", len(page.Items), 0)
	got, err := s.Driver.GetBackup(s.Context(), s.AdminCaller, b.ID)
	if s.OwnProjectOnly {
		s.want(driver.NotFound, err)
		return
	}
	s.ok(err)
	s.equal("id", got.ID, b.ID)
}

func deleteIsGone(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	s.ok(s.Driver.DeleteBackup(s.Context(), s.Caller, b.ID))
	s.Settle(s.T)
	_, err := s.Driver.GetBackup(s.Context(), s.Caller, b.ID)
	s.want(driver.NotFound, err)
	s.equal("number of backups", len(s.list(driver.Query{Limit: -1})), 0)
	s.want(driver.NotFound, s.Driver.DeleteBackup(s.Context(), s.Caller, b.ID))
}

func deleteWhileCreating(s *suite) {
	b := s.create(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	s.refused(s.Driver.DeleteBackup(s.Context(), s.Caller, b.ID), driver.BackupNotAvailable)
	s.Settle(s.T)
	s.available(b.ID)
}

func deleteWithDependents(s *suite) {
	volume := s.Volume(s.T, 1)
	full := s.made(driver.BackupSpec{VolumeID: volume})
	child := s.made(driver.BackupSpec{VolumeID: volume, Incremental: true})
	if s.Independent {
		s.ok(s.Driver.DeleteBackup(s.Context(), s.Caller, full.ID))
		s.Settle(s.T)
		s.restore(child.ID, driver.ToVolume(volume))
		return
	}
	s.refused(s.Driver.DeleteBackup(s.Context(), s.Caller, full.ID), driver.BackupHasDependents)
	if !s.AdminOrphans {
		s.want(driver.InvalidState, s.Driver.DeleteBackup(s.Context(), s.AdminCaller, full.ID))
	}
	s.available(full.ID)
	s.ok(s.Driver.DeleteBackup(s.Context(), s.Caller, child.ID))
	s.Settle(s.T)
	s.equal("dependents of the full backup", s.get(full.ID).HasDependents, false)
	s.ok(s.Driver.DeleteBackup(s.Context(), s.Caller, full.ID))
}

func updateBackup(s *suite) {
	d := optional[driver.BackupUpdater](s)
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1), Name: ptr("old"), Description: ptr("kept")})
	if s.NameOnly {
		updateName(s, d, b.ID)
		return
	}
	_, err := d.UpdateBackup(s.Context(), s.Caller, b.ID, driver.BackupPatch{
		Name: driver.Some(ptr("new")), Metadata: driver.Some(map[string]string{"k": "v"})})
	s.ok(err)
	got := s.get(b.ID)
	s.equal("name", *got.Name, "new")
	s.equal("description", *got.Description, "kept")
	s.equal("metadata", got.Metadata["k"], "v")
	_, err = d.UpdateBackup(s.Context(), s.Caller, b.ID, driver.BackupPatch{Metadata: driver.Some(map[string]string{"l": "w"})})
	s.ok(err)
	got = s.get(b.ID)
	s.equal("name", *got.Name, "new")
	s.equal("number of metadata", len(got.Metadata), 1)
}

func updateName(s *suite, d driver.BackupUpdater, id string) {
	_, err := d.UpdateBackup(s.Context(), s.Caller, id, driver.BackupPatch{Name: driver.Some(ptr("new"))})
	s.ok(err)
	for _, patch := range []driver.BackupPatch{
		{Description: driver.Some(ptr("other"))},
		{Name: driver.Some(ptr("newer")), Metadata: driver.Some(map[string]string{"k": "v"})},
	} {
		_, err := d.UpdateBackup(s.Context(), s.Caller, id, patch)
		s.want(driver.NotSupported, err)
	}
	got := s.get(id)
	s.equal("name", *got.Name, "new")
	s.equal("description", *got.Description, "kept")
}

func updateOthers(s *suite) {
	d := optional[driver.BackupUpdater](s)
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	_, err := d.UpdateBackup(s.Context(), s.OtherCaller, b.ID, driver.BackupPatch{Name: driver.Some(ptr("mine"))})
	s.want(driver.NotFound, err)
	_, err = d.UpdateBackup(s.Context(), s.Caller, unknown, driver.BackupPatch{})
	s.want(driver.NotFound, err)
}

func resetStatus(s *suite) {
	d := optional[driver.BackupAdmin](s)
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	s.ok(d.ResetBackupStatus(s.Context(), s.AdminCaller, b.ID, driver.BackupError))
	s.becomes(b.ID, driver.BackupError)
	_, err := s.Driver.RestoreBackup(s.Context(), s.Caller, b.ID, driver.RestoreTarget{})
	s.refused(err, driver.BackupNotAvailable)
	s.ok(d.ResetBackupStatus(s.Context(), s.AdminCaller, b.ID, driver.BackupAvailable))
	s.becomes(b.ID, driver.BackupAvailable)
	s.want(driver.NotFound, d.ResetBackupStatus(s.Context(), s.AdminCaller, unknown, driver.BackupError))
}

func forceDelete(s *suite) {
	d := optional[driver.BackupAdmin](s)
	volume := s.Volume(s.T, 1)
	b := s.create(driver.BackupSpec{VolumeID: volume})
	s.ok(d.ForceDeleteBackup(s.Context(), s.AdminCaller, b.ID))
	s.Settle(s.T)
	_, err := s.Driver.GetBackup(s.Context(), s.Caller, b.ID)
	s.want(driver.NotFound, err)
	s.made(driver.BackupSpec{VolumeID: volume}) // the volume can be backed up again
	s.want(driver.NotFound, d.ForceDeleteBackup(s.Context(), s.AdminCaller, unknown))
}

func exportImport(s *suite) {
	d := optional[driver.RecordPorter](s)
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1), Name: ptr("moved")})
	record, err := d.ExportRecord(s.Context(), s.AdminCaller, b.ID)
	s.ok(err)
	if record.Service == "" || record.URL == "" {
		s.Fatalf("empty record: %+v", record)
	}
	_, err = d.ImportRecord(s.Context(), s.AdminCaller, record)
	s.refused(err, driver.BackupExists)
	s.ok(s.Driver.DeleteBackup(s.Context(), s.Caller, b.ID))
	s.Settle(s.T)
	again, err := d.ImportRecord(s.Context(), s.AdminCaller, record)
	s.ok(err)
	s.equal("id", again.ID, b.ID)
	s.Settle(s.T)
	got, err := s.Driver.GetBackup(s.Context(), s.AdminCaller, b.ID)
	s.ok(err)
	s.equal("project", got.ProjectID, s.AdminCaller.ProjectID)
	// The delete removed the data, so available would be wrong.
	s.equal("available without its data", got.Status == driver.BackupAvailable, s.TrustsRecords)
}

func importGarbage(s *suite) {
	d := optional[driver.RecordPorter](s)
	for _, url := range []string{"!!", "aGVsbG8=", "e30=", "W10=", "bnVsbA==", "eyJpZCI6ICJ4In0="} {
		_, err := d.ImportRecord(s.Context(), s.AdminCaller, driver.BackupRecord{Service: "cinder.backup.drivers", URL: url})
		s.want(driver.InvalidInput, err)
	}
	_, err := d.ExportRecord(s.Context(), s.AdminCaller, unknown)
	s.want(driver.NotFound, err)
}
