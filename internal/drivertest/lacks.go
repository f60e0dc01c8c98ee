package drivertest

import "slices"

// Groups of tests for a [Backend]'s Lacks.
var (
	// Forwarded are the tests of functions that a driver leaves to the Block Storage API of
	// its backend.
	Forwarded = []string{
		"VolumeLifecycle", "VolumeFromBackup", "SnapshotLifecycle", "BackupOfSnapshot", "Quotas", "QuotaIsEnforced", "VolumeTypes", "QoSSpecs",
		"TypeEncryption", "GroupLifecycle", "GroupSnapshotLifecycle", "GroupQuota", "Transfer", "TransferWithdrawn", "AttachmentLifecycle",
		"Services", "DefaultTypes", "CloudIsShown",
	}
	// Records are the tests of export and import of records.
	Records = []string{"ExportImport", "ImportGarbage"}
	// AdminActions are the tests of admin actions on backups.
	AdminActions = []string{"ResetBackupStatus", "ForceDeleteBackup"}
	// Updates are the tests of updates of backups.
	Updates = []string{"UpdateBackup", "UpdateBackupOfOthers"}
)

// run runs one test. It fails unless exactly the tests in Lacks are skipped.
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

// missing skips a test in Lacks, and fails any other.
func (s *suite) missing(format string, args ...any) {
	s.Helper()
	if !s.lacks {
		s.Fatalf("not declared as lacking: "+format, args...)
	}
	s.Skipf(format, args...)
}
