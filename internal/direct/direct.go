// Package direct moves large pieces of files without the page cache: buffers
// whose address suits O_DIRECT, and files that use it where the file system
// lets them. Where it does not, everything still works, only slower.
package direct

import (
	"io"
	"os"
	"sync/atomic"
	"unsafe"
)

// Align is what addresses, offsets and lengths are multiples of, in bytes:
// no block device in use wants more.
const Align = 4096

// File reads and writes a regular file or block device at offsets. Pieces that
// are aligned in memory and in the file go around the page cache; edges go
// through it. It is safe for concurrent use on ranges that do not overlap.
type File struct {
	f      *os.File
	d      *os.File    // f once more, with O_DIRECT; nil: not possible
	refuse atomic.Bool // the file system took O_DIRECT but refused a transfer
}

// NewFile opens f a second time for direct access, for writing too if write.
// The caller still owns f and closes it after the File.
func NewFile(f *os.File, write bool) *File {
	return &File{f: f, d: reopen(f, write)}
}

// Close closes what NewFile opened, not the file it was given.
func (x *File) Close() error {
	if x.d == nil {
		return nil
	}
	return x.d.Close()
}

// WriteAt writes p at offset off.
func (x *File) WriteAt(p []byte, off int64) (int, error) {
	done := 0
	if n := x.direct(p, off); n > 0 {
		m, err := x.d.WriteAt(p[:n], off)
		switch {
		case err == nil:
			done = m
		case refused(err):
			x.refuse.Store(true)
		default:
			return m, err
		}
	}
	if done == len(p) {
		return done, nil
	}
	m, err := x.f.WriteAt(p[done:], off+int64(done))
	return done + m, err
}

// ReadAt reads len(p) bytes at offset off, from the page cache what is there
// and the rest around it. As with any [io.ReaderAt], less comes with an error.
func (x *File) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	if x.d != nil && len(p) >= Align {
		// Going around pages that are in memory would be slower than a copy, and
		// would flush dirty ones first.
		done = readCached(x.f, p, off) &^ (Align - 1)
	}
	if n := x.direct(p[done:], off+int64(done)); n > 0 {
		m, err := x.d.ReadAt(p[done:done+n], off+int64(done))
		switch {
		case err == nil || err == io.EOF:
			done += m
		case refused(err):
			x.refuse.Store(true)
		default:
			return done + m, err
		}
	}
	if done == len(p) {
		return done, nil
	}
	m, err := x.f.ReadAt(p[done:], off+int64(done))
	return done + m, err
}

// direct returns how many bytes of p, at off in the file, can go directly.
func (x *File) direct(p []byte, off int64) int {
	if x.d == nil || x.refuse.Load() || len(p) < Align || off%Align != 0 || !Aligned(p) {
		return 0
	}
	return len(p) &^ (Align - 1)
}

// Aligned reports whether p begins at an address fit for direct access.
func Aligned(p []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(p)))%Align == 0 // #nosec G103 -- only the address is looked at
}
