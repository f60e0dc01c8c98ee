package drivertest

import (
	"cindergate/driver"
)

func (s *suite) restore(backupID string, to driver.RestoreTarget) driver.Restore {
	s.Helper()
	restore, err := s.Driver.RestoreBackup(s.Context(), s.Caller, backupID, to)
	s.ok(err)
	s.equal("backup id", restore.BackupID, backupID)
	if restore.VolumeID == "" {
		s.Fatal("no volume id")
	}
	during := driver.BackupRestoring
	if _, existing := to.VolumeID(); !existing && s.NewVolumeApart {
		during = driver.BackupAvailable
	}
	s.equal("status", s.get(backupID).Status, during)
	s.Settle(s.T)
	s.available(backupID)
	if d, ok := s.Driver.(driver.VolumeReader); ok {
		v, err := d.GetVolume(s.Context(), s.Caller, restore.VolumeID)
		s.ok(err)
		s.equal("status of the volume", v.Status, "available")
	}
	return restore
}

func restoreToVolume(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	larger := s.Volume(s.T, 2)
	if s.OriginalVolumeOnly {
		_, err := s.Driver.RestoreBackup(s.Context(), s.Caller, b.ID, driver.ToVolume(larger))
		s.want(driver.InvalidState, err)
		s.equal("volume id", s.restore(b.ID, driver.ToVolume(b.VolumeID)).VolumeID, b.VolumeID)
		return
	}
	for _, volume := range []string{b.VolumeID, larger} {
		s.equal("volume id", s.restore(b.ID, driver.ToVolume(volume)).VolumeID, volume)
	}
}

func restoreByName(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	restore := s.restore(b.ID, driver.ToNewVolume("by-name"))
	s.equal("volume name", restore.VolumeName, "by-name")
	if d, ok := s.Driver.(driver.VolumeReader); ok {
		v, err := d.GetVolume(s.Context(), s.Caller, restore.VolumeID)
		s.ok(err)
		s.equal("name", *v.Name, "by-name")
		s.equal("size", v.Size, 1)
	}
}

func restoreNeither(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	restore := s.restore(b.ID, driver.RestoreTarget{})
	s.equal("volume name", restore.VolumeName, "restore_backup_"+b.ID)
	if restore.VolumeID == b.VolumeID {
		s.Fatal("restored over the source")
	}
}

func restoreTooSmall(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 2)})
	_, err := s.Driver.RestoreBackup(s.Context(), s.Caller, b.ID, driver.ToVolume(s.Volume(s.T, 1)))
	s.refused(err, driver.VolumeTooSmall)
	s.available(b.ID)
}

func restoreUnknownVolume(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	_, err := s.Driver.RestoreBackup(s.Context(), s.Caller, b.ID, driver.ToVolume(unknown))
	s.refused(err, driver.VolumeUnknown)
	s.available(b.ID)
}

func restoreBusyVolume(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	busy := s.create(driver.BackupSpec{VolumeID: b.VolumeID})
	_, err := s.Driver.RestoreBackup(s.Context(), s.Caller, b.ID, driver.ToVolume(b.VolumeID))
	s.refused(err, driver.VolumeBackedUp, driver.VolumeBusy)
	s.Settle(s.T)
	s.available(b.ID)
	s.available(busy.ID)
}

func restoreCreating(s *suite) {
	b := s.create(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	_, err := s.Driver.RestoreBackup(s.Context(), s.Caller, b.ID, driver.RestoreTarget{})
	s.refused(err, driver.BackupNotAvailable)
	s.Settle(s.T)
	s.available(b.ID)
}

func restoreUnknownBackup(s *suite) {
	_, err := s.Driver.RestoreBackup(s.Context(), s.Caller, unknown, driver.RestoreTarget{})
	s.refused(err, driver.BackupUnknown)
	_, err = s.Driver.RestoreBackup(s.Context(), s.Caller, unknown, driver.ToVolume(unknown))
	s.refused(err, driver.BackupUnknown)
}
