package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/net/html"

	"cindergate/driver"
)

// crowd is a Block Storage API with very many backups, which counts the rows that it gives out.
type crowd struct {
	clock   clockwork.Clock
	backups int
	most    int // of backups in a page; 0: 1000
	asked   atomic.Int64
	rows    atomic.Int64
}

// ServeHTTP answers as Cinder does, by pages of at most 1000.
func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.asked.Add(1)
	q := r.URL.Query()
	limit := 1000
	if n, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = min(n, limit)
	}
	w.Header().Set("Content-Type", "application/json")
	path := strings.TrimPrefix(r.URL.Path, "/v3/abc")
	switch path {
	case "/volumes/detail":
		volumes := []map[string]any{}
		for i := range min(limit, 100) {
			volumes = append(volumes, map[string]any{"id": fmt.Sprint("v", i), "name": fmt.Sprint("volume ", i), "status": "available", "size": 1})
		}
		c.rows.Add(int64(len(volumes)))
		_ = json.NewEncoder(w).Encode(map[string]any{"volumes": volumes})
	case "/backups/detail":
		first := 0
		if marker := q.Get("marker"); marker != "" {
			first, _ = strconv.Atoi(strings.TrimPrefix(marker, "b"))
			first++
		}
		if c.most > 0 {
			limit = min(limit, c.most)
		}
		backups := []map[string]any{}
		if status := q.Get("status"); status == "" {
			for i := first; i < min(first+limit, c.backups); i++ {
				backups = append(backups, map[string]any{
					"id": fmt.Sprint("b", i), "name": fmt.Sprint("backup ", i), "status": "available", "volume_id": fmt.Sprint("v", i%100), "size": 1,
					"created_at": c.clock.Now().UTC().Add(-time.Duration(i) * time.Minute).Format("2006-01-02T15:04:05.000000"),
				})
			}
		}
		c.rows.Add(int64(len(backups)))
		_ = json.NewEncoder(w).Encode(map[string]any{"backups": backups, "count": c.backups})
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"itemNotFound":{"code":404,"message":"The resource could not be found."}}`))
	}
}

// A cloud whose pages are short does not make volumes look as if they had no backup: those may be on the next page.
func TestShortPages(t *testing.T) {
	clock := clockwork.NewFakeClockAt(start)
	c, err := New(Options{API: &crowd{clock: clock, backups: 500, most: 20}, Mode: All, Clock: clock, Caller: func(_ context.Context, token string) (driver.Caller, error) {
		user, project, _ := strings.Cut(token, ":")
		return driver.Caller{UserID: user, ProjectID: project, Role: driver.Admin}, nil
	}})
	must(t, err)
	server := httptest.NewServer(c)
	defer server.Close()
	b := (&rig{t: t, c: c, url: server.URL}).browser()
	b.post("/ui/login", url.Values{"way": {"noauth"}, "user": {"tester"}, "project": {"abc"}})
	var seen struct {
		Protected, None, Unknown int
		Read                     int `json:"backups_read"`
	}
	must(t, json.Unmarshal([]byte(b.get("/ui/api/overview")), &seen))
	if seen.Protected != 60 || seen.None != 0 || seen.Unknown != 40 || seen.Read != 60 {
		t.Errorf("%+v", seen)
	}
}

// With 10,000 backups a page reads a bounded part of them, says so, and does not read it again at once.
func TestManyBackups(t *testing.T) {
	clock := clockwork.NewFakeClockAt(start)
	api := &crowd{clock: clock, backups: 10_000}
	c, err := New(Options{API: api, Mode: All, Clock: clock, Caller: func(_ context.Context, token string) (driver.Caller, error) {
		user, project, _ := strings.Cut(token, ":")
		return driver.Caller{UserID: user, ProjectID: project, Role: driver.Admin}, nil
	}})
	must(t, err)
	server := httptest.NewServer(c)
	defer server.Close()
	b := (&rig{t: t, c: c, url: server.URL}).browser()
	b.post("/ui/login", url.Values{"way": {"noauth"}, "user": {"tester"}, "project": {"abc"}})
	if b.at != "/ui/" || !strings.Contains(b.page, "the newest 3\u202f000 were read for this page") || !strings.Contains(b.page, "10\u202f000") {
		t.Errorf("%d at %s\n%s", b.status, b.at, b.page)
	}
	if n := api.rows.Load(); n > 3200 {
		t.Errorf("the overview reads %d rows", n)
	}
	api.rows.Store(0)
	api.asked.Store(0)
	b.get("/ui/")
	if rows, asked := api.rows.Load(), api.asked.Load(); rows > 0 || asked > 8 {
		t.Errorf("a second overview reads %d rows by %d requests", rows, asked)
	}
	b.do(http.MethodGet, "/ui/volumes", nil, refreshHeader, "1") // something has changed
	if n := api.rows.Load(); n < 3000 {
		t.Errorf("a page that is renewed reads %d rows", n)
	}
	api.rows.Store(0)
	clock.Advance(scanLife)
	b.get("/ui/volumes")
	if n := api.rows.Load(); n < 3000 || n > 3300 {
		t.Errorf("the volumes read %d rows", n)
	}
	if !strings.Contains(b.page, "reads the newest 3\u202f000 of 10\u202f000 backups") || !strings.Contains(b.page, "day unknown") {
		t.Error("the volumes do not say that numbers are cut")
	}
	api.rows.Store(0)
	seen, path := 0, "/ui/backups"
	for pages := 0; path != "" && pages < 4; pages++ {
		page := b.get(path)
		seen += strings.Count(page, `type="checkbox" name="id"`)
		doc := checkPage(t, path, page)
		path = ""
		walk(doc, func(n *html.Node) {
			if attr(n, "rel") == "next" {
				path = attr(n, "href")
			}
		})
	}
	if seen != 4*backupsAtOnce || !strings.Contains(b.page, "backup 199<") || strings.Contains(b.page, "backup 149<") {
		t.Errorf("four pages show %d backups", seen)
	}
	if n := api.rows.Load(); n > 4*(backupsAtOnce+1)+100 {
		t.Errorf("four pages of the table read %d rows", n)
	}
}
