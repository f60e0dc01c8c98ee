package drivertest

import "slices"

// Tests of a [Backend]'s Lacks that go together.
var (
	// Forwarded are the tests of what a driver leaves to its backend's own Block Storage
	// API.
	Forwarded = []string{
		"VolumeLifecycle", "VolumeFromBackup", "SnapshotLifecycle", "BackupOfSnapshot", "Quotas", "QuotaIsEnforced", "VolumeTypes", "QoSSpecs",
		"TypeEncryption", "GroupLifecycle", "GroupSnapshotLifecycle", "GroupQuota", "Transfer", "TransferWithdrawn", "AttachmentLifecycle",
		"Services", "DefaultTypes", "CloudIsShown",
	}
	// Records are the tests of exported and imported records.
	Records = []string{"ExportImport", "ImportGarbage"}
	// AdminActions are the tests of what admins do to backups.
	AdminActions = []string{"ResetBackupStatus", "ForceDeleteBackup"}
	// Updates are the tests of changes of backups.
	Updates = []string{"UpdateBackup", "UpdateBackupOfOthers"}
)

// run runs one test. A test that the driver lacks must be skipped, and no other may be.
func (s *suite) run(test func(*suite)) {
	s.lacks = slices.Contains(s.Lacks, s.name)
	if s.lacks {
		defer func() {
			if !s.Skipped() && !s.Failed() {
				s.Error("the driver is declared to lack this, but has it")
			}
		}()
	}
	test(s)
}

// missing ends a test of what the driver lacks.
func (s *suite) missing(format string, args ...any) {
	s.Helper()
	if !s.lacks {
		s.Fatalf("not declared as lacking: "+format, args...)
	}
	s.Skipf(format, args...)
}
