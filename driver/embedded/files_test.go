package embedded

import (
	"os"
	"testing"
)

// Of two extends of one volume, the smaller may come last: it cuts nothing.
func TestGrowNeverCuts(t *testing.T) {
	r := newRig(t)
	path := r.core.Files.Volume(r.volume(alpha, 1).ID)
	for _, want := range []struct{ grow, size int64 }{{3 * small, 3 * small}, {2 * small, 3 * small}, {4 * small, 4 * small}} {
		check(t, r.core.Files.Grow(path, want.grow))
		st, err := os.Stat(path)
		check(t, err)
		if st.Size() != want.size {
			t.Fatalf("grown to %d: it has %d bytes, want %d", want.grow, st.Size(), want.size)
		}
	}
}
