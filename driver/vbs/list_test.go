package vbs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/vbs"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

// 1,500 backups take two of the service's pages; clients page through them by marker.
func TestManyBackups(t *testing.T) {
	for _, o := range combinations {
		t.Run(name(o), func(t *testing.T) {
			c := open(t, o, otcfake.Options{})
			volume := c.AddVolume(c.project.ID, otcfake.Volume{})
			want := c.AddBackups(c.project.ID, 1500, otcfake.Backup{Name: "b", Service: "vbs", VolumeID: volume})
			slices.Reverse(want)
			var got []string
			for marker := ""; ; {
				page, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: 400, Marker: marker, WithCount: true})
				if err != nil || page.Count != 1500 {
					t.Fatalf("%v, count %d", err, page.Count)
				}
				for _, b := range page.Items {
					got = append(got, b.ID)
				}
				if len(page.Items) < 400 {
					break
				}
				marker = got[len(got)-1]
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d backups, or not in order", len(got))
			}
			c.Forget()
			page, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{
				Limit: 2, Offset: 1, Sort: []driver.SortKey{{Column: "display_name"}}, Filters: []driver.Filter{{Column: "display_name", Value: "B-14", Like: true}},
			})
			if err != nil || len(page.Items) != 2 || *page.Items[0].Name != "b-1401" || *page.Items[1].Name != "b-1402" {
				t.Errorf("%v, %+v", err, page.Items)
			}
			if n := len(c.sent("vbs", "GET")); n != 2 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// A service that lists the same backups for ever is an error, and ends.
func TestPagesThatRepeat(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	for range 50 {
		c.Inject(otcfake.Fault{Service: "vbs", Status: 200, Body: `{"backups": [{"id": "a"}], "backups_links": [{"rel": "next", "href": "http://192.168.82.231:8776/v2/x/backups?offset=1"}]}`})
	}
	_, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: -1})
	if driver.KindOf(err) != driver.Unavailable || !strings.Contains(err.Error(), "lists the same backups again") {
		t.Errorf("%v", err)
	}
}

// The last page is full: only the next page, or a link, shows whether more follow.
func TestAPageThatIsJustFull(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	c.AddBackups(c.project.ID, 1000, otcfake.Backup{Name: "b", Service: "vbs"})
	page, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: -1})
	if err != nil || len(page.Items) != 1000 {
		t.Errorf("%v, %d backups", err, len(page.Items))
	}
}

// Pages are shorter than requested and overlap, as when other clients make and delete
// backups in between.
func TestPagesThatShift(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	link := `"backups_links": [{"rel": "next", "href": "http://192.168.82.231:8776/v2/x/backups?limit=1&offset=1&marker=a"}]`
	for _, body := range []string{`{"backups": [{"id": "a"}, {"id": "b"}], ` + link + `}`, `{"backups": [{"id": "b"}, {"id": "c"}]}`} {
		c.Inject(otcfake.Fault{Service: "vbs", Status: 200, Body: body})
	}
	page, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: -1, Sort: []driver.SortKey{{Column: "id"}}})
	var ids []string
	for _, b := range page.Items {
		ids = append(ids, b.ID)
	}
	if err != nil || !slices.Equal(ids, []string{"a", "b", "c"}) {
		t.Errorf("%v, %v", err, ids)
	}
}

func TestFiltersThatTheServiceHas(t *testing.T) {
	for _, test := range []struct {
		native string
		filter driver.Filter
		query  string
	}{
		{"v2", driver.Filter{Column: "status", Value: "Error"}, "limit=1000&offset=0&sort_dir=asc&sort_key=created_at&status=error"},
		{"v2", driver.Filter{Column: "volume_id", Value: volumeID}, "limit=1000&offset=0&sort_dir=asc&sort_key=created_at&volume_id=" + volumeID},
		{"v3", driver.Filter{Column: "volume_id", Value: volumeID}, "limit=1000&offset=0&volume_id=" + volumeID},
		{"v3", driver.Filter{Column: "status", Value: "err", Like: true}, "limit=1000&offset=0"},
		{"v3", driver.Filter{Column: "display_name", Value: "n"}, "limit=1000&offset=0"},
		{"v3", driver.Filter{Column: "status", Value: "error_restoring"}, "limit=1000&offset=0&status=error_restoring"},
		// No backup can match these, so no request is sent.
		{"v3", driver.Filter{Column: "status", Value: "error_deleting"}, ""},
		{"v3", driver.Filter{Column: "no_such_column", Value: "x"}, ""},
	} {
		c := open(t, vbs.Options{Native: test.native, Options: otc.Options{URL: "fake", EVSURL: otc.None}}, otcfake.Options{})
		if _, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: -1, Filters: []driver.Filter{test.filter}}); err != nil {
			t.Error(err)
		}
		asked := ""
		for _, r := range c.Requests() {
			asked += r.Query.Encode()
			if want := fmt.Sprintf("/%s/%s/backups/detail", test.native, c.project.ID); r.Path != want {
				t.Errorf("asked %s, want %s", r.Path, want)
			}
		}
		if asked != test.query {
			t.Errorf("%+v: asked %q, want %q", test.filter, asked, test.query)
		}
	}
}

// Lists also have backups of servers. Neither VBS's clients nor ours can delete them.
func TestBackupsOfServers(t *testing.T) {
	for _, o := range combinations {
		c := open(t, o, otcfake.Options{})
		id := c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", Server: true})
		page, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: -1})
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != id {
			t.Errorf("%v, %+v", err, page.Items)
		}
		wantError(t, c.driver.DeleteBackup(t.Context(), c.caller, id), driver.InvalidInput, "The backup cannot be deleted now, or not by VBS.")
	}
}
