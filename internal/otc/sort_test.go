package otc

import (
	"net/http/httptest"
	"testing"

	"cindergate/driver"
)

// EVS documents sort_key and sort_dir, and ignores other parameters.
func TestListsAreSortedInEVSsWords(t *testing.T) {
	for asked, want := range map[string]string{
		"/v3/abc123/volumes/detail?sort=size:asc&limit=2":                         "/v2/abc123/volumes/detail?limit=2&sort_dir=asc&sort_key=size",
		"/v3/abc123/volumes?sort=created_at":                                      "/v2/abc123/volumes?sort_dir=desc&sort_key=created_at",
		"/v3/abc123/volumes?sort=%20status%20:%20desc%20,created_at:desc,id:desc": "/v2/abc123/volumes?sort_dir=desc&sort_key=status",
		"/v2/abc123/snapshots/detail?sort=name:asc":                               "/v2/abc123/snapshots/detail?sort_dir=asc&sort_key=name",
		"/v3/abc123/volumes/detail?sort_key=name&sort_dir=asc":                    "/v2/abc123/volumes/detail?sort_key=name&sort_dir=asc",
		"/v3/abc123/volumes/detail?b=2&a=1":                                       "/v2/abc123/volumes/detail?b=2&a=1",
		"/v3/abc123/types?sort=size:asc":                                          "/v2/abc123/types?sort=size:asc",
	} {
		s := serve(t, map[string][]answer{})
		for _, path := range []string{"volumes", "volumes/detail", "snapshots/detail", "types"} {
			s.answers["GET /v2/abc123/"+path] = []answer{{200, `{}`}}
		}
		if err := volumes(t, s, nil).Forward(httptest.NewRecorder(), request("GET", asked, "", nil), member, "http://gw"); err != nil {
			t.Errorf("%s: %v", asked, err)
			continue
		}
		if s.asked[0] != "GET "+want {
			t.Errorf("%s: asked %q", asked, s.asked)
		}
	}
	for asked, want := range map[string]struct {
		kind    driver.Kind
		message string
	}{
		"sort=name:asc":               {driver.NotSupported, "Backend east does not support sorting volumes by name: EVS sorts by id, status, size, created_at."},
		"sort=size:asc,status:asc":    {driver.NotSupported, "sorting by several keys"},
		"sort=size:asc,id:desc":       {driver.NotSupported, "sorting by several keys"},
		"sort=size:up":                {driver.InvalidInput, "Unknown sort direction"},
		"sort=size,id:up":             {driver.InvalidInput, "Unknown sort direction"},
		"sort=":                       {driver.NotSupported, "sorting volumes by "},
		"sort=size:asc&sort_key=size": {driver.InvalidInput, "cannot be used with the 'sort' parameter"},
	} {
		s := serve(t, nil)
		err := volumes(t, s, nil).Forward(httptest.NewRecorder(), request("GET", "/v3/abc123/volumes/detail?"+asked, "", nil), member, "http://gw")
		wantError(t, err, want.kind, want.message)
	}
}
