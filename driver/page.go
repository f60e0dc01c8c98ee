package driver

import (
	"cmp"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query selects one page of a list. The API layer has already checked that filters and sort
// keys are column names. Drivers must apply all of them.
type Query struct {
	Filters     []Filter
	Sort        []SortKey // empty: created_at desc, id desc
	Marker      string    // id of the last item of the previous page; "" for the first page
	Limit       int       // maximum number of items; negative: no limit
	Offset      int
	AllProjects bool // ignored unless the caller is an admin
	WithCount   bool // Page.Count must be set
	Brief       bool // the caller reads only ids and names; other fields may be wrong
}

// Filter keeps items whose column equals Value (see [Equals]). If Like is set, it keeps
// items whose column matches the SQL pattern %Value%. A column that the resource does not
// have matches nothing.
type Filter struct {
	Column, Value string
	Like          bool
	// Test, if not nil, decides on the column's value instead; NULL is nil. Filters of
	// backups have no Test, so backends that filter backups upstream need only Column,
	// Value and Like.
	Test func(value any) bool
}

// SortKey sorts a list by a column.
type SortKey struct {
	Column string
	Desc   bool
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	Count int // number of matching items on all pages; only with Query.WithCount
}

// Columns maps column names to functions that read them. Values are string, int, bool,
// time.Time or [Pairs]. nil is SQL's NULL.
type Columns[T any] map[string]func(*T) any

// Pairs is the metadata of an item, from one or more tables. Lists cannot sort by it.
type Pairs []map[string]string

// Has reports whether one of the maps has the pair. Keys and values match without regard to
// case, as in Cinder's database.
func (p Pairs) Has(key, value string) bool {
	for _, table := range p {
		for k, v := range table {
			if strings.EqualFold(k, key) && strings.EqualFold(v, value) {
				return true
			}
		}
	}
	return false
}

// Paginate filters and sorts all, and returns the page that q selects. It is for backends
// that cannot do so themselves. The page begins after the marker's place in the sort order,
// even if the filters exclude the marker. If all lacks the marker, Paginate returns the
// error that noMarker makes. It does not change all.
func Paginate[T any](all []T, columns Columns[T], q Query, noMarker func(id string) error) (Page[T], error) {
	refs := make([]*T, len(all))
	for i := range all {
		refs[i] = &all[i]
	}
	return PaginateRefs(refs, columns, q, noMarker)
}

// Take returns the page that q selects from items in the default order, which begin after
// the marker. It reads no more items than it needs. atMost is an upper bound of the number
// of items.
func Take[T any](items iter.Seq[*T], columns Columns[T], q Query, atMost int) []T {
	page := []T{}
	if len(q.Filters) == 0 { // with filters, the page may hold far fewer
		if q.Limit > 0 {
			atMost = min(atMost, q.Limit)
		}
		page = make([]T, 0, atMost)
	}
	skip := q.Offset
	if q.Limit == 0 {
		return page
	}
	for item := range items {
		if !matches(item, columns, q.Filters) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		page = append(page, *item)
		if len(page) == q.Limit {
			break
		}
	}
	return page
}

// CountMatches counts the items that the filters keep.
func CountMatches[T any](items iter.Seq[*T], columns Columns[T], q Query) int {
	n := 0
	for item := range items {
		if matches(item, columns, q.Filters) {
			n++
		}
	}
	return n
}

// PaginateRefs is like [Paginate], for a slice of pointers.
func PaginateRefs[T any](all []*T, columns Columns[T], q Query, noMarker func(id string) error) (Page[T], error) {
	items := make([]*T, 0, len(all))
	for _, item := range all {
		if matches(item, columns, q.Filters) {
			items = append(items, item)
		}
	}
	order := q.Sort
	if len(order) == 0 {
		order = []SortKey{{Column: "created_at", Desc: true}, {Column: "id", Desc: true}}
	}
	inOrder := func(a, b *T) int {
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
	}
	slices.SortStableFunc(items, inOrder)
	page := Page[T]{Count: len(items)}
	if q.Marker != "" {
		id := columns["id"]
		at := slices.IndexFunc(all, func(item *T) bool { return strings.EqualFold(text(id(item)), q.Marker) })
		if at < 0 {
			return Page[T]{}, noMarker(q.Marker)
		}
		marker := all[at]
		after := slices.IndexFunc(items, func(item *T) bool { return inOrder(item, marker) > 0 })
		if after < 0 {
			after = len(items)
		}
		items = items[after:]
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
		switch {
		case f.Test != nil:
			ok = f.Test(v)
		case f.Like:
			ok = v != nil && like(strings.ToLower(likeText(v)), "%"+strings.ToLower(f.Value)+"%")
		default:
			ok = Equals(v, f.Value)
		}
		if !ok {
			return false
		}
	}
	return true
}

// Equals compares a column with a text as Cinder's MySQL does. Strings match without regard
// to case. Numbers and booleans match the number at the start of the text, or 0 if there is
// none. nil matches nothing.
func Equals(v any, s string) bool {
	switch v := v.(type) {
	case int:
		return float64(v) == leadingNumber(s)
	case bool:
		if t, err := strconv.ParseBool(s); err == nil {
			return v == t
		}
		return map[bool]float64{true: 1}[v] == leadingNumber(s)
	case nil, Pairs:
		return false
	}
	return strings.EqualFold(text(v), s)
}

var numberPrefix = regexp.MustCompile(`^[ \t\n]*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?`)

// leadingNumber returns the number at the start of s. A number too large for float64
// becomes infinite and matches no column.
func leadingNumber(s string) float64 {
	n, _ := strconv.ParseFloat(strings.TrimSpace(numberPrefix.FindString(s)), 64)
	return n
}

// likeText returns a column as SQL's LIKE sees it.
func likeText(v any) string {
	switch v := v.(type) {
	case bool:
		return map[bool]string{false: "0", true: "1"}[v]
	case time.Time:
		return v.UTC().Format(time.DateTime)
	}
	return text(v)
}

// like matches s against an SQL pattern: % matches any text, _ any character, and \ makes
// the next character literal. The time is proportional to the product of both lengths.
func like(s, pattern string) bool {
	text, p := []rune(s), []rune(pattern)
	i, j := 0, 0
	star, from := -1, 0 // position of the last %, and where in s to continue after it
	for i < len(text) {
		switch {
		case j < len(p) && p[j] == '%':
			star, from = j, i
			j++
			continue
		case j < len(p) && p[j] == '_':
			i, j = i+1, j+1
			continue
		case j+1 < len(p) && p[j] == '\\' && p[j+1] == text[i]:
			i, j = i+1, j+2
			continue
		case j < len(p) && p[j] == text[i] && (p[j] != '\\' || j+1 == len(p)):
			i, j = i+1, j+1
			continue
		}
		if star < 0 {
			return false
		}
		from++
		i, j = from, star+1
	}
	for j < len(p) && p[j] == '%' {
		j++
	}
	return j == len(p)
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

// compare orders two values of one column. nil comes first, as NULL does in MySQL.
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
