package layout

import (
	"errors"
	"path"
	"strings"
)

const posixService = "cinder.backup.drivers.posix.PosixBackupDriver"

// Posix is the layout of directories (cinder/backup/drivers/posix.py).
type Posix struct{}

var _ Layout = Posix{}

// Service implements [Layout].
func (Posix) Service() string { return posixService }

// Container returns a directory for this backup alone (posix.py update_container_name).
func (Posix) Container(b Backup) string {
	if len(b.ID) < 4 {
		return b.ID
	}
	return b.ID[0:2] + "/" + b.ID[2:4] + "/" + b.ID
}

// CheckContainer refuses a name that is not a directory below the store. Cinder's driver
// would follow "../" out of the store.
func (Posix) CheckContainer(name string) error {
	if name == "" || strings.ContainsAny(name, "\x00\\") || path.IsAbs(name) || path.Clean(name) != name ||
		name == "." || name == ".." || strings.HasPrefix(name, "../") {
		return errors.New("it must be a relative path without empty, '.' or '..' elements")
	}
	for element := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(element, ".") {
			return errors.New("no element may begin with '.'")
		}
	}
	return nil
}

// CheckPrefix allows paths below the container. Other drivers' prefixes have slashes, and
// their objects may have been copied here.
func (p Posix) CheckPrefix(prefix string) error { return p.CheckContainer(prefix) }

// Prefix returns volume_VOLUME_TIME_backup_BACKUP (posix.py _generate_object_name_prefix).
func (p Posix) Prefix(b Backup, attempt int) string {
	return p.Attempts(b) + b.stamp(attempt) + p.tail(b)
}

// Attempts implements [Layout].
func (Posix) Attempts(b Backup) string { return "volume_" + b.VolumeID + "_" }

func (Posix) tail(b Backup) string { return "_backup_" + b.ID }

// Attempt implements [Layout].
func (p Posix) Attempt(b Backup, object string) (prefix string, ok bool) {
	head, tail := p.Attempts(b), p.tail(b)
	at := len(head) + len(stampLayout)
	if len(object) < at || !strings.HasPrefix(object, head) || !strings.HasPrefix(object[at:], tail) {
		return "", false
	}
	return object[:at+len(tail)], true
}

// Split splits at the last slash. A container is a directory; a name has no slash.
func (Posix) Split(key string) (container, name string) {
	if at := strings.LastIndexByte(key, '/'); at >= 0 {
		return key[:at], key[at+1:]
	}
	return "", key
}
