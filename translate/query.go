package translate

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// maxLimit is the largest page (osapi_max_limit of Cinder).
const maxLimit = 1000

// Query is a URL's query: the parameters in their order, as next links repeat them.
type Query []Param

// Param is one parameter of a query.
type Param struct{ Key, Value string }

// ParseQuery reads a raw query. Pairs that are not well-formed are left out, as
// Python's parser does.
func ParseQuery(raw string) Query {
	var q Query
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		k, err1 := url.QueryUnescape(key)
		v, err2 := url.QueryUnescape(value)
		if err1 == nil && err2 == nil {
			q = append(q, Param{k, v})
		}
	}
	return q
}

// Get returns the last value of a parameter.
func (q Query) Get(key string) (value string, ok bool) {
	for _, p := range q {
		if p.Key == key {
			value, ok = p.Value, true
		}
	}
	return value, ok
}

// without is q without a parameter.
func (q Query) without(key string) Query {
	return slices.DeleteFunc(slices.Clone(q), func(p Param) bool { return p.Key == key })
}

// with is q with one parameter set, in its place if it is there already.
func (q Query) with(key, value string) Query {
	out, done := make(Query, 0, len(q)+1), false
	for _, p := range q {
		switch {
		case p.Key != key:
			out = append(out, p)
		case !done:
			out = append(out, Param{key, value})
			done = true
		}
	}
	if !done {
		out = append(out, Param{key, value})
	}
	return out
}

func (q Query) encode() string {
	var b strings.Builder
	for i, p := range q {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.Key))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.Value))
	}
	return b.String()
}

// boolean reads a boolean parameter; absent is false.
func (q Query) boolean(key string) (bool, error) {
	v, ok := q.Get(key)
	if !ok {
		return false, nil
	}
	b, valid := schema.ParseBool(v)
	if !valid {
		return false, driver.Errorf(driver.InvalidInput, "Value '%s' for '%s' is not a boolean.", v, key)
	}
	return b, nil
}

// listing says how a resource's list may be filtered and sorted.
type listing struct {
	// columns are those that may sort and, for admins, filter.
	columns map[string]bool
	// filters are what others may filter by (etc/cinder/resource_filters.json
	// from 3.31 on).
	filters []string
	// sortByName is the microversion from which "name" sorts; display_name always does.
	sortByName int
	// newFilters maps a filter to the microversion that introduced it; below, it
	// is ignored.
	newFilters map[string]int
	// renames maps filters to columns; nil is [renamedColumns].
	renames map[string]string
	// generalFilters tells whether 3.31 refuses unknown filters.
	generalFilters bool
}

func columnNames[T any](columns driver.Columns[T]) map[string]bool {
	names := make(map[string]bool, len(columns))
	for name := range columns {
		names[name] = true
	}
	return names
}

// page is a limit as the client gave it, for the links.
type page struct {
	driver.Query
	limit int
}

// list reads the parameters of a list (get_pagination_params, get_sort_params and
// process_general_filtering of cinder/api/common.py).
func (l *listing) list(r Request) (page, error) {
	var p page
	rest := slices.Clone(r.Query)
	// Of a repeated parameter the first counts, as webob's MultiDict.pop has it.
	take := func(key string) (value string, ok bool) {
		if i := slices.IndexFunc(rest, func(param Param) bool { return param.Key == key }); i >= 0 {
			value, ok = rest[i].Value, true
		}
		rest = slices.DeleteFunc(rest, func(param Param) bool { return param.Key == key })
		return value, ok
	}
	if err := p.readPage(take); err != nil {
		return p, err
	}
	if err := l.readSort(r, &p, take); err != nil {
		return p, err
	}
	if _, counted := rest.Get("with_count"); counted && r.Version.AtLeast(mvWithCount) {
		count, err := rest.boolean("with_count")
		if err != nil {
			return p, err
		}
		p.WithCount = count
		take("with_count")
	}
	return p, l.readFilters(r, &p, rest)
}

func (p *page) readPage(take func(string) (string, bool)) error {
	p.limit = maxLimit
	if v, ok := take("limit"); ok {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		switch {
		case err != nil && !isDigits(v):
			return driver.Errorf(driver.InvalidInput, "limit param must be an integer")
		case err != nil:
			n = maxLimit // more digits than an int has
		case n < 0:
			return driver.Errorf(driver.InvalidInput, "limit param must be positive")
		}
		p.limit = min(n, maxLimit)
	}
	p.Limit = p.limit
	if marker, ok := take("marker"); ok {
		if marker == "" {
			return driver.BackupNotFound("")
		}
		p.Marker = marker
	}
	if v, ok := take("offset"); ok {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		switch {
		case err != nil && !isDigits(v):
			return driver.Errorf(driver.InvalidInput, "offset must be an integer")
		case err != nil || n > math.MaxInt32:
			return driver.Errorf(driver.InvalidInput, "offset must be <= %d", math.MaxInt32)
		case n < 0:
			return driver.Errorf(driver.InvalidInput, "offset must be >= 0")
		}
		p.Offset = n
	}
	return nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func (l *listing) readSort(r Request, p *page, take func(string) (string, bool)) error {
	sort, sorted := take("sort")
	key, keyed := take("sort_key")
	dir, directed := take("sort_dir")
	if sorted && (keyed || directed) {
		return driver.Errorf(driver.InvalidInput,
			"The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.")
	}
	switch {
	case sorted:
		for part := range strings.SplitSeq(strings.TrimSpace(sort), ",") {
			key, dir, _ := strings.Cut(part, ":")
			if dir == "" {
				dir = "desc"
			}
			p.Sort = append(p.Sort, driver.SortKey{Column: strings.TrimSpace(key), Desc: strings.TrimSpace(dir) == "desc"})
			if err := direction(dir); err != nil {
				return err
			}
		}
	case keyed || directed:
		if !keyed {
			key = "created_at"
		}
		if !directed {
			dir = "desc"
		}
		if err := direction(dir); err != nil {
			return err
		}
		p.Sort = []driver.SortKey{{Column: strings.TrimSpace(key), Desc: strings.TrimSpace(dir) == "desc"}}
	default:
		return nil
	}
	for i := range p.Sort {
		column := &p.Sort[i].Column
		if *column == "name" && (r.Version.AtLeast(l.sortByName) || l.sortByName == 0) {
			*column = "display_name"
		}
		if !l.columns[*column] {
			return driver.Errorf(driver.InvalidInput, "Invalid input received: Invalid sort key")
		}
	}
	// Cinder breaks ties by created_at and id in the first key's direction
	// (process_sort_params of cinder/db/sqlalchemy/api.py).
	for _, column := range []string{"created_at", "id"} {
		if !slices.ContainsFunc(p.Sort, func(k driver.SortKey) bool { return k.Column == column }) {
			p.Sort = append(p.Sort, driver.SortKey{Column: column, Desc: p.Sort[0].Desc})
		}
	}
	return nil
}

func direction(dir string) error {
	if dir = strings.TrimSpace(dir); dir != "asc" && dir != "desc" {
		return driver.Errorf(driver.InvalidInput,
			"Invalid input received: Unknown sort direction, must be 'desc' or 'asc'.")
	}
	return nil
}

func (l *listing) readFilters(r Request, p *page, rest Query) error {
	rest = slices.DeleteFunc(rest, func(param Param) bool {
		since, gated := l.newFilters[param.Key]
		return gated && !r.Version.AtLeast(since)
	})
	admin := r.Caller.IsAdmin()
	if !admin {
		var odd []string
		rest = slices.DeleteFunc(rest, func(param Param) bool {
			known := slices.Contains(l.filters, param.Key)
			if !known && param.Key != "all_tenants" && !slices.Contains(odd, param.Key) {
				odd = append(odd, param.Key)
			}
			return !known
		})
		if len(odd) > 0 && l.generalFilters && r.Version.AtLeast(mvGeneralFilters) {
			return driver.Errorf(driver.InvalidInput, "Invalid filters %s are found in query options.", strings.Join(odd, ", "))
		}
	}
	for _, param := range rest {
		if !isASCII(param.Key) {
			return driver.Errorf(driver.InvalidInput, "Filter keys can only contain ASCII characters.")
		}
	}
	if all, ok := rest.Get("all_tenants"); ok && admin {
		b, valid := schema.ParseBool(all)
		if !valid {
			return driver.Errorf(driver.InvalidInput, "all_tenants must be a boolean, got '%s'.", all)
		}
		p.AllProjects = b
	}
	renames := l.renames
	if renames == nil {
		renames = renamedColumns
	}
	for _, param := range rest {
		// Without all_tenants the project is the caller's, whatever the filter says.
		if param.Key == "all_tenants" || param.Key == "project_id" && !p.AllProjects {
			continue
		}
		column, like := strings.CutSuffix(param.Key, "~")
		if renamed, ok := renames[column]; ok {
			column = renamed
		}
		p.Filters = append(p.Filters, driver.Filter{Column: column, Value: param.Value, Like: like})
	}
	return nil
}

// renamedColumns maps the API's names to the database's
// (ATTRIBUTE_CONVERTERS of cinder/api/common.py).
var renamedColumns = map[string]string{
	"name":        "display_name",
	"description": "display_description",
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] > 127 {
			return false
		}
	}
	return true
}
