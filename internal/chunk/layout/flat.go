package layout

import (
	"errors"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The names of Cinder's drivers for object stores, as in backup records.
const (
	SwiftService = "cinder.backup.drivers.swift.SwiftBackupDriver"
	S3Service    = "cinder.backup.drivers.s3.S3BackupDriver"
)

// DefaultContainer is Cinder's backup_swift_container and backup_s3_store_bucket.
const DefaultContainer = "volumebackups"

// Swift is the layout of Swift (cinder/backup/drivers/swift.py).
type Swift struct {
	flat
	Default string // container of a backup that names none; "": [DefaultContainer]
}

// S3 is the layout of S3 (cinder/backup/drivers/s3.py). A container is a bucket.
type S3 struct {
	flat
	Default string // bucket of a backup that names none; "": [DefaultContainer]
}

var (
	_ Layout = Swift{}
	_ Layout = S3{}
)

// Service implements [Layout].
func (Swift) Service() string { return SwiftService }

// Container returns the store's container. All backups share it (swift.py
// update_container_name).
func (s Swift) Container(Backup) string { return orDefault(s.Default) }

// CheckContainer applies Swift's limits of a container's name (swift/common/constraints.py).
func (Swift) CheckContainer(name string) error {
	switch {
	case name == "" || len(name) > 256 || !utf8.ValidString(name):
		return errors.New("it must have 1 to 256 bytes of UTF-8")
	case strings.ContainsAny(name, "/\x00"):
		return errors.New("it must not contain '/'")
	case strings.HasPrefix(name, "."):
		return errors.New("it must not begin with '.'")
	}
	return nil
}

// Service implements [Layout].
func (S3) Service() string { return S3Service }

// Container returns the store's bucket. All backups share it (s3.py
// update_container_name).
func (s S3) Container(Backup) string { return orDefault(s.Default) }

// bucketName are the names that S3 allows for a bucket (Amazon S3 User Guide, "General
// purpose bucket naming rules").
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// oddBucketName are those that S3 or its clients refuse all the same: IPv4 addresses, and labels of a
// host's name that are empty or begin or end with a hyphen.
var oddBucketName = regexp.MustCompile(`^([0-9]+\.){3}[0-9]+$|\.\.|\.-|-\.`)

// CheckContainer applies S3's rules of a bucket's name.
func (S3) CheckContainer(name string) error {
	if !bucketName.MatchString(name) {
		return errors.New("a bucket must have 3 to 63 of the characters a-z, 0-9, '.' and '-', and begin and end with a letter or digit")
	}
	if oddBucketName.MatchString(name) {
		return errors.New("a bucket must be no IP address, and have no '.' beside another one or beside a '-'")
	}
	return nil
}

func orDefault(container string) string {
	if container == "" {
		return DefaultContainer
	}
	return container
}

// flat is what the layouts of object stores have in common: containers without slashes,
// and names of objects with slashes.
type flat struct{}

// maxName is the largest length of an object's name in bytes, of Swift and of S3.
const maxName = 1024

// CheckPrefix refuses prefixes that are not plain relative paths, and those that leave no
// room for the suffixes.
func (flat) CheckPrefix(prefix string) error {
	if prefix == "" || strings.ContainsAny(prefix, "\x00\\") || path.IsAbs(prefix) || path.Clean(prefix) != prefix ||
		strings.HasPrefix(prefix, ".") || len(prefix) > maxName-64 || !utf8.ValidString(prefix) {
		return errors.New("it must be a relative path without empty, '.' or '..' elements")
	}
	return nil
}

// Prefix returns volume_VOLUME/TIME/az_ZONE_backup_BACKUP (swift.py and s3.py
// _generate_object_name_prefix).
func (f flat) Prefix(b Backup, attempt int) string {
	return f.Attempts(b) + b.stamp(attempt) + "/az_" + strings.ReplaceAll(b.AvailabilityZone, "/", "_") + f.tail(b)
}

// Attempts implements [Layout].
func (flat) Attempts(b Backup) string { return "volume_" + b.VolumeID + "/" }

func (flat) tail(b Backup) string { return "_backup_" + b.ID }

// Attempt implements [Layout]. It accepts any availability zone: the setting may have
// changed since.
func (f flat) Attempt(b Backup, object string) (prefix string, ok bool) {
	head := f.Attempts(b)
	at := len(head) + len(stampLayout)
	if len(object) < at || !strings.HasPrefix(object, head) || strings.Contains(object[len(head):at], "/") ||
		!strings.HasPrefix(object[at:], "/az_") {
		return "", false
	}
	rest := object[at+1:]
	end := strings.Index(rest, f.tail(b))
	if end < 0 || strings.Contains(rest[:end], "/") {
		return "", false
	}
	return object[:at+1+end+len(f.tail(b))], true
}

// Split splits at the first slash: a container has none.
func (flat) Split(key string) (container, name string) {
	container, name, _ = strings.Cut(key, "/")
	return container, name
}
