// Package marker tells a directory that holds data from one that does not: a mount
// that is missing leaves an empty directory of the same name. A small file in the
// directory names the installation that the data belongs to.
package marker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Name is the marker file's name. It begins with a dot, which no volume file and no
// object of a backup does.
const Name = ".cindergate-id"

// maxSize bounds what is read of a marker, in bytes.
const maxSize = 256

// Missing is the error of a directory that has no marker, or another one's.
type Missing struct {
	Dir         string
	Found, Want string // ids; Found is "" if there is no marker
}

func (e *Missing) Error() string {
	if e.Found == "" {
		return fmt.Sprintf("%s has no file %s: is it mounted? (If it is the right directory and only the file was lost, write %s into it.)",
			e.Dir, Name, e.Want)
	}
	return fmt.Sprintf("%s belongs to the installation %s, not to %s: is the right directory mounted?", e.Dir, e.Found, e.Want)
}

// Read returns the id in dir's marker, "" if dir or the marker is not there.
func Read(dir string) (string, error) {
	// Without blocking: something else, a pipe for instance, may have the name.
	f, err := os.OpenFile(filepath.Join(dir, Name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(raw)), nil
}

// Check returns a [Missing] error unless dir's marker names id.
func Check(dir, id string) error {
	found, err := Read(dir)
	if err == nil && found != id {
		err = &Missing{Dir: dir, Found: found, Want: id}
	}
	return err
}

// Write marks dir, which must exist. It is on the disk when Write returns. A marker
// that names another id is an error and stays.
func Write(dir, id string) error {
	found, err := Read(dir)
	if err != nil || found == id {
		return err
	}
	if found != "" {
		return &Missing{Dir: dir, Found: found, Want: id}
	}
	temp, err := os.CreateTemp(dir, Name+"-")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(temp, id)
	err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), filepath.Join(dir, Name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
