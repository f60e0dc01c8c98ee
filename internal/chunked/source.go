package chunked

import (
	"errors"
	"io"
	"os"

	"cindergate/internal/direct"
	"cindergate/internal/sparse"
)

// source is the volume to back up.
type source struct {
	size int64
	r    io.ReaderAt
	file *os.File // nil: holes are unknown
	full int64    // size of the file when the backup began
	d    *direct.File
}

func newSource(volume io.ReaderAt, size int64) (*source, error) {
	s := &source{size: size, r: volume}
	f, ok := volume.(*os.File)
	if !ok {
		return s, nil
	}
	st, err := f.Stat()
	if err != nil {
		return nil, wrap(err, "The volume cannot be read.")
	}
	if st.Mode().IsRegular() {
		if st.Size() < size {
			return nil, errorf("The volume has %d bytes, fewer than the %d to back up.", st.Size(), size)
		}
		s.file, s.full = f, st.Size()
	}
	direct.Sequential(f)
	s.d = direct.NewFile(f, false)
	s.r = s.d
	return s, nil
}

// data reports whether [off, end) may contain anything but zeroes.
func (s *source) data(off, end int64) bool {
	if s.file == nil {
		return true
	}
	start, _ := sparse.NextData(s.file, off, end)
	return start < end
}

// read fills p with the bytes at off. It returns how many bytes it had to read; holes need
// no read.
func (s *source) read(p []byte, off int64) (int64, error) {
	end := off + int64(len(p))
	read := int64(0)
	for at := off; at < end; {
		start, stop := at, end
		if s.file != nil {
			start, stop = sparse.NextData(s.file, at, end)
		}
		clear(p[at-off : start-off])
		if start < stop {
			n, err := s.r.ReadAt(p[start-off:stop-off], start)
			if n < int(stop-start) {
				return read, readError(err)
			}
			read += int64(n)
		}
		at = stop
	}
	return read, nil
}

func readError(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return wrap(io.ErrUnexpectedEOF, "The volume shrank during the backup.")
	}
	return wrap(err, "The volume could not be read.")
}

// unchanged checks that the size of the volume has not changed.
func (s *source) unchanged() error {
	if s.file == nil {
		return nil
	}
	st, err := s.file.Stat()
	if err != nil {
		return wrap(err, "The volume could not be read.")
	}
	if st.Size() != s.full {
		return errorf("The volume's size changed during the backup, from %d to %d bytes.", s.full, st.Size())
	}
	return nil
}

func (s *source) close() {
	if s.d != nil {
		_ = s.d.Close()
	}
}
