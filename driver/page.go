package driver

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query selects one page of a list. Filters and sort keys are column names that
// the API layer has already checked; drivers ignore none of them.
type Query struct {
	Filters     []Filter
	Sort        []SortKey // empty: created_at desc, id desc
	Marker      string    // id of the last item of the page before; "" starts
	Limit       int       // items at most; negative: all
	Offset      int
	AllProjects bool // only an admin's counts
	WithCount   bool // Page.Count is wanted
	Brief       bool // only ids and names of the items are: the rest need not be true
}

// Filter keeps items whose column equals Value, or contains it if Like.
// Comparisons ignore case, as Cinder's do on MySQL. A column that a resource
// does not have matches nothing.
type Filter struct {
	Column, Value string
	Like          bool
}

// SortKey orders by a column.
type SortKey struct {
	Column string
	Desc   bool
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	Count int // all that match, whatever the page; only with Query.WithCount
}

// Columns tells how a resource's columns are read; values are string, int, bool,
// or time.Time. nil is SQL's NULL.
type Columns[T any] map[string]func(*T) any

// Paginate filters, sorts and cuts all into the page that q asks for. It is for
// backends that cannot do it themselves. noMarker makes the error for a marker
// that is not among all. all itself is not changed.
func Paginate[T any](all []T, columns Columns[T], q Query, noMarker func(id string) error) (Page[T], error) {
	items := make([]*T, 0, len(all))
	for i := range all {
		if matches(&all[i], columns, q.Filters) {
			items = append(items, &all[i])
		}
	}
	order := q.Sort
	if len(order) == 0 {
		order = []SortKey{{Column: "created_at", Desc: true}, {Column: "id", Desc: true}}
	}
	slices.SortStableFunc(items, func(a, b *T) int {
		for _, key := range order {
			read, ok := columns[key.Column]
			if !ok {
				continue
			}
			c := compare(read(a), read(b))
			if key.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	page := Page[T]{Count: len(items)}
	if q.Marker != "" {
		id := columns["id"]
		at := slices.IndexFunc(items, func(item *T) bool {
			return strings.EqualFold(text(id(item)), q.Marker)
		})
		if at < 0 {
			return Page[T]{}, noMarker(q.Marker)
		}
		items = items[at+1:]
	}
	items = items[min(q.Offset, len(items)):]
	if q.Limit >= 0 {
		items = items[:min(q.Limit, len(items))]
	}
	page.Items = make([]T, len(items))
	for i, item := range items {
		page.Items[i] = *item
	}
	return page, nil
}

func matches[T any](item *T, columns Columns[T], filters []Filter) bool {
	for _, f := range filters {
		read, ok := columns[f.Column]
		if !ok {
			return false
		}
		v := read(item)
		if v == nil {
			return false
		}
		if f.Like {
			if !strings.Contains(strings.ToLower(text(v)), strings.ToLower(f.Value)) {
				return false
			}
		} else if !strings.EqualFold(text(v), f.Value) {
			return false
		}
	}
	return true
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000000")
	}
	return ""
}

// compare orders two values of one column; nil comes first, as NULL does on MySQL.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case int:
		return cmp.Compare(a, b.(int))
	case time.Time:
		return a.Compare(b.(time.Time))
	case bool:
		return cmp.Compare(text(a), text(b))
	}
	return cmp.Compare(strings.ToLower(text(a)), strings.ToLower(text(b)))
}
