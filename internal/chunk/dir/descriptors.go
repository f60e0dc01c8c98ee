package dir

import "syscall"

// Bounds of how many objects are written at once. One needs its file, that once more
// without the page cache, and the directories above it while it is renamed.
const (
	mostPuts, fewestPuts = 64, 2
	otherDescriptors     = 48 // for the rest of the process
	putDescriptors       = 8
)

// putsWithin is how many objects may be written at once with a limit of file descriptors.
func putsWithin(descriptors uint64) int {
	left := int(min(descriptors, 1<<30)) - otherDescriptors
	return min(max(left/putDescriptors, fewestPuts), mostPuts)
}

// newPuts is what Put takes a place in: as many places as the limit of this process
// (ulimit -n) leaves room for.
func newPuts() chan struct{} {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		limit.Cur = 1024
	}
	return make(chan struct{}, putsWithin(limit.Cur))
}
