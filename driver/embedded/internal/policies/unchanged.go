package policies

import (
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"cindergate/internal/meta"
)

// settled is how old the last change of a file must be before its time identifies the content: a
// program that writes by mmap(2) can change a file until the kernel has written its pages back
// (dirty_expire_centisecs, 30 s) without a new time.
const settled = time.Minute

// fingerprint returns a text that differs from an earlier one if the content of a volume has
// changed in between; "": nothing is known. It reads no data.
func (ps *Policies) fingerprint(v *meta.Volume) string {
	if !ps.core.Here(v.Host) {
		return ""
	}
	path := ps.core.Files.Volume(v)
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return ""
	}
	// The times of files are those of the system's clock, whatever clock schedules go by.
	if changed := time.Unix(st.Mtim.Sec, st.Mtim.Nsec); time.Since(changed) < settled {
		return ""
	}
	return fmt.Sprintf("%s %d %d %d.%09d", filepath.Base(path), st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
}

// unchanged returns the id of the newest backup if the volume has the content that it had then; ""
// if it has not, or if that is not known.
func (s *scene) unchanged(print string) string {
	if print == "" {
		return ""
	}
	newest := s.newest(nil)
	for _, r := range s.runs {
		if newest != nil && r.BackupID == newest.ID && r.State == meta.RunDone && r.Fingerprint == print {
			return newest.ID
		}
	}
	return ""
}
