// Package layout says how a backup store names what it holds: as one of Cinder's backup
// drivers does, so that a cinder-backup with that driver finds it.
//
// The format of the objects is the same everywhere (package chunked); only their names
// differ.
package layout

import (
	"slices"
	"strings"
	"time"
)

// Layout is how one store names containers and objects.
type Layout interface {
	// Service returns the name of Cinder's driver, as records have it.
	Service() string

	// Container returns where a backup goes whose request names no container.
	Container(b Backup) string

	// CheckContainer returns an error if no user may choose the container. Its text is
	// the rule: "it must be …".
	CheckContainer(name string) error

	// CheckPrefix returns an error if a record may not name the prefix of its objects.
	CheckPrefix(prefix string) error

	// Prefix returns what the names of all objects of one attempt at a backup begin with.
	// Attempts count from 1, and no two of a backup have the same prefix: a worker that
	// lost its job must not write what a later one publishes.
	Prefix(b Backup, attempt int) string

	// Attempts returns what the prefixes of all attempts at a backup begin with.
	Attempts(b Backup) string

	// Attempt returns the prefix of the attempt that the object is of. ok is false if
	// the object is none of the backup's. The name is the one within its container.
	Attempt(b Backup, object string) (prefix string, ok bool)

	// Split splits a key into container and name.
	Split(key string) (container, name string)
}

// Backup is what names depend on.
type Backup struct {
	ID, VolumeID     string
	AvailabilityZone string // of the service that writes it
	CreatedAt        time.Time
}

// stampLayout is the time in names of objects, in UTC (Cinder's
// _generate_object_name_prefix).
const stampLayout = "20060102150405"

// stamp is the time in the names of an attempt: that of the backup, and a second more
// with each attempt.
func (b Backup) stamp(attempt int) string {
	return b.CreatedAt.UTC().Add(time.Duration(attempt-1) * time.Second).Format(stampLayout)
}

// chunked are Cinder's drivers that write the format of its ChunkedBackupDriver
// (cinder/backup/chunkeddriver.py), whatever they keep it in.
var chunked = []string{
	posixService,
	"cinder.backup.drivers.swift.SwiftBackupDriver",
	"cinder.backup.drivers.s3.S3BackupDriver",
	"cinder.backup.drivers.gcs.GoogleBackupDriver",
	"cinder.backup.drivers.nfs.NFSBackupDriver",
	"cinder.backup.drivers.glusterfs.GlusterfsBackupDriver",
}

// Readable tells whether what a service wrote can be read once its objects are in one of
// our stores. As in Cinder the beginning of a driver's name is enough; unlike a
// cinder-backup, which has but its own driver, all that write the format are taken.
func Readable(service string) bool {
	return slices.ContainsFunc(chunked, func(s string) bool { return strings.HasPrefix(s, service) })
}
