//go:build !linux

package harness

import "io/fs"

// onDisk returns the bytes that a file takes up at most.
func onDisk(info fs.FileInfo) int64 { return info.Size() }
