package cbr_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

func (l *lab) list(q driver.Query) driver.Page[driver.Backup] {
	l.t.Helper()
	page, err := l.driver.ListBackups(l.t.Context(), l.caller, q)
	if err != nil {
		l.t.Fatal(err)
	}
	return page
}

func (l *lab) listed(q driver.Query) []string {
	l.t.Helper()
	var ids []string
	for _, b := range l.list(q).Items {
		ids = append(ids, b.ID)
	}
	return ids
}

// many makes n backups. The newest, which comes first in lists, is the first of ids.
func (l *lab) many(n int) (ids []string) {
	volume := l.bound(otcfake.Volume{})
	ids = l.AddBackups(l.project.ID, n, otcfake.Backup{Service: "cbr", Name: "b", VaultID: l.vault, VolumeID: volume})
	slices.Reverse(ids)
	return ids
}

func TestManyBackupsPage(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	ids := l.many(1500)
	var paged []string
	for marker := ""; ; marker = paged[len(paged)-1] {
		page := l.listed(driver.Query{Limit: 1000, Marker: marker})
		paged = append(paged, page...)
		if len(page) < 1000 {
			break
		}
	}
	if !slices.Equal(paged, ids) {
		t.Errorf("%d of 1500, or in another order", len(paged))
	}
	if all := l.listed(driver.Query{Limit: -1}); !slices.Equal(all, ids) {
		t.Errorf("without a limit %d", len(all))
	}
	if page := l.list(driver.Query{Limit: 3, WithCount: true}); page.Count != 1500 || len(page.Items) != 3 {
		t.Errorf("counted %d", page.Count)
	}
	if got := l.listed(driver.Query{Limit: 2, Offset: 1200}); !slices.Equal(got, ids[1200:1202]) {
		t.Errorf("by offset %v", got)
	}
	l.Forget()
	if got := l.listed(driver.Query{Limit: 2, Marker: ids[700]}); !slices.Equal(got, ids[701:703]) {
		t.Errorf("by marker %v", got)
	}
	asked := l.asked("GET", "/backups$")
	if len(asked) != 1 || asked[0].Query.Get("limit") != "2" || asked[0].Query.Get("marker") != ids[700] {
		t.Errorf("asked for more than the page: %v", asked)
	}
}

// A service that does not page by marker is an error, and not a short list.
func TestPagesThatRepeat(t *testing.T) {
	for name, first := range map[string]string{"from the first page on": "a", "after a page": "b"} {
		t.Run(name, func(t *testing.T) {
			l := open(t, cbr.Options{}, otcfake.Options{})
			body := func(id string) string {
				return `{"backups": [{"id": "` + id + `", "resource_type": "OS::Cinder::Volume", "resource_id": "v", "status": "available"}], "count": 3}`
			}
			l.Inject(otcfake.Fault{Service: "cbr", Path: "/backups$", Status: 200, Body: body(first)})
			l.Inject(otcfake.Fault{Service: "cbr", Path: "/backups$", Status: 200, Body: body("a"), Times: -1})
			_, err := l.driver.ListBackups(t.Context(), l.caller, driver.Query{Limit: -1})
			wantError(t, err, driver.Unavailable, "lists the same backups again")
		})
	}
}

func TestUnknownMarkers(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	parent, _ := l.AddServerBackup(l.project.ID, l.vault, "server", l.bound(otcfake.Volume{}))
	for _, marker := range []string{"abc", "00000000-1111-4222-8333-444444444444", parent} {
		for _, limit := range []int{10, -1} {
			_, err := l.driver.ListBackups(t.Context(), l.caller, driver.Query{Limit: limit, Marker: marker})
			wantError(t, err, driver.NotFound, "Backup "+marker+" could not be found.")
		}
	}
}

// The service's share of a list: the filters and orders that it supports.
func TestQueriesOfLists(t *testing.T) {
	eq := func(column, value string) []driver.Filter { return []driver.Filter{{Column: column, Value: value}} }
	by := func(column string, desc bool) []driver.SortKey { return []driver.SortKey{{Column: column, Desc: desc}} }
	const id = "00000000-1111-4222-8333-444444444444"
	const always = "own_type=private&resource_type=OS%3A%3ACinder%3A%3AVolume"
	const newest = "&sort=created_at%3Adesc%2Cid%3Adesc"
	for _, test := range []struct {
		name  string
		query driver.Query
		want  string // "" if no request is sent
	}{
		{"nothing", driver.Query{Limit: 5}, "limit=5&" + always + newest},
		{"no limit", driver.Query{Limit: -1}, "limit=1000&" + always + newest},
		{"beyond the service's limit", driver.Query{Limit: 5000}, "limit=1000&" + always + newest},
		{"creating", driver.Query{Limit: 5, Filters: eq("status", "creating")}, "limit=1000&" + always + newest + "&status=waiting_protect&status=protecting"},
		{"available", driver.Query{Limit: 5, Filters: eq("status", "Available")}, "limit=1000&" + always + newest + "&status=available"},
		{"restoring", driver.Query{Limit: 5, Filters: eq("status", "restoring")}, "limit=1000&" + always + newest + "&status=waiting_restore&status=restoring"},
		{"deleting", driver.Query{Limit: 5, Filters: eq("status", "deleting")}, "limit=1000&" + always + newest + "&status=waiting_delete&status=deleting"},
		{"error", driver.Query{Limit: 5, Filters: eq("status", "error")}, "limit=1000&" + always + newest + "&status=error"},
		{"error_restoring", driver.Query{Limit: 5, Filters: eq("status", "error_restoring")}, "limit=1000&" + always + newest + "&status=available"},
		{"error_deleting", driver.Query{Limit: 5, Filters: eq("status", "error_deleting")}, ""},
		{"no such status", driver.Query{Limit: 5, Filters: eq("status", "odd")}, ""},
		{"two statuses", driver.Query{Limit: 5, Filters: append(eq("status", "error"), eq("status", "available")...)}, ""},
		{"part of a status", driver.Query{Limit: 5, Filters: []driver.Filter{{Column: "status", Value: "err", Like: true}}}, "limit=1000&" + always + newest},
		{"volume", driver.Query{Limit: 5, Filters: eq("volume_id", id)}, "limit=1000&own_type=private&resource_id=" + id + "&resource_type=OS%3A%3ACinder%3A%3AVolume" + newest},
		{"vault", driver.Query{Limit: 5, Filters: eq("container", id)}, "limit=1000&" + always + newest + "&vault_id=" + id},
		{"zone", driver.Query{Limit: 5, Filters: eq("availability_zone", "z")}, "limit=1000&own_type=private&resource_az=z&resource_type=OS%3A%3ACinder%3A%3AVolume" + newest},
		{"name", driver.Query{Limit: 5, Filters: eq("display_name", "n")}, "limit=1000&" + always + newest},
		{"no such column", driver.Query{Limit: 5, Filters: eq("odd", "n")}, ""},
		{"by created_at", driver.Query{Limit: 5, Sort: by("created_at", false)}, "limit=5&" + always + "&sort=created_at%3Aasc"},
		{"by updated_at", driver.Query{Limit: 5, Sort: by("updated_at", true)}, "limit=5&" + always + "&sort=updated_at%3Adesc"},
		{"by name", driver.Query{Limit: 5, Sort: by("display_name", true)}, "limit=5&" + always + "&sort=name%3Adesc"},
		{"by id", driver.Query{Limit: 5, Sort: by("id", true)}, "limit=5&" + always + "&sort=id%3Adesc"},
		{"by data_timestamp", driver.Query{Limit: 5, Sort: by("data_timestamp", false)}, "limit=5&" + always + "&sort=protected_at%3Aasc"},
		// The service lacks these, or has other words for them.
		{"by size", driver.Query{Limit: 5, Sort: by("size", false)}, "limit=1000&" + always + newest},
		{"by volume", driver.Query{Limit: 5, Sort: by("volume_id", false)}, "limit=1000&" + always + newest},
		{"by status", driver.Query{Limit: 5, Sort: by("status", false)}, "limit=1000&" + always + newest},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := open(t, cbr.Options{}, otcfake.Options{})
			if got := l.list(test.query); len(got.Items) != 0 {
				t.Errorf("an empty cloud lists %v", got)
			}
			asked := l.asked("GET", "/backups$")
			switch {
			case test.want == "" && len(asked) > 0:
				t.Errorf("asked for %s", asked[0].Query.Encode())
			case test.want != "" && (len(asked) != 1 || asked[0].Query.Encode() != test.want):
				t.Errorf("asked %d times, for %s\nwant %s", len(asked), asked[0].Query.Encode(), test.want)
			}
		})
	}
}

func TestStatuses(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	for theirs, ours := range map[string]driver.BackupStatus{
		"waiting_protect": "creating", "protecting": "creating", "available": "available", "waiting_restore": "restoring", "restoring": "restoring",
		"waiting_delete": "deleting", "deleting": "deleting", "error": "error", "NewFangled": "newfangled",
	} {
		id := l.AddBackup(l.project.ID, otcfake.Backup{Service: "cbr", VaultID: l.vault, Status: theirs})
		if got := l.get(id).Status; got != ours {
			t.Errorf("%s is %s, want %s", theirs, got, ours)
		}
		if ours == "newfangled" {
			continue
		}
		if got := l.listed(driver.Query{Limit: 50, Filters: []driver.Filter{{Column: "status", Value: string(ours)}}}); !slices.Contains(got, id) {
			t.Errorf("%s is not listed as %s", theirs, ours)
		}
	}
}

// The service compares names by substring, and its lists may have servers' backups.
func TestWhatTheServiceListsTooMuch(t *testing.T) {
	both(t, func(t *testing.T, dialect otc.Dialect) {
		l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}}, otcfake.Options{})
		volume := l.bound(otcfake.Volume{})
		short := l.AddBackup(l.project.ID, otcfake.Backup{Service: "cbr", Name: "b", VaultID: l.vault, VolumeID: volume})
		long := l.AddBackup(l.project.ID, otcfake.Backup{Service: "cbr", Name: "bb", VaultID: l.vault, VolumeID: volume})
		parent, children := l.AddServerBackup(l.project.ID, l.vault, "b", volume)
		l.Trap(func(traps *otcfake.Traps) { traps.ListChildren = true })
		named := driver.Query{Limit: 10, Filters: []driver.Filter{{Column: "display_name", Value: "b"}}}
		if got := l.listed(named); !slices.Equal(got, []string{short}) {
			t.Errorf("by name: %v", got)
		}
		for _, limit := range []int{-1, 10, 2} {
			if got := l.listed(driver.Query{Limit: limit}); !slices.Equal(got, []string{long, short}) {
				t.Errorf("limit %d: %v", limit, got)
			}
		}
		for _, id := range append(children, parent) {
			_, err := l.driver.GetBackup(t.Context(), l.caller, id)
			wantError(t, err, driver.NotFound, "Backup "+id+" could not be found.")
			wantError(t, l.driver.DeleteBackup(t.Context(), l.caller, id), driver.NotFound, "could not be found")
			_, err = l.driver.RestoreBackup(t.Context(), l.caller, id, driver.ToVolume(volume))
			wantError(t, err, driver.NotFound, "could not be found")
		}
		if n := len(l.asked("DELETE", "")) + len(l.asked("POST", "")); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
}

func TestListsOfAllProjects(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	l.many(1)
	if got := l.listed(driver.Query{Limit: 10, AllProjects: true}); len(got) != 1 {
		t.Errorf("a member who asks for all sees %v", got)
	}
	l.caller.Role = driver.Admin
	_, err := l.driver.ListBackups(t.Context(), l.caller, driver.Query{Limit: 10, AllProjects: true})
	wantError(t, err, driver.NotSupported, "lists of all projects")
}

func TestNumbersAsTextAndTimesWithAZone(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	l.Trap(func(traps *otcfake.Traps) { traps.TextNumbers = true })
	at := time.Date(2020, 2, 21, 7, 0, 34, 882000000, time.UTC)
	id := l.AddBackup(l.project.ID, otcfake.Backup{
		Service: "cbr", VaultID: l.vault, SizeGiB: 40, CreatedAt: at, ProtectedAt: at.Add(time.Minute),
	})
	b := l.get(id)
	if b.Size != 40 || !b.CreatedAt.Equal(at) || !b.DataTimestamp.Equal(at.Add(time.Minute)) || !b.UpdatedAt.IsZero() || b.Name != nil || b.Description != nil {
		t.Errorf("%+v", b)
	}
	l.create(driver.BackupSpec{VolumeID: l.bound(otcfake.Volume{})}) // the trap covers the checkpoint's numbers too
	l.Inject(otcfake.Fault{Service: "cbr", Method: http.MethodGet, Status: 200, Body: fmt.Sprintf(
		`{"backup":{"id":%q,"resource_type":"OS::Cinder::Volume","status":"available","created_at":"2020-02-21T07:00:34.882+00:00","protected_at":""}}`, id)})
	if b = l.get(id); !b.DataTimestamp.Equal(at) {
		t.Errorf("without protected_at: %s", b.DataTimestamp)
	}
}

// Operation logs cost one more request per page and operation type, and none for lists that
// do not show them.
func TestQuestionsOfLists(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	l.many(30)
	questions := func(q driver.Query) int {
		l.Forget()
		l.list(q)
		return len(l.asked("GET", ""))
	}
	for _, test := range []struct {
		q    driver.Query
		want int
	}{{driver.Query{Limit: 20}, 2}, {driver.Query{Limit: 20, Brief: true}, 1}, {driver.Query{Limit: -1, Brief: true}, 1}, {driver.Query{Limit: 0}, 0}} {
		if n := questions(test.q); n != test.want {
			t.Errorf("%+v: %d questions, want %d", test.q, n, test.want)
		}
	}
	if n := questions(driver.Query{Limit: 20, Brief: true, Filters: []driver.Filter{{Column: "status", Value: "available"}}}); n != 2 {
		t.Errorf("by status: %d questions", n)
	}
	l.AddBackup(l.project.ID, otcfake.Backup{Service: "cbr", VaultID: l.vault, Status: "error"})
	if n := questions(driver.Query{Limit: 20}); n != 3 {
		t.Errorf("with one in error: %d questions", n)
	}
	for _, r := range l.asked("GET", "operation-logs") {
		if r.Query.Has("offset") {
			t.Error("offset=0 was sent")
		}
		if since, err := time.Parse(time.RFC3339, r.Query.Get("start_time")); err != nil || time.Since(since) > time.Hour {
			t.Errorf("asked for logs since %s", r.Query.Get("start_time"))
		}
	}
}

// Operation logs page like all lists. The latest one may be on any page.
func TestManyOperations(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	id := l.many(1)[0]
	log := func(i int, backup, status string) string {
		return `{"operation_type":"restore","status":"` + status + `","created_at":"2026-11-21T12:00:` + fmt.Sprintf("%02d", i) +
			`+00:00","error_info":{"code":"BackupService.6210","message":"m` + strconv.Itoa(i) + `"},"extra_info":{"restore":{"backup_id":"` + backup + `"}}}`
	}
	first := []string{log(5, id, "success")}
	for range 999 {
		first = append(first, log(1, "another", "success"))
	}
	for _, logs := range [][]string{first, {log(9, id, "failed"), log(2, id, "success")}} {
		l.Inject(otcfake.Fault{
			Service: "cbr", Method: "GET", Path: "operation-logs", Status: 200, Body: `{"operation_logs":[` + strings.Join(logs, ",") + `]}`,
		})
	}
	if b := l.get(id); b.Status != driver.BackupErrorRestore || b.FailReason != "BackupService.6210: m9" {
		t.Errorf("%s: %s", b.Status, b.FailReason)
	}
	asked := l.asked("GET", "operation-logs")
	if len(asked) != 2 || asked[0].Query.Has("offset") || asked[1].Query.Get("offset") != "1000" {
		t.Errorf("asked %d times", len(asked))
	}
}
