package chunked

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// digestLogMemory is how many bytes of digests are kept in memory: those of 16 GiB in
// blocks of 32 KiB. Further digests go to a file.
const digestLogMemory = 16 << 20

// spillPattern is the name pattern of that file until it is unlinked.
const spillPattern = "cindergate-digests-*.spill"

var spillName = regexp.MustCompile(`^cindergate-digests-[0-9]+\.spill$`)

// RemoveSpills removes the files that a crash left in a [Spec]'s SpillDir, and no other
// files. No running backup may use the directory.
func RemoveSpills(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !spillName.MatchString(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// digestLog collects the digests of a volume, 1 GiB per TiB. They must be kept, because the
// sha256file is written after all data objects.
type digestLog struct {
	dir    string // directory of the file; "": the system's for temporary files
	memory bytes.Buffer
	file   *os.File // unlinked; nil while memory suffices
	n      int64
}

func (l *digestLog) append(digests []digest) error {
	for i := range digests {
		l.memory.Write(digests[i][:])
	}
	l.n += int64(len(digests))
	if l.memory.Len() < digestLogMemory {
		return nil
	}
	return l.spill()
}

func (l *digestLog) spill() error {
	if l.file == nil {
		f, err := os.CreateTemp(l.dir, spillPattern)
		if err != nil {
			return wrap(err, "No room for temporary data.")
		}
		l.file = f
		if err := os.Remove(f.Name()); err != nil {
			return wrap(err, "No room for temporary data.")
		}
	}
	if _, err := l.memory.WriteTo(l.file); err != nil {
		return wrap(err, "No room for temporary data.")
	}
	return nil
}

// reader returns a reader of all digests. It may be called more than once.
func (l *digestLog) reader() io.Reader {
	tail := bytes.NewReader(l.memory.Bytes())
	if l.file == nil {
		return tail
	}
	return io.MultiReader(io.NewSectionReader(l.file, 0, l.n*sha256.Size-int64(l.memory.Len())), tail)
}

func (l *digestLog) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
