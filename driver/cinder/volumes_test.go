package cinder

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cindergate/driver"
)

// A list of all volumes is whole or an error, whatever the upstream's largest page is.
func TestAllVolumes(t *testing.T) {
	page := func(from, to int, links string) string {
		var items []string
		for i := from; i < to; i++ {
			items = append(items, fmt.Sprintf(`{"id":"v%d","size":%d,"status":"available","metadata":{"cindergate:backup":"hourly"},"os-vol-tenant-attr:tenant_id":"abc123"}`, i, i))
		}
		return `{"volumes":[` + strings.Join(items, ",") + `]` + links + `}`
	}
	const more = `,"volumes_links":[{"rel":"next","href":"http://elsewhere/"}]`
	for _, test := range []struct {
		name  string
		pages map[string]string // by marker
		want  int
		says  string
	}{
		{"one page", map[string]string{"": page(0, 3, "")}, 3, ""},
		{"smaller pages than asked for", map[string]string{"": page(0, 2, more), "v1": page(2, 4, more), "v3": page(4, 5, "")}, 5, ""},
		{"the last page is full", map[string]string{"": page(0, 2, more), "v1": page(2, 2, "")}, 2, ""},
		{"none", map[string]string{"": page(0, 0, "")}, 0, ""},
		{"no list", map[string]string{"": `{}`}, 0, "volumes"},
		{"no id", map[string]string{"": `{"volumes":[{"size":1}]}`}, 0, "id of a volume"},
		{"marker ignored", map[string]string{"": page(0, 2, more), "v1": page(0, 2, more)}, 0, "lists the same volumes again"},
		{"cut short", map[string]string{"": page(0, 2, more), "v1": `{"volumes":[{"id":"v2"`}, 0, "broke off or is not JSON"},
		{"the second page fails", map[string]string{"": page(0, 2, more)}, 0, "status 503"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if q.Get("limit") != "1000" || q.Get("sort") != "created_at:asc,id:asc" || q.Has("all_tenants") {
					t.Errorf("asked %s", r.URL)
				}
				text, ok := test.pages[q.Get("marker")]
				if !ok {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				answer(200, "application/json", text)(w, r)
			})
			all, err := open(t, server.URL, func(o *Options) { o.Retries = -1 }).AllVolumes(t.Context(), member)
			if test.says != "" {
				if len(all) != 0 || driver.KindOf(err) != driver.Unavailable || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("%d volumes, %v", len(all), err)
				}
				return
			}
			if err != nil || len(all) != test.want {
				t.Fatalf("%d volumes, %v", len(all), err)
			}
			for i, v := range all {
				if v.ID != fmt.Sprintf("v%d", i) || v.Metadata["cindergate:backup"] != "hourly" || v.ProjectID != "abc123" {
					t.Errorf("volume %d: %+v", i, v)
				}
			}
		})
	}
}
