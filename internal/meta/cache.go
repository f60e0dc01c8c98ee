package meta

import (
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/google/btree"
)

// cache holds the live rows of one table as of the last committed transaction, in the order
// of lists. V is the part of a row that a driver shows. Rows are immutable: a change
// replaces the row.
type cache[T, V any] struct {
	key   func(*T) string
	where func(*T) (projectID string, createdAt time.Time)
	view  func(*T) *V // returns a pointer into the row

	mu       sync.RWMutex
	byID     map[string]*T
	ordered  map[string]*btree.BTreeG[*T] // by project id; "": rows of all projects
	shown    map[string]*btree.BTreeG[*T] // readers' copies of ordered, until a change
	children map[string]int               // by the parent's id; nil if not tracked
	parent   func(*T) string
	mark     func(row *T, hasChildren bool)
	marked   func(*T) bool
}

// degree is the width of the trees. A change copies a few nodes with up to this many rows
// each.
const degree = 32

func newCache[T, V any](key func(*T) string, where func(*T) (string, time.Time), view func(*T) *V) *cache[T, V] {
	c := &cache[T, V]{key: key, where: where, view: view}
	c.replace(nil)
	return c
}

// trackChildren makes the cache, which must be empty, mark rows that are the parent of other
// rows.
func (c *cache[T, V]) trackChildren(parent func(*T) string, mark func(*T, bool), marked func(*T) bool) {
	c.children, c.parent, c.mark, c.marked = map[string]int{}, parent, mark, marked
}

// replace replaces all rows.
func (c *cache[T, V]) replace(rows []*T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID = make(map[string]*T, len(rows))
	c.ordered, c.shown = map[string]*btree.BTreeG[*T]{}, map[string]*btree.BTreeG[*T]{}
	if c.children != nil {
		c.children = map[string]int{}
	}
	for _, row := range rows {
		c.insert(row)
	}
}

// newer orders rows as lists do: created_at desc, id desc.
func (c *cache[T, V]) newer(a, b *T) bool {
	_, at := c.where(a)
	_, bt := c.where(b)
	if d := at.Compare(bt); d != 0 {
		return d > 0
	}
	return c.key(a) > c.key(b)
}

// get returns the row with the id, ignoring case; nil if there is none. Callers must not
// change the row.
func (c *cache[T, V]) get(id string) *T {
	c.mu.RLock()
	defer c.mu.RUnlock()
	row, ok := c.byID[id]
	if !ok {
		row = c.byID[strings.ToLower(id)]
	}
	return row
}

// Rows are the rows of a project, or of all projects, as of one moment. Later changes do
// not affect them. Getting them takes the same time for any number of rows.
type Rows[T, V any] struct {
	tree  *btree.BTreeG[*T] // nil: no rows
	cache *cache[T, V]
}

// ofProject returns a project's rows. A caller without a project has none.
func (c *cache[T, V]) ofProject(projectID string) Rows[T, V] {
	if projectID == "" {
		return Rows[T, V]{}
	}
	return c.rows(projectID)
}

// all returns the rows of all projects.
func (c *cache[T, V]) all() Rows[T, V] { return c.rows("") }

// rows returns the rows of one of the lists named by [cache.lists].
func (c *cache[T, V]) rows(list string) Rows[T, V] {
	c.mu.RLock()
	tree, ok := c.shown[list]
	c.mu.RUnlock()
	if !ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if tree, ok = c.shown[list]; !ok {
			if own := c.ordered[list]; own != nil {
				tree = own.Clone()
			}
			c.shown[list] = tree
		}
	}
	return Rows[T, V]{tree, c}
}

// Len counts the rows.
func (r Rows[T, V]) Len() int {
	if r.tree == nil {
		return 0
	}
	return r.tree.Len()
}

// Find returns the row with the id; nil if there is none.
func (r Rows[T, V]) Find(id string) *T {
	if r.tree == nil {
		return nil
	}
	row := r.cache.get(id)
	if row == nil || !r.tree.Has(row) {
		return nil
	}
	return row
}

// All yields the rows, newest first. Callers must not change them.
func (r Rows[T, V]) All() iter.Seq[*V] {
	return func(yield func(*V) bool) {
		if r.tree != nil {
			r.tree.Ascend(func(row *T) bool { return yield(r.cache.view(row)) })
		}
	}
}

// After yields the rows after marker, which must be one of the rows.
func (r Rows[T, V]) After(marker *T) iter.Seq[*V] {
	return func(yield func(*V) bool) {
		if r.tree != nil {
			skip := true
			r.tree.AscendGreaterOrEqual(marker, func(row *T) bool {
				if skip {
					skip = false
					return true
				}
				return yield(r.cache.view(row))
			})
		}
	}
}

func (c *cache[T, V]) put(row *T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.insert(row)
}

// insert adds or replaces a row. The caller holds c.mu.
func (c *cache[T, V]) insert(row *T) {
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

func (c *cache[T, V]) remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	row, ok := c.byID[id]
	if !ok {
		return
	}
	c.drop(row)
	delete(c.byID, id)
	if c.children != nil {
		c.adopt(c.parent(row), -1)
	}
}

// store adds the row to its lists. The caller holds c.mu.
func (c *cache[T, V]) store(row *T) {
	if old, ok := c.byID[c.key(row)]; ok {
		c.drop(old) // its place may change: an import changes the creation time
	}
	c.byID[c.key(row)] = row
	project, _ := c.where(row)
	for _, list := range c.lists(project) {
		tree := c.ordered[list]
		if tree == nil {
			tree = btree.NewG(degree, c.newer)
			c.ordered[list] = tree
		}
		tree.ReplaceOrInsert(row)
	}
}

// drop removes the row from its lists. The caller holds c.mu.
func (c *cache[T, V]) drop(row *T) {
	project, _ := c.where(row)
	for _, list := range c.lists(project) {
		tree := c.ordered[list]
		tree.Delete(row)
		if tree.Len() == 0 {
			delete(c.ordered, list)
		}
	}
}

// lists returns the names of the lists that contain a project's rows. It drops the readers'
// copies of these lists, because the caller is about to change them.
func (c *cache[T, V]) lists(projectID string) []string {
	lists := []string{""}
	if projectID != "" {
		lists = append(lists, projectID)
	}
	for _, list := range lists {
		delete(c.shown, list)
	}
	return lists
}

// adopt changes the number of a parent's children by n, and updates the parent's mark. The
// caller holds c.mu.
func (c *cache[T, V]) adopt(parentID string, n int) {
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

// countChildren returns the number of rows whose parent has the id.
func (c *cache[T, V]) countChildren(id string) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.children[id]
}
