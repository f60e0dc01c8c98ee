package cbr_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/gateway"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

// anyone authenticates every request as one caller.
type anyone struct{ driver.Caller }

func (a anyone) Authenticate(_ context.Context, token string) (driver.Caller, error) {
	if token != string(a.Token) {
		return driver.Caller{}, driver.Errorf(driver.Unauthorized, "no")
	}
	return a.Caller, nil
}

func (anyone) Challenge(string) string { return "Keystone" }

// ask sends a request through a gateway. U in path, body and answer stands for its URL.
func (l *lab) ask(role driver.Role, method, path, body string) (status int, text string) {
	l.t.Helper()
	caller := l.caller
	caller.Role = role
	s := httptest.NewServer(gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"east": l.driver}, Default: "east", Log: zap.NewNop(), Metrics: gateway.NewMetrics(), Auth: anyone{caller},
	}))
	defer s.Close()
	r, err := http.NewRequestWithContext(l.t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", l.project.Token)
	r.Header.Set("OpenStack-API-Version", "volume 3.70")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, strings.ReplaceAll(strings.ReplaceAll(string(answer), `": `, `":`), s.URL, "U")
}

// The gateway's answers on the wire.
func TestThroughTheGateway(t *testing.T) {
	const all, none = "", otc.None
	for _, test := range []struct {
		name, evs, method, path, body string
		status                        int
		says                          string
	}{
		{"show", all, "GET", "/v3/P/backups/B", "", 200, `"availability_zone":"eu-de-02"`},
		{"show in v2", all, "GET", "/v2/P/backups/B", "", 200, `"href":"U/v2/P/backups/B"`},
		{"list", all, "GET", "/v3/P/backups?limit=1", "", 200, `"backups":[{"id":"B"`},
		{"list in detail", all, "GET", "/v3/P/backups/detail?with_count=true", "", 200, `"count":1`},
		{"create", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V","name":"b2"}}`, 202, `"name":"b2"`},
		{"create with a bad name", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V","name":"a b"}}`, 400, `{"badRequest":{"code":400,"message":"Invalid input for field name`},
		{"create of a snapshot", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V","snapshot_id":"V"}}`, 501, `{"notImplemented":{"code":501,"message":"Backend east does not support backups of snapshots`},
		{"create with metadata", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V","metadata":{"a":"b"}}}`, 501, `{"notImplemented":{"code":501,"message":"Backend east does not support metadata`},
		{"create in a zone", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V","availability_zone":"z"}}`, 501, "the availability zone"},
		{"create in another container", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V","container":"c"}}`, 501, "another container than vault"},
		{"create of what is not there", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"B"}}`, 404, `{"itemNotFound":{"code":404,"message":"Volume B could not be found."}}`},
		{"export", all, "GET", "/v3/P/backups/B/export_record", "", 501, `"notImplemented"`},
		{"import", all, "POST", "/v3/P/backups/import_record", `{"backup-record":{"backup_service":"s","backup_url":"e30="}}`, 501, `"notImplemented"`},
		{"reset status", all, "POST", "/v3/P/backups/B/action", `{"os-reset_status":{"status":"error"}}`, 501, `"notImplemented"`},
		{"force delete", all, "POST", "/v3/P/backups/B/action", `{"os-force_delete":{}}`, 501, `"notImplemented"`},
		{"all projects", all, "GET", "/v3/P/backups?all_tenants=1", "", 501, `"notImplemented"`},
		{"restore to the volume", all, "POST", "/v3/P/backups/B/restore", `{"restore":{"volume_id":"V"}}`, 202, `{"restore":{"backup_id":"B","volume_id":"V","volume_name":"source"}}`},
		{"restore by name", all, "POST", "/v3/P/backups/B/restore", `{"restore":{"name":"n"}}`, 202, `"volume_name":"n"`},
		{"restore with neither", all, "POST", "/v3/P/backups/B/restore", `{"restore":{}}`, 202, `"volume_name":"restore_backup_B"`},
		{"restore by name without EVS", none, "POST", "/v3/P/backups/B/restore", `{"restore":{"name":"n"}}`, 501, "restoring without volume_id"},
		{"delete", all, "DELETE", "/v3/P/backups/B", "", 202, ""},
		{"volume", all, "GET", "/v3/P/volumes/V", "", 200, `"href":"U/v3/P/volumes/V"`},
		{"volume without a project", all, "GET", "/v3/volumes/V", "", 200, `"id":"V"`},
		{"volumes without a project", all, "GET", "/v3/volumes", "", 200, `"volumes":[{`},
		{"volumes in detail without a project", all, "GET", "/v3/volumes/detail", "", 200, `"id":"V"`},
		{"types without a project", all, "GET", "/v3/types", "", 200, `"volume_types":[`},
		{"limits without a project", all, "GET", "/v3/limits", "", 200, `"maxTotalBackupGigabytes":1000`},
		{"summary without a project", all, "GET", "/v3/volumes/summary", "", 200, `"volume-summary"`},
		{"backups without a project", all, "GET", "/v3/backups", "", 200, `"backups":[{"id":"B"`},
		{"volume without EVS", none, "GET", "/v3/P/volumes/V", "", 501, `"notImplemented"`},
		{"volume from the backup", all, "POST", "/v3/P/volumes", `{"volume":{"backup_id":"B","name":"n","size":10}}`, 202, `"metadata":{`},
		{"limits", all, "GET", "/v3/P/limits", "", 200, `"maxTotalBackupGigabytes":1000`},
		{"limits without EVS", none, "GET", "/v3/P/limits", "", 200, `"totalBackupGigabytesUsed":10`},
		{"quotas", all, "GET", "/v3/P/os-quota-sets/P?usage=True", "", 200, `"backups":{"limit":-1,"in_use":1,"reserved":0}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := open(t, cbr.Options{Options: otc.Options{EVSURL: test.evs}}, otcfake.Options{})
			volume, backup := l.made(otcfake.Volume{Name: "source", AZ: "eu-de-02"})
			fill := strings.NewReplacer("/P", "/"+l.project.ID, "/B", "/"+backup, `"B"`, `"`+backup+`"`, "_B", "_"+backup, " B ", " "+backup+" ",
				"/V", "/"+volume, `"V"`, `"`+volume+`"`)
			status, text := l.ask(driver.Admin, test.method, fill.Replace(test.path), fill.Replace(test.body))
			if status != test.status || !strings.Contains(text, fill.Replace(test.says)) {
				t.Errorf("%d %s\nwant %d %s", status, text, test.status, fill.Replace(test.says))
			}
			if strings.Contains(text, l.url) {
				t.Errorf("it tells where the cloud is: %s", text)
			}
		})
	}
}

func TestRenamingThroughTheGateway(t *testing.T) {
	for _, test := range []struct {
		dialect otc.Dialect
		change  string
		status  int
		says    string
	}{
		{otc.OTC, `"name":"n"`, 501, "changing backups: the service has no such function"},
		{otc.Huawei, `"name":"n"`, 200, `"name":"n"`},
		{otc.Huawei, `"name":"n","description":"d"`, 501, "the service changes names only"},
	} {
		l := open(t, cbr.Options{Options: otc.Options{Dialect: test.dialect}}, otcfake.Options{})
		_, id := l.made(otcfake.Volume{})
		status, text := l.ask(driver.Member, "PUT", "/v3/"+l.project.ID+"/backups/"+id, `{"backup":{`+test.change+`}}`)
		if status != test.status || !strings.Contains(text, test.says) {
			t.Errorf("%s, %s: %d %s", test.dialect, test.change, status, text)
		}
	}
}

// A list of ids and names needs no operation logs.
func TestASummaryAsksOnce(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	l.many(3)
	for path, want := range map[string]int{"/backups": 0, "/backups/detail": 1} {
		l.Forget()
		if status, text := l.ask(driver.Member, "GET", "/v3/"+l.project.ID+path, ""); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		if n := len(l.asked("GET", "operation-logs")); n != want {
			t.Errorf("%s asked for the logs %d times", path, n)
		}
	}
}
