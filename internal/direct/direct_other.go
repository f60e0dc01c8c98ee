//go:build !linux

package direct

import "os"

func reopen(*os.File, bool) *os.File { return nil }

func refused(error) bool { return false }

func readCached(*os.File, []byte, int64) int { return 0 }

// Sequential tells the kernel that f is read from front to back.
func Sequential(*os.File) {}
