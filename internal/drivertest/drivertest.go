// Package drivertest tests that a driver keeps the contract of package driver: every driver
// runs [Run] from its own tests.
//
// The suite uses only the contract, so a driver for a remote cloud can run it against a
// fake of that cloud.
package drivertest

import (
	"errors"
	"slices"
	"testing"

	"cindergate/driver"
)

// Backend is a new, empty backend.
type Backend struct {
	Driver driver.Driver
	// Caller and OtherCaller are members of two projects. AdminCaller is an admin of a
	// third project or of Caller's.
	Caller, OtherCaller, AdminCaller driver.Caller
	// Volume makes an available volume of Caller's project and returns its id.
	Volume func(t *testing.T, sizeGiB int) string
	// Settle waits until the backend has finished all accepted work.
	Settle func(t *testing.T)
	Quirks
	// Lacks names the tests of functions that the driver does not have. These tests are
	// skipped, and fail if the driver has the function. Any other test fails if it meets a
	// missing interface or NotSupported.
	Lacks []string
}

// Run tests a driver. Each subtest gets its own backend.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"CreateShowsCreatingThenAvailable", createAndGet},
		{"CreateOfUnknownVolume", createUnknownVolume},
		{"CreateWhileBackingUp", createWhileBackingUp},
		{"CreateIncremental", createIncremental},
		{"CreateIncrementalWithoutParent", createIncrementalWithoutParent},
		{"GetUnknown", getUnknown},
		{"TenancyOfBackups", tenancy},
		{"DeleteIsGone", deleteIsGone},
		{"DeleteWhileCreating", deleteWhileCreating},
		{"DeleteWithDependents", deleteWithDependents},
		{"ListPages", listPages},
		{"ListSorts", listSorts},
		{"ListFilters", listFilters},
		{"ListOffsetAndCount", listOffsetAndCount},
		{"ListUnknownMarker", listUnknownMarker},
		{"ListAllProjects", listAllProjects},
		{"RestoreToVolume", restoreToVolume},
		{"RestoreToNewVolumeByName", restoreByName},
		{"RestoreToNewVolume", restoreNeither},
		{"RestoreToSmallerVolume", restoreTooSmall},
		{"RestoreToUnknownVolume", restoreUnknownVolume},
		{"RestoreToBusyVolume", restoreBusyVolume},
		{"RestoreOfCreatingBackup", restoreCreating},
		{"RestoreUnknownBackup", restoreUnknownBackup},
		{"UpdateBackup", updateBackup},
		{"UpdateBackupOfOthers", updateOthers},
		{"ResetBackupStatus", resetStatus},
		{"ForceDeleteBackup", forceDelete},
		{"ExportImport", exportImport},
		{"ImportGarbage", importGarbage},
		{"VolumesAreShown", volumesAreShown},
		{"VolumeLifecycle", volumeLifecycle},
		{"VolumeFromBackup", volumeFromBackup},
		{"SnapshotLifecycle", snapshotLifecycle},
		{"BackupOfSnapshot", backupOfSnapshot},
		{"Quotas", quotas},
		{"QuotaIsEnforced", quotaIsEnforced},
		{"VolumeTypes", volumeTypes},
		{"QoSSpecs", qosSpecs},
		{"TypeEncryption", typeEncryption},
		{"GroupLifecycle", groupLifecycle},
		{"GroupSnapshotLifecycle", groupSnapshotLifecycle},
		{"GroupQuota", groupQuota},
		{"Transfer", transfer},
		{"TransferWithdrawn", transferWithdrawn},
		{"AttachmentLifecycle", attachmentLifecycle},
		{"Services", services},
		{"DefaultTypes", defaultTypes},
		{"CloudIsShown", cloudIsShown},
		{"Check", healthy},
	} {
		t.Run(test.name, func(t *testing.T) { (&suite{T: t, Backend: open(t), name: test.name}).run(test.run) })
	}
}

// unknown is an id of no resource.
const unknown = "00000000-1111-4222-8333-444444444444"

// suite is one subtest and its backend.
type suite struct {
	*testing.T
	Backend
	name  string
	lacks bool // whether Lacks names the test
}

// optional returns the driver as one of its optional interfaces. It ends the test if the
// driver does not implement it.
func optional[I any](s *suite) I {
	s.Helper()
	i, ok := s.Driver.(I)
	if !ok {
		s.missing("the driver does not implement %T", (*I)(nil))
	}
	return i
}

func (s *suite) ok(err error) {
	s.Helper()
	if err == nil {
		return
	}
	if driver.KindOf(err) == driver.NotSupported {
		s.missing("%v", err)
	}
	s.Fatal(err)
}

// want checks that an error is a driver.Error of the kind, with a message.
func (s *suite) want(kind driver.Kind, err error) {
	s.Helper()
	var e *driver.Error
	if !errors.As(err, &e) {
		s.Fatalf("got %v, want a *driver.Error of kind %d", err, kind)
	}
	if e.Kind == driver.NotSupported && kind != driver.NotSupported {
		s.missing("%v", err)
	}
	if e.Kind != kind {
		s.Fatalf("got kind %d (%v), want %d", e.Kind, err, kind)
	}
	if e.Message == "" {
		s.Fatalf("%v has no text for the client", err)
	}
}

// refused checks that an error has one of the reasons, and the kind of the first. Other
// APIs derive their codes from reasons, so a driver must set them.
func (s *suite) refused(err error, reasons ...driver.Reason) {
	s.Helper()
	s.want(reasons[0].Kind(), err)
	if got := driver.ReasonOf(err); !slices.Contains(reasons, got) {
		s.Fatalf("the reason of %q is %q, want one of %q", err, got, reasons)
	}
}

func (s *suite) equal(what string, got, want any) {
	s.Helper()
	if got != want {
		s.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// create starts a backup and does not wait for its end.
func (s *suite) create(spec driver.BackupSpec) driver.Backup {
	s.Helper()
	b, err := s.Driver.CreateBackup(s.Context(), s.Caller, spec)
	s.ok(err)
	return b
}

// made returns a finished backup.
func (s *suite) made(spec driver.BackupSpec) driver.Backup {
	s.Helper()
	b := s.create(spec)
	s.Settle(s.T)
	return s.available(b.ID)
}

func (s *suite) get(id string) driver.Backup {
	s.Helper()
	b, err := s.Driver.GetBackup(s.Context(), s.Caller, id)
	s.ok(err)
	return b
}

func (s *suite) available(id string) driver.Backup {
	s.Helper()
	b := s.get(id)
	if b.Status != driver.BackupAvailable {
		s.Fatalf("backup is %s (%s), want available", b.Status, b.FailReason)
	}
	return b
}

// becomes waits for a status that no earlier status announces. A reset is an example:
// Cinder hands it to another process.
func (s *suite) becomes(id string, status driver.BackupStatus) {
	s.Helper()
	now := s.get(id).Status
	for tries := 0; now != status; tries++ {
		if tries == maxTries {
			s.Fatalf("status is %s, want %s", now, status)
		}
		s.Settle(s.T)
		now = s.get(id).Status
	}
}

// maxTries bounds waits that have no other end. A try on a remote backend takes a tenth of
// a second or more.
const maxTries = 300

func (s *suite) list(q driver.Query) []string {
	s.Helper()
	page, err := s.Driver.ListBackups(s.Context(), s.Caller, q)
	s.ok(err)
	ids := make([]string, len(page.Items))
	for i, b := range page.Items {
		ids[i] = b.ID
	}
	return ids
}

func ptr[T any](v T) *T { return &v }
