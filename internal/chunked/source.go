package chunked

import (
	"errors"
	"io"
	"iter"
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

// span is a range of bytes of the volume.
type span struct{ from, to int64 }

func (s span) length() int64 { return s.to - s.from }

// cover returns s, widened to whole blocks, within a volume of size bytes.
func (s span) cover(block, size int64) span {
	return span{s.from / block * block, min((s.to+block-1)/block*block, size)}
}

// next returns the first range at or after off that may hold anything but zeroes, widened
// to whole grains. It is empty, at the end of the volume, if there is none. If the file
// system does not know its holes, the rest of the volume is one range.
func (s *source) next(off int64) span {
	if s.file == nil {
		return span{off, s.size}
	}
	start, stop := sparse.NextData(s.file, off, s.size)
	if start >= s.size {
		return span{s.size, s.size}
	}
	wide := span{start, stop}.cover(grain, s.size)
	return span{max(wide.from, off), wide.to}
}

// spans yields the ranges that may hold anything but zeroes, in order. Holes shorter than
// least count as data.
func (s *source) spans(least int64) iter.Seq[span] {
	return func(yield func(span) bool) {
		var open span // the beginning of the volume is the end of an empty range
		for off := int64(0); off < s.size; {
			one := s.next(off)
			if one.from-open.to >= least && one.from > open.to {
				if open.to > open.from && !yield(open) {
					return
				}
				open.from = one.from
			}
			if one.to > one.from {
				open.to = one.to
			}
			off = max(one.to, one.from)
		}
		if s.size-open.to < least {
			open.to = s.size
		}
		if open.to > open.from {
			yield(open)
		}
	}
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
