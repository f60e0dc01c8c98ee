package dir

import "syscall"

// Limits of the number of concurrent writes. A write needs the file, the file again without
// the page cache, and the parent directories during the rename.
const (
	mostPuts, fewestPuts = 64, 2
	otherDescriptors     = 48 // for the rest of the process
	putDescriptors       = 8

	// Limits of the number of objects that wait for their batch, each with an open file. A
	// quarter of the descriptors are for them.
	mostWaiting, fewestWaiting = 512, 4
	waitingPart                = 4
)

// putsWithin returns how many objects may be written at once within a limit of file
// descriptors.
func putsWithin(descriptors uint64) int {
	left := int(min(descriptors, 1<<30)) - otherDescriptors
	return min(max(left/putDescriptors, fewestPuts), mostPuts)
}

// waitingWithin returns how many objects may wait for their batch within a limit of file
// descriptors.
func waitingWithin(descriptors uint64) int {
	left := int(min(descriptors, 1<<30)) - otherDescriptors
	return min(max(left/waitingPart, fewestWaiting), mostWaiting)
}

// descriptors returns this process's limit of file descriptors (ulimit -n).
func descriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return limit.Cur
}
