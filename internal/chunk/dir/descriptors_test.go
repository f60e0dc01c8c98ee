package dir

import "testing"

// With fewer descriptors, fewer objects are written at once.
func TestPutsWithinDescriptors(t *testing.T) {
	for descriptors, want := range map[uint64]int{0: 2, 64: 2, 128: 10, 256: 26, 1024: 64, 1<<64 - 1: 64} {
		if got := putsWithin(descriptors); got != want {
			t.Errorf("%d descriptors: %d objects", descriptors, got)
		}
	}
}

// With fewer descriptors, fewer objects wait for their batch.
func TestWaitingWithinDescriptors(t *testing.T) {
	for descriptors, want := range map[uint64]int{0: 4, 64: 4, 256: 52, 1024: 244, 1<<64 - 1: 512} {
		if got := waitingWithin(descriptors); got != want {
			t.Errorf("%d descriptors: %d objects", descriptors, got)
		}
	}
}
