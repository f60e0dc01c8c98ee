package chunked

import (
	"context"
	"slices"

	"cindergate/internal/chunk"
)

// Limits of a restore, in bytes.
const (
	// windowSize is the approximate part of the volume that one worker assembles at a time.
	windowSize = DefaultChunkSize
	// maxBlockSize limits the hash block, which must be in memory so that it can be checked
	// before it is written.
	maxBlockSize = 64 << 20
	// minBlockSize limits the number of blocks.
	minBlockSize = 512
)

// plan is a chain that has been read and checked, as far as possible without its data.
type plan struct {
	size      int64
	blockSize int64
	window    int64 // a multiple of blockSize
	first     int64 // length of the full backup's first object
	levels    []planLevel
	digests   digestList // of the last level
}

// digestList is digests in order.
type digestList interface {
	// fill reads exactly len(to) digests.
	fill(to []digest) error
	// skip forgets the next n.
	skip(n int64) error
	close()
}

type planLevel struct {
	Location
	metadata
}

// loadPlan reads the metadata and digests of the chain. The caller closes its digests.
func loadPlan(ctx context.Context, store chunk.Store, size int64, chain []Level) (*plan, error) {
	if len(chain) == 0 || size <= 0 {
		return nil, errorf("There is nothing to restore.")
	}
	p := &plan{size: size}
	target := chain[len(chain)-1]
	if err := target.check(); err != nil {
		return nil, err
	}
	digests, info, err := loadDigests(ctx, store, target.Location, size)
	if err != nil {
		return nil, err
	}
	p.digests, p.blockSize = digests, info.blockSize
	if err := p.load(ctx, store, chain, info); err != nil {
		digests.close()
		return nil, err
	}
	return p, nil
}

func (p *plan) load(ctx context.Context, store chunk.Store, chain []Level, info digestsInfo) error {
	target := chain[len(chain)-1]
	if err := p.checkDigests(target.Location, info); err != nil {
		return err
	}
	parent := ""
	for i, level := range chain {
		m, err := p.loadLevel(ctx, store, level)
		if err != nil {
			return err
		}
		if m.parentID != parent {
			return errorf("Backup %s is no child of the backup before it in the chain.", level.BackupID)
		}
		parent = m.backupID
		if i == 0 {
			if err := p.complete(m.objects); err != nil {
				return err
			}
		}
		if err := checkListing(ctx, store, level.Location, m.objects); err != nil {
			return err
		}
		p.levels = append(p.levels, planLevel{level.Location, m})
	}
	p.first = p.levels[0].objects[0].length
	p.prune(info.data)
	p.window = p.chooseWindow(p.first)
	return nil
}

// blocks returns the number of blocks of the backup.
func (p *plan) blocks() int64 { return (p.size + p.blockSize - 1) / p.blockSize }

// checkDigests checks the block size and the number of the digests.
func (p *plan) checkDigests(at Location, info digestsInfo) error {
	if err := info.check(at); err != nil {
		return err
	}
	if info.count != p.blocks() {
		return errorf("Object %s has %d digests where a backup of %d bytes has %d.", at.name(digestsSuffix), info.count, p.size, p.blocks())
	}
	return nil
}

// loadLevel reads the metadata of one level, and checks that it is that of this backup.
func (p *plan) loadLevel(ctx context.Context, store chunk.Store, level Level) (metadata, error) {
	if err := level.check(); err != nil {
		return metadata{}, err
	}
	m, err := loadMetadata(ctx, store, level.Location, p.size, p.blockSize)
	if err != nil {
		return metadata{}, err
	}
	name := level.name(metadataSuffix)
	switch {
	case m.backupID != level.BackupID:
		return m, errorf("Object %s is of backup %.64q, not %s.", name, m.backupID, level.BackupID)
	case m.parentID != level.ParentID:
		return m, errorf("Object %s names the parent %.64q, not %.64q.", name, m.parentID, level.ParentID)
	}
	return m, nil
}

// complete checks that the objects of a full backup cover the whole volume.
func (p *plan) complete(objects []object) error {
	end := int64(0)
	for _, o := range objects {
		if o.offset != end {
			break
		}
		end = o.end()
	}
	if end != p.size {
		return errorf("The full backup has no object for the bytes from %d on.", end)
	}
	return nil
}

// chooseWindow returns a window size for which few objects lie in two windows: about
// windowSize, or a multiple of first, which is the length of the full backup's first object
// and so that of most objects that others wrote.
func (p *plan) chooseWindow(first int64) int64 {
	best := max(windowSize/p.blockSize, 1) * p.blockSize
	if first <= 2*windowSize && first%p.blockSize == 0 {
		if other := max(windowSize/first, 1) * first; p.cuts(other) < p.cuts(best) {
			best = other
		}
	}
	return best
}

// cuts returns how many objects windows of that size cut.
func (p *plan) cuts(window int64) (n int) {
	for _, level := range p.levels {
		for _, o := range level.objects {
			if !o.hole && o.offset/window != (o.end()-1)/window {
				n++
			}
		}
	}
	return n
}

// part is the part of one object that lies in a window.
type part struct {
	level  int
	object object
	// straddler is set if the object also lies in other windows, so that it must be read
	// piece by piece.
	straddler *straddler
	from, to  int64 // within the object
	turn      <-chan struct{}
	next      chan<- struct{}
}

// cutter cuts the levels' objects into windows, from the first to the last.
type cutter struct {
	plan   *plan
	cursor []int        // per level: the first object that ends after the previous window
	open   []*straddler // per level: the object that continues in the next window
	turns  []chan struct{}
	all    []*straddler
}

func newCutter(p *plan) *cutter {
	n := len(p.levels)
	return &cutter{plan: p, cursor: make([]int, n), open: make([]*straddler, n), turns: make([]chan struct{}, n)}
}

// cut returns the parts in the window [off, end), lowest level first.
func (c *cutter) cut(off, end int64) []part {
	var parts []part
	for i, level := range c.plan.levels {
		for c.cursor[i] < len(level.objects) {
			o := level.objects[c.cursor[i]]
			if o.offset >= end {
				break
			}
			if o.end() <= off { // before the first window
				c.cursor[i]++
				continue
			}
			p := part{level: i, object: o, from: max(off-o.offset, 0), to: min(end, o.end()) - o.offset}
			if p.to-p.from < o.length && !o.hole {
				c.straddle(&p)
			}
			parts = append(parts, p)
			if o.end() > end {
				break
			}
			c.cursor[i]++
		}
	}
	return visible(parts)
}

// straddle links a part of an object to its previous and next parts.
func (c *cutter) straddle(p *part) {
	i := p.level
	if p.from == 0 {
		c.open[i] = &straddler{at: c.plan.levels[i].Location, object: p.object}
		c.all = append(c.all, c.open[i])
		c.turns[i] = make(chan struct{})
		close(c.turns[i])
	}
	next := make(chan struct{})
	p.straddler, p.turn, p.next = c.open[i], c.turns[i], next
	c.turns[i] = next
}

// visible removes whole objects that later levels cover completely.
func visible(parts []part) []part {
	if len(parts) == 0 || parts[0].level == parts[len(parts)-1].level {
		return parts
	}
	var covered [][2]int64 // sorted, without overlaps or adjacent ranges
	keep := make([]bool, len(parts))
	for i := len(parts) - 1; i >= 0; i-- {
		p := parts[i]
		from, to := p.object.offset+p.from, p.object.offset+p.to
		// Find the first range that ends at or after from.
		k, _ := slices.BinarySearchFunc(covered, from, func(r [2]int64, at int64) int {
			if r[1] < at {
				return -1
			}
			return 1
		})
		if k < len(covered) && covered[k][0] <= from && to <= covered[k][1] {
			keep[i] = p.straddler != nil
			continue
		}
		keep[i] = true
		last := k
		for last < len(covered) && covered[last][0] <= to {
			from, to = min(from, covered[last][0]), max(to, covered[last][1])
			last++
		}
		covered = slices.Replace(covered, k, last, [2]int64{from, to})
	}
	kept := parts[:0]
	for i, p := range parts {
		if keep[i] {
			kept = append(kept, p)
		}
	}
	return kept
}
