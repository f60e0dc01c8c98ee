package meta

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Cache holds the live rows of one table as of the last committed transaction, and
// lists of what a driver shows of them, V. Rows in it never change: a change puts
// another row in the place of the old one.
type Cache[T, V any] struct {
	key   func(*T) string
	where func(*T) (projectID string, createdAt time.Time)
	view  func(*T) V

	mu       sync.RWMutex
	byID     map[string]*T
	projects map[string]map[string]*T // by project id, then id
	lists    map[string][]V           // by project id, sorted; dropped by a change
	changes  map[string]uint64        // how often a project's rows have changed
	children map[string]int           // by the parent's id; nil if not tracked
	parent   func(*T) string
	mark     func(row *T, hasChildren bool)
	marked   func(*T) bool
}

func newCache[T, V any](rows []*T, key func(*T) string, where func(*T) (string, time.Time), view func(*T) V) *Cache[T, V] {
	c := &Cache[T, V]{key: key, where: where, view: view, byID: map[string]*T{}, projects: map[string]map[string]*T{}, lists: map[string][]V{}, changes: map[string]uint64{}}
	for _, row := range rows {
		c.put(row)
	}
	return c
}

// trackChildren makes the cache mark the rows that others name as their parent.
func (c *Cache[T, V]) trackChildren(parent func(*T) string, mark func(*T, bool), marked func(*T) bool) {
	rows := make([]*T, 0, len(c.byID))
	for _, row := range c.byID {
		rows = append(rows, row)
	}
	c.byID, c.projects = map[string]*T{}, map[string]map[string]*T{}
	c.children, c.parent, c.mark, c.marked = map[string]int{}, parent, mark, marked
	for _, row := range rows {
		c.put(row)
	}
}

// Get returns the row with the id, in any case; the row must not be changed.
func (c *Cache[T, V]) Get(id string) (*T, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	row, ok := c.byID[id]
	if !ok {
		row, ok = c.byID[strings.ToLower(id)]
	}
	return row, ok
}

// List shows a project's rows ("": all), newest first: created_at desc, id desc.
// The list must not be changed.
func (c *Cache[T, V]) List(projectID string) []V {
	c.mu.RLock()
	list, ok := c.lists[projectID]
	if ok {
		c.mu.RUnlock()
		return list
	}
	from := c.projects[projectID]
	if projectID == "" {
		from = c.byID
	}
	rows := make([]*T, 0, len(from))
	for _, row := range from {
		rows = append(rows, row)
	}
	changes := c.changes[projectID]
	c.mu.RUnlock()

	slices.SortFunc(rows, func(a, b *T) int {
		_, at := c.where(a)
		_, bt := c.where(b)
		return cmp.Or(bt.Compare(at), strings.Compare(c.key(b), c.key(a)))
	})
	list = make([]V, len(rows))
	for i, row := range rows {
		list[i] = c.view(row)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes[projectID] == changes { // else it is true for this caller, not for the next
		c.lists[projectID] = list
	}
	return list
}

// Len counts the rows.
func (c *Cache[T, V]) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.byID)
}

func (c *Cache[T, V]) put(row *T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.key(row)
	old := c.byID[id]
	if c.children != nil {
		c.mark(row, c.children[id] > 0)
	}
	c.store(row)
	if c.children == nil {
		return
	}
	if old != nil {
		c.adopt(c.parent(old), -1)
	}
	c.adopt(c.parent(row), +1)
}

func (c *Cache[T, V]) remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	row, ok := c.byID[id]
	if !ok {
		return
	}
	project, _ := c.where(row)
	delete(c.byID, id)
	delete(c.projects[project], id)
	if len(c.projects[project]) == 0 {
		delete(c.projects, project)
	}
	c.forget(project)
	if c.children != nil {
		c.adopt(c.parent(row), -1)
	}
}

// store puts the row in its places; c.mu is held.
func (c *Cache[T, V]) store(row *T) {
	id := c.key(row)
	project, _ := c.where(row)
	if old, ok := c.byID[id]; ok {
		if was, _ := c.where(old); was != project {
			delete(c.projects[was], id)
			c.forget(was)
		}
	}
	c.byID[id] = row
	if c.projects[project] == nil {
		c.projects[project] = map[string]*T{}
	}
	c.projects[project][id] = row
	c.forget(project)
}

func (c *Cache[T, V]) forget(projectID string) {
	for _, list := range []string{projectID, ""} {
		delete(c.lists, list)
		c.changes[list]++
	}
}

// adopt counts a child more or less and marks the parent anew; c.mu is held.
func (c *Cache[T, V]) adopt(parentID string, n int) {
	if parentID == "" {
		return
	}
	c.children[parentID] += n
	if c.children[parentID] == 0 {
		delete(c.children, parentID)
	}
	parent, ok := c.byID[parentID]
	if !ok || c.marked(parent) == (c.children[parentID] > 0) {
		return
	}
	changed := *parent
	c.mark(&changed, c.children[parentID] > 0)
	c.store(&changed)
}

// Children counts the rows whose parent is the id.
func (c *Cache[T, V]) Children(id string) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.children[id]
}
