package cinder

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cindergate/driver"
)

// versionOnly serves a version document at GET /, and everything else by h.
func versionOnly(t *testing.T, document string, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			_, _ = io.WriteString(w, document)
			return
		}
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestMicroversionNeverExceedsTheUpstreams(t *testing.T) {
	for _, test := range []struct {
		name, document, path, header string
	}{
		{"new", `{"versions":[{"id":"v3.0","version":"3.99"}]}`, "/v3/abc123/backups/x", "volume 3.70"},
		{"old", `{"versions":[{"id":"v2.0","version":""},{"id":"v3.0","version":"3.27"}]}`, "/v3/abc123/backups/x", "volume 3.27"},
		{"v2 only", `{"versions":[{"id":"v2.0","version":""}]}`, "/v2/abc123/backups/x", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := versionOnly(t, test.document, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != test.path || r.Header.Get("OpenStack-API-Version") != test.header || r.Header.Get("X-Auth-Token") != secret {
					t.Errorf("%s with version %q and token %q", r.URL.Path, r.Header.Get("OpenStack-API-Version"), r.Header.Get("X-Auth-Token"))
				}
				answer(200, "application/json", `{"backup": {"id": "x", "created_at": "2026-11-21T17:13:07.000000", "updated_at": null}}`)(w, r)
			})
			b, err := open(t, server.URL, nil).GetBackup(t.Context(), member, "x")
			if err != nil || !b.CreatedAt.Equal(time.Date(2026, 11, 21, 17, 13, 7, 0, time.UTC)) || !b.UpdatedAt.IsZero() {
				t.Fatalf("%v %+v", err, b)
			}
		})
	}
}

func TestOldUpstreamRefusesWhatItCannot(t *testing.T) {
	server := versionOnly(t, `{"versions":[{"id":"v3.0","version":"3.8"}]}`, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the upstream was asked: %s", r.URL)
	})
	d := open(t, server.URL, nil)
	_, update := d.UpdateBackup(t.Context(), member, "x", driver.BackupPatch{})
	_, metadata := d.CreateBackup(t.Context(), member, driver.BackupSpec{Metadata: map[string]string{"a": "b"}})
	_, zone := d.CreateBackup(t.Context(), member, driver.BackupSpec{AvailabilityZone: "nova"})
	for what, err := range map[string]error{"update": update, "metadata": metadata, "zone": zone} {
		if driver.KindOf(err) != driver.NotSupported || !strings.Contains(err.Error(), "microversion 3.") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestUpdateSendsTheEnvelope(t *testing.T) {
	server := upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"backup":{"description":null,"name":"n"}}` {
			t.Errorf("sent %s", body)
		}
		answer(200, "application/json", `{"backup": {"id": "x", "name": "n"}}`)(w, r)
	})
	name := "n"
	_, err := open(t, server.URL, nil).UpdateBackup(t.Context(), member, "x",
		driver.BackupPatch{Name: driver.Some(&name), Description: driver.Some[*string](nil)})
	if err != nil {
		t.Fatal(err)
	}
}

func TestListPassesTheQueryOn(t *testing.T) {
	server := upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		want := "all_tenants=1&limit=2&marker=m&name=n&offset=1&sort=created_at%3Adesc%2Cid%3Aasc&status~=err&with_count=true"
		if r.URL.RawQuery != want {
			t.Errorf("query %s\n want %s", r.URL.RawQuery, want)
		}
		answer(200, "application/json", `{"backups": [{"id": "a"}, {"id": "b"}], "count": 9}`)(w, r)
	})
	page, err := open(t, server.URL, nil).ListBackups(t.Context(), member, driver.Query{
		Filters: []driver.Filter{{Column: "display_name", Value: "n"}, {Column: "status", Value: "err", Like: true}},
		Sort:    []driver.SortKey{{Column: "created_at", Desc: true}, {Column: "id"}},
		Marker:  "m", Limit: 2, Offset: 1, AllProjects: true, WithCount: true,
	})
	if err != nil || page.Count != 9 || len(page.Items) != 2 {
		t.Fatalf("%v %+v", err, page)
	}
}

func TestCountOfAnUpstreamThatCannotCount(t *testing.T) {
	server := versionOnly(t, `{"versions":[{"id":"v3.0","version":"3.44"}]}`, func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{
			"":  `{"backups": [{"id": "a"}, {"id": "b"}]}`,
			"b": `{"backups": [{"id": "c"}]}`,
			"c": `{"backups": []}`,
		}[r.URL.Query().Get("marker")]
		answer(200, "application/json", body)(w, r)
	})
	page, err := open(t, server.URL, nil).ListBackups(t.Context(), member, driver.Query{Limit: 2, WithCount: true})
	if err != nil || page.Count != 3 {
		t.Fatalf("%v %+v", err, page)
	}
}

// restoreOnlyToVolumes serves a cloud that restores only to a volume_id.
func restoreOnlyToVolumes(t *testing.T, refuse bool, deletable bool) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var deleted, shown atomic.Int32
	return upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/backups/b"):
			answer(200, "application/json", `{"backup": {"id": "b", "status": "available", "size": 3}}`)(w, r)
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/volumes"):
			var body struct{ Volume map[string]any }
			_ = json.NewDecoder(r.Body).Decode(&body)
			if body.Volume["size"] != 3.0 || body.Volume["name"] != "n" || body.Volume["volume_type"] != "SSD" {
				t.Errorf("volume %v", body.Volume)
			}
			answer(202, "application/json", `{"volume": {"id": "v", "status": "creating"}}`)(w, r)
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/volumes/v"):
			status := "creating"
			if shown.Add(1) > 1 {
				status = "available"
			}
			answer(200, "application/json", `{"volume": {"id": "v", "status": "`+status+`"}}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/restore"):
			body, _ := io.ReadAll(r.Body)
			if string(body) != `{"restore":{"volume_id":"v"}}` {
				t.Errorf("restore %s", body)
			}
			if refuse {
				answer(400, "application/json", `{"badRequest": {"code": 400, "message": "No."}}`)(w, r)
				return
			}
			answer(202, "application/json", `{"restore": {"backup_id": "b", "volume_id": "v", "volume_name": "n"}}`)(w, r)
		case r.Method == http.MethodDelete && deletable:
			deleted.Add(1)
			w.WriteHeader(http.StatusAccepted)
		default:
			answer(400, "application/json", `{"badRequest": {"code": 400, "message": "Busy."}}`)(w, r)
		}
	}), &deleted
}

func needsVolume(o *Options) {
	o.RestoreNeedsVolume, o.RestoreVolumeType, o.AnswerTimeout = true, "SSD", time.Minute
}

func TestRestoreByNameWhereTheUpstreamNeedsAVolume(t *testing.T) {
	server, _ := restoreOnlyToVolumes(t, false, true)
	r, err := open(t, server.URL, needsVolume).RestoreBackup(t.Context(), member, "b", driver.ToNewVolume("n"))
	if err != nil || r != (driver.Restore{BackupID: "b", VolumeID: "v", VolumeName: "n"}) {
		t.Fatalf("%v %+v", err, r)
	}
	server = versionOnly(t, `{"versions":[{"id":"v3.0","version":"3.70"}]}`, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/backups/"):
			answer(200, "application/json", `{"backup": {"id": "b", "status": "available", "size": 1}}`)(w, r)
		case r.Method == http.MethodGet:
			answer(200, "application/json", `{"volume": {"id": "v", "status": "available", "size": 1}}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/volumes"):
			body, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(body), `"name":"restore_backup_b"`) || !strings.Contains(string(body), `"description":"auto-created_from_restore_from_backup"`) {
				t.Errorf("the volume is made as %s", body)
			}
			answer(202, "application/json", `{"volume": {"id": "v"}}`)(w, r)
		default:
			answer(202, "application/json", `{"restore": {"backup_id": "b", "volume_id": "v", "volume_name": "x"}}`)(w, r)
		}
	})
	r, err = open(t, server.URL, needsVolume).RestoreBackup(t.Context(), member, "b", driver.RestoreTarget{})
	if err != nil || r != (driver.Restore{BackupID: "b", VolumeID: "v", VolumeName: "restore_backup_b"}) {
		t.Fatalf("with neither: %v %+v", err, r)
	}
}

func TestFailureInBetweenDeletesTheVolumeOrNamesIt(t *testing.T) {
	server, deleted := restoreOnlyToVolumes(t, true, true)
	_, err := open(t, server.URL, needsVolume).RestoreBackup(t.Context(), member, "b", driver.ToNewVolume("n"))
	if driver.KindOf(err) != driver.InvalidInput || deleted.Load() != 1 {
		t.Fatalf("%v, %d deleted", err, deleted.Load())
	}
	server, _ = restoreOnlyToVolumes(t, true, false)
	_, err = open(t, server.URL, needsVolume).RestoreBackup(t.Context(), member, "b", driver.ToNewVolume("n"))
	if err == nil || !strings.Contains(err.Error(), "The volume v that was made for it is left") {
		t.Fatal(err)
	}
}

func TestForwardStreamsAndRelinks(t *testing.T) {
	var upstream *httptest.Server
	upstream = upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/v3/abc123/volumes/a%2Fb" || r.URL.RawQuery != "x=1&y" || r.Header.Get("OpenStack-API-Version") != "volume 3.50" {
			t.Errorf("%s %s", r.URL, r.Header)
		}
		if r.Header.Get("X-Openstack-Request-Id") != "req-gateway" {
			t.Errorf("request id %q", r.Header.Get("X-Openstack-Request-Id"))
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Openstack-Request-Id", "req-upstream")
		w.Header().Set("Location", upstream.URL+"/v3/somewhere")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"echo":`+string(body)+`,"href":"`+upstream.URL+`/v3/abc123/volumes/1"}`)
	})
	d := open(t, upstream.URL, nil)
	for _, size := range []int{2, 200 << 10} { // the first is read whole, the second streamed
		payload := `"` + strings.Repeat("é", size/2) + `"`
		r := httptest.NewRequest(http.MethodPut, "/v3/abc123/volumes/a%2Fb?x=1&y", strings.NewReader(payload))
		r.Header.Set("OpenStack-API-Version", "volume 3.50")
		w := httptest.NewRecorder()
		w.Header().Set("X-Openstack-Request-Id", "req-gateway")
		caller := member
		caller.RequestID = "req-gateway"
		if err := d.Forward(w, r, caller, "https://gw.example"); err != nil {
			t.Fatal(err)
		}
		want := `{"echo":` + payload + `,"href":"https://gw.example/v3/abc123/volumes/1"}`
		if w.Code != http.StatusAccepted || w.Body.String() != want {
			t.Fatalf("%d: %.100s", w.Code, w.Body)
		}
		h := w.Header()
		if h.Get("X-Openstack-Request-Id") != "req-upstream" || h.Get("X-Cindergate-Request-Id") != "req-gateway" || h.Get("Location") != "https://gw.example/v3/somewhere" {
			t.Fatalf("%v", h)
		}
	}
}

func TestForwardTranslatesV2(t *testing.T) {
	var upstream *httptest.Server
	upstream = upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v3/abc123/volumes/detail" || r.Header.Get("OpenStack-API-Version") != "" {
			t.Errorf("%s %s", r.URL, r.Header)
		}
		answer(200, "application/json", `{"a":"`+upstream.URL+`/v3/abc123/volumes/1","b":"`+upstream.URL+`/abc123/volumes/1"}`)(w, r)
	})
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/v2/abc123/volumes/detail", nil)
	if err := open(t, upstream.URL, nil).Forward(w, r, member, "http://gw"); err != nil {
		t.Fatal(err)
	}
	if want := `{"a":"http://gw/v2/abc123/volumes/1","b":"http://gw/abc123/volumes/1"}`; w.Body.String() != want {
		t.Fatal(w.Body)
	}
}

// A path may begin with the resource since 3.67; older upstreams get the project.
func TestForwardWithoutAProject(t *testing.T) {
	for _, test := range []struct{ version, path, want string }{
		{"3.67", "/v3/volumes/a%2Fb", "/v3/volumes/a%2Fb"},
		{"3.66", "/v3/volumes/a%2Fb", "/v3/abc123/volumes/a%2Fb"},
		{"3.66", "/v3/abc123/volumes/a%2Fb", "/v3/abc123/volumes/a%2Fb"},
		{"3.66", "/v3/def456/volumes", "/v3/def456/volumes"}, // another project: Cinder decides
		{"", "/v3/types", "/v2/abc123/types"},
	} {
		document := `{"versions":[{"id":"v3.0","version":"` + test.version + `"}]}`
		if test.version == "" {
			document = `{"versions":[{"id":"v2.0","version":""}]}`
		}
		var got string
		server := versionOnly(t, document, func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.EscapedPath()
			answer(200, "application/json", `{}`)(w, r)
		})
		r := httptest.NewRequest(http.MethodGet, test.path, nil)
		if err := open(t, server.URL, nil).Forward(httptest.NewRecorder(), r, member, "http://gw"); err != nil || got != test.want {
			t.Errorf("%s at %s: %v, the upstream got %s, want %s", test.path, test.version, err, got, test.want)
		}
	}
}

func TestForwardOfADeadUpstreamWritesNothing(t *testing.T) {
	server := upstreamServer(t, reset)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/v3/abc123/volumes", strings.NewReader("{}"))
	err := open(t, server.URL, nil).Forward(w, r, member, "http://gw")
	if driver.KindOf(err) != driver.Unavailable || w.Body.Len() > 0 || w.Code != http.StatusOK { // 200 is the recorder's default
		t.Fatalf("%v %d %s", err, w.Code, w.Body)
	}
}

// A load balancer's page becomes a fault. Cinder's own errors pass unchanged.
func TestForwardOfForeignPages(t *testing.T) {
	const fault = `{"overLimit": {"code": 413, "message": "Too many.", "retryAfter": "0"}}`
	for _, test := range []struct {
		status      int
		contentType string
		kind        driver.Kind
	}{
		{502, "text/html", driver.Unavailable},
		{503, "text/html; charset=utf-8", driver.Unavailable},
		{504, "", driver.Unavailable},
		{500, "text/html", driver.Internal},
		{429, "text/plain", driver.OverLimit},
	} {
		server := upstreamServer(t, answer(test.status, test.contentType, "<html>internal-lb.example</html>", "Retry-After", "7"))
		w := httptest.NewRecorder()
		err := open(t, server.URL, nil).Forward(w, httptest.NewRequest(http.MethodPost, "/v3/abc123/volumes", nil), member, "http://gw")
		var e *driver.Error
		if !errors.As(err, &e) || e.Kind != test.kind || strings.Contains(e.Message, "internal-lb") || e.RetryAfter != 7*time.Second || w.Body.Len() > 0 {
			t.Errorf("%d %s: %v, wrote %q", test.status, test.contentType, err, w.Body)
		}
	}
	for status, contentType := range map[int]string{413: "application/json", 503: "application/json", 404: "text/html"} {
		server := upstreamServer(t, answer(status, contentType, fault))
		w := httptest.NewRecorder()
		err := open(t, server.URL, nil).Forward(w, httptest.NewRequest(http.MethodPost, "/v3/abc123/volumes", nil), member, "http://gw")
		if err != nil || w.Code != status || w.Body.String() != fault {
			t.Errorf("%d %s: %v, %d %q", status, contentType, err, w.Code, w.Body)
		}
	}
}

func TestBackupQuotas(t *testing.T) {
	server := upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != "/v3/abc123/os-quota-sets/abc123?usage=True" || r.Header.Get("X-Openstack-Request-Id") != "req-1" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		answer(200, "application/json", `{"quota_set": {"id": "abc123", "volumes": {"limit": 10, "in_use": 3, "reserved": 0, "allocated": 0},
			"backups": {"limit": 10, "in_use": 2, "reserved": 1}, "backup_gigabytes": {"limit": -1, "in_use": 20, "reserved": 0}}}`)(w, r)
	})
	caller := member
	caller.RequestID = "req-1"
	got, err := open(t, server.URL, nil).BackupQuotas(t.Context(), caller)
	want := []driver.Quota{
		{Resource: driver.QuotaBackups, Limit: 10, InUse: 2, Reserve: 1}, {Resource: driver.QuotaBackupGigabytes, Limit: -1, InUse: 20},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v %+v", err, got)
	}
}

// Check reports whether the upstream answers; MaxMicroversion returns its highest
// microversion.
func TestCheckAndVersionOfTheUpstream(t *testing.T) {
	for document, want := range map[string]int{
		`{"versions":[{"id":"v2.0","version":""},{"id":"v3.0","version":"3.27"}]}`: 27,
		`{"versions":[{"id":"v2.0","version":""}]}`:                                0,
	} {
		d := open(t, versionOnly(t, document, answer(500, "text/plain", "")).URL, nil)
		if err := d.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if minor, err := d.MaxMicroversion(t.Context()); minor != want || err != nil {
			t.Errorf("%s: 3.%d, %v", document, minor, err)
		}
	}
	dead := open(t, upstreamServer(t, reset).URL, nil)
	dead.base.Host = "127.0.0.1:1"
	if err := dead.Check(t.Context()); driver.KindOf(err) != driver.Unavailable {
		t.Errorf("a dead upstream: %v", err)
	}
	if _, err := dead.MaxMicroversion(t.Context()); driver.KindOf(err) != driver.Unavailable {
		t.Errorf("the version of a dead upstream: %v", err)
	}
}
