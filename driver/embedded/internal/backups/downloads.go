package backups

import "sync"

// downloads are the reads of backups that go on in this process and that no job tells of.
type downloads struct {
	mu   sync.Mutex
	last int
	open map[int]string // volume ids, by number
	seen map[string]int // the last read that had begun when a removal was first seen, by its job's id
}

// begin notes a read of backups of a volume. Call it before the rows that say where the objects are
// are read. end ends it, and may be called again.
func (d *downloads) begin(volumeID string) (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[int]string{}
	}
	d.last++
	n := d.last
	d.open[n] = volumeID
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.open, n)
	}
}

// before reports whether a read of backups of a volume goes on that had begun when it was first called for
// a removal. Later reads find the new objects, because the rows name these by then. It compares no
// times: the removal's are those of the database's clock.
func (d *downloads) before(volumeID, removal string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil {
		d.seen = map[string]int{}
	}
	last, known := d.seen[removal]
	if !known {
		last = d.last
	}
	for n, volume := range d.open {
		if volume == volumeID && n <= last {
			d.seen[removal] = last
			return true
		}
	}
	delete(d.seen, removal)
	return false
}
