package dir

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"cindergate/internal/filelock"
)

// sweep removes temporary files that no process is writing.
func (s *Store) sweep() error {
	return fs.WalkDir(s.root.Load().FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case missing(err):
			return nil // removed in the meantime
		case err != nil:
			return err
		case !e.Type().IsRegular() || !strings.HasPrefix(path.Base(name), tempPrefix):
			return nil
		}
		f, err := s.root.Load().OpenFile(name, os.O_RDWR|unix.O_NONBLOCK, 0)
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if filelock.Try(f) == nil {
			err = s.root.Load().Remove(name)
			if missing(err) {
				err = nil
			}
		}
		return errors.Join(err, f.Close())
	})
}
