package translate

import (
	"fmt"
	"strings"
	"testing"

	"cindergate/driver"
)

func listed(raw string, caller driver.Caller, minor int) (page, error) {
	return backupListing.list(Request{Caller: caller, Version: Version{3, minor}, Query: ParseQuery(raw)})
}

func TestPages(t *testing.T) {
	for raw, want := range map[string]string{
		"":                            "limit 1000 offset 0 marker ",
		"limit=1":                     "limit 1 offset 0 marker ",
		"limit=0":                     "limit 0 offset 0 marker ",
		"limit=5000":                  "limit 1000 offset 0 marker ",
		"limit=99999999999999999999":  "limit 1000 offset 0 marker ",
		"limit=+7":                    "limit 7 offset 0 marker ",
		"limit=1&limit=2":             "limit 1 offset 0 marker ", // the first one wins
		"offset=3&limit=2":            "limit 2 offset 3 marker ",
		"marker=abc&limit=1":          "limit 1 offset 0 marker abc",
		"limit=-1":                    "limit param must be positive",
		"limit=":                      "limit param must be an integer",
		"limit=abc":                   "limit param must be an integer",
		"limit=1.5":                   "limit param must be an integer",
		"offset=-1":                   "offset must be >= 0",
		"offset=abc":                  "offset must be an integer",
		"offset=":                     "offset must be an integer",
		"offset=99999999999":          "offset must be <= 2147483647",
		"offset=99999999999999999999": "offset must be <= 2147483647",
		"marker=":                     "Backup  could not be found.",
	} {
		p, err := listed(raw, writer, 0)
		got := fmt.Sprintf("limit %d offset %d marker %s", p.Limit, p.Offset, p.Marker)
		if err != nil {
			got = FaultOf(err).Message
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", raw, got, want)
		}
	}
}

func TestSort(t *testing.T) {
	const (
		badKey = "Invalid input received: Invalid sort key"
		badDir = "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'."
		mixed  = "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter."
	)
	for _, c := range []struct {
		raw   string
		minor int
		want  string
	}{
		{"", 0, ""}, // the backend's default: created_at desc, id desc
		{"sort=size", 0, "size- created_at- id-"},
		{"sort=size:asc", 0, "size+ created_at+ id+"},
		{"sort=status:asc,created_at:desc", 0, "status+ created_at- id+"},
		{"sort=id:asc", 0, "id+ created_at+"},
		{"sort= size:asc ", 0, "size+ created_at+ id+"},
		{"sort=display_name", 0, "display_name- created_at- id-"},
		{"sort=name", 37, "display_name- created_at- id-"},
		{"sort_key=size", 0, "size- created_at- id-"},
		{"sort_key=size&sort_dir=asc", 0, "size+ created_at+ id+"},
		{"sort_dir=asc", 0, "created_at+ id+"},
		{"sort=name", 0, badKey},
		{"sort=name", 36, badKey},
		{"sort=metadata", 70, badKey},
		{"sort=bogus", 0, badKey},
		{"sort=", 0, badKey},
		{"sort=size:up", 0, badDir},
		{"sort_key=size&sort_dir=up", 0, badDir},
		{"sort=size&sort_key=id", 0, mixed},
		{"sort=size&sort_dir=asc", 0, mixed},
	} {
		p, err := listed(c.raw, writer, c.minor)
		var keys []string
		for _, k := range p.Sort {
			keys = append(keys, k.Column+map[bool]string{true: "-", false: "+"}[k.Desc])
		}
		got := strings.Join(keys, " ")
		if err != nil {
			got = FaultOf(err).Message
		}
		if got != c.want {
			t.Errorf("%q at 3.%d: got %s, want %s", c.raw, c.minor, got, c.want)
		}
	}
}

func TestFilters(t *testing.T) {
	for _, c := range []struct {
		raw    string
		caller driver.Caller
		minor  int
		want   string
	}{
		{"name=a&status=error&volume_id=v", writer, 0, "display_name=a status=error volume_id=v"},
		{"name=a&name=b", writer, 0, "name=a display_name=b"}, // matches nothing
		{"foo=bar", writer, 0, ""}, // ignored below 3.31
		{"foo=bar", writer, 30, ""},
		{"foo=bar", writer, 31, "Invalid filters foo are found in query options."},
		{"foo=1&bar=2&foo=3", writer, 31, "Invalid filters foo,bar,foo are found in query options."},
		{"all_tenants=1", writer, 31, ""},
		{"all_tenants=bogus", writer, 70, ""},
		{"project_id=x", writer, 0, ""},
		{"name~=x", writer, 34, "Invalid filters name~ are found in query options."},
		{"with_count=true", writer, 44, "Invalid filters with_count are found in query options."},
		{"with_count=bogus", writer, 45, "Value 'bogus' for 'with_count' is not a boolean."},

		{"foo=bar", root, 70, "foo=bar"}, // no such column: an empty list
		{"with_count=true", root, 44, "with_count=true"},
		{"with_count=true", root, 45, "counted"},
		{"name~=x", root, 33, "display_name~x"},
		{"description~=x", root, 34, "display_description~x"},
		{"all_tenants=1", root, 0, "everywhere"},
		{"all_tenants=true&project_id=x", root, 0, "project_id=x everywhere"},
		{"project_id=x", root, 0, ""}, // the caller's own project, without all_tenants
		{"all_tenants=bogus", root, 0, "all_tenants must be a boolean, got 'bogus'."},
		{"all_tenants=", root, 0, "all_tenants must be a boolean, got ''."},
		{"n%C3%A4me=x", root, 30, "näme=x"}, // no such column
		{"n%C3%A4me=x", root, 31, "Filter keys can only contain ASCII characters."},
		{"n%C3%A4me=x", writer, 31, "Filter keys can only contain ASCII characters."},
		{"status=a&status=b", writer, 0, "status=b"},
	} {
		p, err := listed(c.raw, c.caller, c.minor)
		var found []string
		for _, f := range p.Filters {
			found = append(found, f.Column+map[bool]string{true: "~", false: "="}[f.Like]+f.Value)
		}
		if p.AllProjects {
			found = append(found, "everywhere")
		}
		if p.WithCount {
			found = append(found, "counted")
		}
		got := strings.Join(found, " ")
		if err != nil {
			got = FaultOf(err).Message
		}
		if got != c.want {
			t.Errorf("%q as role %d at 3.%d: got %s, want %s", c.raw, c.caller.Role, c.minor, got, c.want)
		}
	}
}

// A next link repeats the query in its order, with another marker.
func TestQueryRoundTrip(t *testing.T) {
	for raw, want := range map[string]string{
		"":                      "marker=m",
		"limit=1":               "limit=1&marker=m",
		"marker=x&limit=1":      "marker=m&limit=1",
		"marker=x&marker=y&a=b": "marker=m&a=b",
		"name=a+b%26c&limit=1":  "name=a+b%26c&limit=1&marker=m",
		"&&limit=1&":            "limit=1&marker=m",
		"bad=%zz&limit=1":       "bad=%25zz&limit=1&marker=m",
		"a%=%4&b=100%":          "a%25=%254&b=100%25&marker=m",
		"flag":                  "flag=&marker=m",
		"name=%E2%82%AC":        "name=%E2%82%AC&marker=m",
	} {
		if got := ParseQuery(raw).with("marker", "m").encode(); got != want {
			t.Errorf("%q: got %s, want %s", raw, got, want)
		}
	}
}

func TestNextLink(t *testing.T) {
	for _, c := range []struct {
		limit, items, count int
		counted             bool
		want                bool
	}{
		{1000, 0, 0, false, false},
		{1000, 999, 0, false, false},
		{1000, 1000, 0, false, true},
		{1, 1, 0, false, true},
		{2, 1, 0, false, false},
		{0, 0, 0, false, false},
		{1, 1, 3, true, true},
		{5, 3, 3, true, false},
	} {
		p := page{driver.Query{WithCount: c.counted}, c.limit}
		r := Request{Caller: writer, Version: V3, Base: "http://gw", ProjectInURL: true, Query: ParseQuery("limit=9")}
		got := p.next(r, "backups/detail", "last", c.items, c.count)
		if (got != nil) != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
		if got != nil && got[0] != (link{"next", "http://gw/v3/abc/backups/detail?limit=9&marker=last"}) {
			t.Errorf("got %v", got)
		}
	}
}
