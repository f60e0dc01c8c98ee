package dir

import "syscall"

// Limits of the number of concurrent writes. A write needs the file, the file again without
// the page cache, and the parent directories during the rename.
const (
	mostPuts, fewestPuts = 64, 2
	otherDescriptors     = 48 // for the rest of the process
	putDescriptors       = 8
	waitingPerPut        = 2 // of putDescriptors, files that wait for their batch
)

// putsWithin returns how many objects may be written at once within a limit of file
// descriptors.
func putsWithin(descriptors uint64) int {
	left := int(min(descriptors, 1<<30)) - otherDescriptors
	return min(max(left/putDescriptors, fewestPuts), mostPuts)
}

// newPuts returns the semaphore of Put. Its capacity depends on this process's limit of
// file descriptors (ulimit -n).
func newPuts() chan struct{} {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		limit.Cur = 1024
	}
	return make(chan struct{}, putsWithin(limit.Cur))
}
