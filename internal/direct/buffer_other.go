//go:build !linux

package direct

import "unsafe"

// Alloc returns n bytes at an aligned address. The memory is the caller's to
// [Free].
func Alloc(n int) ([]byte, error) {
	b := make([]byte, n+Align)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (Align - 1)
	return b[skip : skip+n : skip+n], nil
}

// Free frees what [Alloc] returned. No slice of it may be used any more.
func Free([]byte) {}
