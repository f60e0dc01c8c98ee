package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
)

// block is the unit of what clients write, in bytes.
const block = 64 << 10

// content is what a volume, snapshot or backup of 1 GiB holds: the digests of the blocks that are
// not zero.
type content map[int64]uint64

func (c content) equal(o content) bool {
	if len(c) != len(o) {
		return false
	}
	for at, digest := range c {
		if o[at] != digest {
			return false
		}
	}
	return true
}

func digest(p []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(p) // it cannot fail
	return h.Sum64()
}

// readContent reads a file, without its holes.
func readContent(path string) (content, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	c := content{}
	zero, buffer := make([]byte, block), make([]byte, block)
	const seekData = 3 // SEEK_DATA of lseek(2)
	for at := int64(0); ; at += block {
		at, err = f.Seek(at, seekData)
		if errors.Is(err, syscall.ENXIO) {
			return c, nil // no data follows
		}
		if err != nil {
			return nil, err
		}
		at = at / block * block
		n, err := f.ReadAt(buffer, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		clear(buffer[n:])
		if !bytes.Equal(buffer, zero) {
			c[at/block] = digest(buffer)
		}
	}
}

// write changes some blocks of a file, and returns what it holds then.
func write(path string, before content, r *rand.Rand) (content, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	after := content{}
	for at, digest := range before {
		after[at] = digest
	}
	for range 1 + r.IntN(4) {
		at := r.Int64N(24) * 601 // few places, so that blocks are written again
		p := make([]byte, block)
		if r.IntN(6) > 0 {
			for i := range p[:5000] {
				p[i] = byte(r.Uint32())
			}
			p[0] = 1
			after[at] = digest(p)
		} else {
			delete(after, at)
		}
		if _, err := f.WriteAt(p, at*block); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return after, errors.Join(f.Sync(), f.Close())
}

// object is a volume, snapshot or backup as the clients know it.
type object struct {
	kind, id string
	volume   *object // of a snapshot or backup

	mu sync.Mutex // held by the client that works with a volume, its snapshots and backups
	// contents are what it may hold. There are several after a request without an answer.
	contents []content
	// frozen says that a request without an answer may still read or change it, so that clients
	// must not write to it.
	frozen  bool
	failed  bool // its status is an error
	deleted bool // the delete was accepted
	maybe   bool // the delete was perhaps accepted
}

// root is the object whose lock covers o.
func (o *object) root() *object {
	if o.volume != nil {
		return o.volume
	}
	return o
}

func (o *object) may(c content) bool { return slices.ContainsFunc(o.contents, c.equal) }

// merge returns the contents of both, each once.
func merge(a, b []content) []content {
	all := slices.Clone(a)
	for _, c := range b {
		if !slices.ContainsFunc(all, c.equal) {
			all = append(all, c)
		}
	}
	return all
}

// model is what the clients know, and what they have counted.
type model struct {
	mu      sync.Mutex
	objects map[string]*object // by id
	lost    map[string]*object // by name: what a request without an answer may have made
	names   int
	counts  map[string]map[string]int // operation, result
	stale   int
	faults  []string // what must not be
}

func newModel() *model {
	return &model{objects: map[string]*object{}, lost: map[string]*object{}, counts: map[string]map[string]int{}}
}

func (m *model) fault(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	m.faults = append(m.faults, text)
	say("WRONG: %s", text)
}

func (m *model) count(operation, result string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts[operation] == nil {
		m.counts[operation] = map[string]int{}
	}
	m.counts[operation][result]++
}

func (m *model) name() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names++
	return fmt.Sprintf("chaos-%d", m.names)
}

func (m *model) add(o *object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[o.id] = o
}

func (m *model) lose(name string, o *object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost[name] = o
}

// live is the number of objects of a kind that were not deleted.
func (m *model) live(kind string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.objects {
		if o.kind == kind && !o.deleted {
			n++
		}
	}
	return n
}

// take returns an object that passes, with its lock held; nil if there is none that nobody uses.
func (m *model) take(r *rand.Rand, kind string, passes func(*object) bool) *object {
	m.mu.Lock()
	var all []*object
	for _, o := range m.objects {
		if o.kind == kind {
			all = append(all, o)
		}
	}
	m.mu.Unlock()
	sort.Slice(all, func(i, j int) bool { return all[i].id < all[j].id })
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, o := range all {
		if !o.root().mu.TryLock() {
			continue
		}
		if !o.deleted && !o.maybe && passes(o) {
			return o
		}
		o.root().mu.Unlock()
	}
	return nil
}

// report prints the counts.
func (m *model) report() {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.counts {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		var parts []string
		for result, n := range m.counts[name] {
			parts = append(parts, fmt.Sprintf("%s: %d", result, n))
		}
		sort.Strings(parts)
		fmt.Printf("%-24s %s\n", name, strings.Join(parts, ", "))
	}
}
