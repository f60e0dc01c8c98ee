package backups

import (
	"sync"
	"time"
)

// downloads are the reads of the content of backups that go on in this process.
type downloads struct {
	mu   sync.Mutex
	last int
	open map[int]download
}

type download struct {
	volumeID string
	since    time.Time
}

// begin notes a read. end ends it.
func (d *downloads) begin(volumeID string, now time.Time) (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[int]download{}
	}
	d.last++
	n := d.last
	d.open[n] = download{volumeID, now}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.open, n)
	}
}

// before reports whether a backup of a volume is being read since before a time.
func (d *downloads) before(volumeID string, t time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.open {
		if o.volumeID == volumeID && !o.since.After(t) {
			return true
		}
	}
	return false
}
