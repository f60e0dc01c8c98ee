package translate

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"
)

// link is one entry in the links of a resource or page.
type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// links returns a resource's own links: with and without the API version.
func (r Request) links(collection, id string) []link {
	project := ""
	if r.ProjectInURL {
		project = r.Caller.ProjectID + "/"
	}
	return []link{
		{"self", r.Base + r.Version.path() + project + collection + "/" + id},
		{"bookmark", r.Base + "/" + project + collection + "/" + id},
	}
}

// next returns the link to the next page, or nil if this page is not full. The link is the
// request's own query with the id of the last item as the marker (_get_collection_links of
// cinder/api/common.py). If the client asked for the count, Cinder compares the limit with
// the count instead of the number of items.
func (p page) next(r Request, collection, id string, items, count int) []link {
	size := items
	if p.WithCount && count > 0 {
		size = count
	}
	if items == 0 || p.limit > size {
		return nil
	}
	project := ""
	if r.ProjectInURL {
		project = r.Caller.ProjectID + "/"
	}
	return []link{{"next", r.Base + r.Version.path() + project + collection + "?" + r.Query.with("marker", id).encode()}}
}

func (v Version) path() string {
	if v.V2() {
		return "/v2/"
	}
	return "/v3/"
}

// collection is the body of a list: {name: items, name_links: next, count: n}.
type collection struct {
	name  string
	plain string // prefix of the links' name, if it is not name: group for groups
	items any
	next  []link
	count *int
}

// MarshalJSON writes only the members that Cinder would send.
func (c collection) MarshalJSON() ([]byte, error) {
	body := map[string]any{c.name: c.items}
	if len(c.next) > 0 {
		body[cmp.Or(c.plain, c.name)+"_links"] = c.next
	}
	if c.count != nil {
		body["count"] = *c.count
	}
	return json.Marshal(body)
}

// list returns the answer of a list.
func list[T, V any](r Request, p page, name, path string, items []T, count int, id func(*T) string, view func(*T) V) (Response, error) {
	return Response{http.StatusOK, listBody(r, p, name, path, items, count, id, view)}, nil
}

func listBody[T, V any](r Request, p page, name, path string, items []T, count int, id func(*T) string, view func(*T) V) collection {
	views := make([]V, len(items))
	for i := range items {
		views[i] = view(&items[i])
	}
	body := collection{name: name, items: views}
	if len(items) > 0 {
		body.next = p.next(r, path, id(&items[len(items)-1]), len(items), count)
	}
	if p.WithCount {
		body.count = &count
	}
	return body
}

// envelope returns a body with one member.
func envelope(name string, content any) map[string]any { return map[string]any{name: content} }

// timestamp is a time as Cinder shows it: UTC, microseconds, no zone; null if zero.
type timestamp time.Time

const timeLayout = "2006-01-02T15:04:05.000000"

// MarshalJSON implements json.Marshaler.
func (t timestamp) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return time.Time(t).UTC().AppendFormat(make([]byte, 0, 32), `"`+timeLayout+`"`), nil
}

// nullable returns s, or nil if it is empty.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orEmpty replaces a nil map with an empty one, so that JSON has {} and not null.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
