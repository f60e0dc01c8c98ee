// Package layout names the containers and objects of a backup store as one of Cinder's
// backup drivers does, so that a cinder-backup with that driver finds them.
//
// The format of the objects is always the same (package chunked). Only their names differ.
package layout

import (
	"slices"
	"strings"
	"time"
)

// Layout is the naming of containers and objects in one store.
type Layout interface {
	// Service returns the name of Cinder's driver, as in backup records.
	Service() string

	// Container returns the container of a backup whose request names none.
	Container(b Backup) string

	// CheckContainer returns an error if users may not choose the container. The text of
	// the error is the rule: "it must be …".
	CheckContainer(name string) error

	// CheckPrefix returns an error if a record may not name this prefix of its objects.
	CheckPrefix(prefix string) error

	// Prefix returns the common prefix of all objects of one attempt at a backup. Attempts
	// count from 1. Each attempt has a prefix of its own, because a worker that lost its
	// job must not overwrite what a later worker publishes.
	Prefix(b Backup, attempt int) string

	// Attempts returns the common prefix of all attempts at a backup.
	Attempts(b Backup) string

	// Attempt returns the prefix of the attempt that an object belongs to. object is its
	// name within the container. ok is false if it is not one of the backup's objects.
	Attempt(b Backup, object string) (prefix string, ok bool)

	// Split splits a key into container and name.
	Split(key string) (container, name string)
}

// Backup has the fields of a backup that its names depend on.
type Backup struct {
	ID, VolumeID     string
	AvailabilityZone string // of the service that writes it
	CreatedAt        time.Time
}

// stampLayout is the time in names of objects, in UTC (Cinder's
// _generate_object_name_prefix).
const stampLayout = "20060102150405"

// stamp returns the time in the names of an attempt: the backup's creation time, plus one
// second for each further attempt.
func (b Backup) stamp(attempt int) string {
	return b.CreatedAt.UTC().Add(time.Duration(attempt-1) * time.Second).Format(stampLayout)
}

// chunked are Cinder's drivers that write the format of its ChunkedBackupDriver
// (cinder/backup/chunkeddriver.py), whatever their storage.
var chunked = []string{
	posixService,
	SwiftService,
	S3Service,
	"cinder.backup.drivers.gcs.GoogleBackupDriver",
	"cinder.backup.drivers.nfs.NFSBackupDriver",
	"cinder.backup.drivers.glusterfs.GlusterfsBackupDriver",
}

// Writes reports whether a service stores objects where this layout's store has them: the
// drivers for directories are all alike.
func Writes(service string, l Layout) bool {
	if service == "" {
		return false
	}
	kinds := []string{l.Service()}
	if l.Service() == posixService {
		kinds = []string{posixService, "cinder.backup.drivers.nfs.NFSBackupDriver", "cinder.backup.drivers.glusterfs.GlusterfsBackupDriver"}
	}
	return slices.ContainsFunc(kinds, func(s string) bool { return strings.HasPrefix(s, service) })
}

// Readable reports whether the backups of a service can be read once their objects are in
// one of our stores. As in Cinder, the beginning of a driver's name is enough. A
// cinder-backup only accepts its own driver; Readable accepts all that write the format.
func Readable(service string) bool {
	return slices.ContainsFunc(chunked, func(s string) bool { return strings.HasPrefix(s, service) })
}
