package translate

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cindergate/driver"
)

// maxLimit is the largest number of items on a page (osapi_max_limit of Cinder).
const maxLimit = 1000

// Query is the query of a URL. The parameters keep their order, since next links repeat
// them.
type Query []Param

// Param is one parameter of a query.
type Param struct{ Key, Value string }

// ParseQuery parses a raw query. A malformed escape is text, as in Python's parser.
func ParseQuery(raw string) Query {
	var q Query
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		q = append(q, Param{unescape(key), unescape(value)})
	}
	return q
}

func unescape(s string) string {
	if !strings.ContainsAny(s, "+%") {
		return s
	}
	text := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			text = append(text, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			text = append(text, byte(b))
			i += 2
		default:
			text = append(text, s[i])
		}
	}
	return string(text)
}

func isHex(b byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", b) >= 0 }

// Undecodable returns the error for a URL that is not valid text (cinder/api/middleware/fault.py).
func Undecodable() error {
	return driver.Errorf(driver.InvalidInput, "Error decoding your request. Either the URL or the request body "+
		"contained characters that could not be decoded by Cinder.")
}

// Get returns the last value of a parameter. ok is false if there is none.
func (q Query) Get(key string) (value string, ok bool) {
	for _, p := range q {
		if p.Key == key {
			value, ok = p.Value, true
		}
	}
	return value, ok
}

// without returns q without a parameter.
func (q Query) without(key string) Query {
	return slices.DeleteFunc(slices.Clone(q), func(p Param) bool { return p.Key == key })
}

// with returns q with one parameter set. An existing parameter keeps its place.
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

// boolean parses a boolean parameter. It is false if absent.
func (q Query) boolean(key string) (bool, error) {
	v, ok := q.Get(key)
	if !ok {
		return false, nil
	}
	return parseFlag(key, v)
}

// never is a microversion that no request has.
const never = driver.MaxMicroversion + 1

// listing says how clients may filter and sort the list of a resource.
type listing struct {
	// columns are the columns that clients may sort by.
	columns map[string]bool
	filters *filterRules
	// sortByName is the microversion from which the sort key "name" means the column
	// display_name. 0: always. Above driver.MaxMicroversion: never, since the column is
	// called name.
	sortByName int
	// counts says that the list accepts with_count, from 3.45 on. Other lists treat it as a
	// filter.
	counts bool
	// notFound makes the error for an unknown marker.
	notFound func(id string) error
}

// columnNames returns the names of the columns that clients may sort by.
func columnNames[T any](columns driver.Columns[T]) map[string]bool {
	names := make(map[string]bool, len(columns))
	var zero T
	for name, read := range columns {
		if _, isPairs := read(&zero).(driver.Pairs); !isPairs {
			names[name] = true
		}
	}
	return names
}

// page is a driver's query, with the client's own limit for the links.
type page struct {
	driver.Query
	limit int
}

// list reads the parameters of a list (get_pagination_params, get_sort_params and
// process_general_filtering of cinder/api/common.py).
func (l *listing) list(r Request) (page, error) {
	var p page
	rest := slices.Clone(r.Query)
	// If a parameter is repeated, the first one wins, as with webob's MultiDict.pop.
	take := func(key string) (value string, ok bool) {
		if i := slices.IndexFunc(rest, func(param Param) bool { return param.Key == key }); i >= 0 {
			value, ok = rest[i].Value, true
		}
		rest = slices.DeleteFunc(rest, func(param Param) bool { return param.Key == key })
		return value, ok
	}
	if err := p.readPage(take, l.notFound); err != nil {
		return p, err
	}
	if err := l.readSort(r, &p, take); err != nil {
		return p, err
	}
	if _, counted := rest.Get("with_count"); counted && l.counts && r.Version.AtLeast(driver.MVWithCount) {
		count, err := rest.boolean("with_count")
		if err != nil {
			return p, err
		}
		p.WithCount = count
		take("with_count")
	}
	return p, l.filters.read(r, &p, rest)
}

func (p *page) readPage(take func(string) (string, bool), notFound func(string) error) error {
	p.limit = maxLimit
	if v, ok := take("limit"); ok {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		switch {
		case err != nil && !isDigits(v):
			return driver.Errorf(driver.InvalidInput, "limit param must be an integer")
		case err != nil:
			n = maxLimit // too many digits for an int
		case n < 0:
			return driver.Errorf(driver.InvalidInput, "limit param must be positive")
		}
		p.limit = min(n, maxLimit)
	}
	p.Limit = p.limit
	if marker, ok := take("marker"); ok {
		if marker == "" {
			return notFound("")
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

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] > 127 {
			return false
		}
	}
	return true
}
