package vbs_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/vbs"
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

// behindTheGateway serves the cloud through the gateway.
func (c *cloud) behindTheGateway(t *testing.T, role driver.Role) string {
	t.Helper()
	caller := c.caller
	caller.Role = role
	s := httptest.NewServer(gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"east": c.driver}, Default: "east", Log: zap.NewNop(), Metrics: gateway.NewMetrics(), Auth: anyone{caller},
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func ask(t *testing.T, c *cloud, method, url, body string) (status int, header http.Header, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", c.project.Token)
	r.Header.Set("OpenStack-API-Version", "volume 3.70")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(answer)
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
		{"list", all, "GET", "/v3/P/backups/detail?with_count=true", "", 200, `"count":1`},
		{"create", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V"}}`, 202, `"name":"backup-`},
		{"create with a bad name", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V","name":"a b"}}`, 400, `{"badRequest":{"code":400,"message":"Invalid input for field name`},
		{"create with metadata", all, "POST", "/v3/P/backups", `{"backup":{"volume_id":"V","metadata":{"a":"b"}}}`, 501, `{"notImplemented":{"code":501,"message":"Backend east does not support metadata`},
		{"update", all, "PUT", "/v3/P/backups/B", `{"backup":{"name":"n"}}`, 501, `"notImplemented"`},
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
		{"summary without a project", all, "GET", "/v3/volumes/summary", "", 200, `"volume-summary"`},
		{"backups without a project", all, "GET", "/v3/backups", "", 200, `"backups":[{"id":"B"`},
		{"no such volume", all, "GET", "/v3/P/volumes/B", "", 404, `{"itemNotFound":{"code":404,"message":"Volume B could not be found."}}`},
		{"volume without EVS", none, "GET", "/v3/P/volumes/V", "", 501, `{"notImplemented":{"code":501,"message":"Backend east does not support anything but backups`},
		{"volumes in v2", all, "GET", "/v2/P/volumes", "", 200, `"href":"U/v2/P/volumes/V"`},
		{"volume from the backup", all, "POST", "/v3/P/volumes", `{"volume":{"backup_id":"B","name":"n","size":10}}`, 202, `"metadata":{`},
		{"volumes by size", all, "GET", "/v3/P/volumes/detail?sort=size:asc", "", 200, `"name":"source"`},
		{"volumes by name", all, "GET", "/v3/P/volumes/detail?sort=name:asc", "", 501, "EVS sorts by id, status, size, created_at"},
		{"summary", all, "GET", "/v3/P/volumes/summary", "", 200, `{"volume-summary":{"metadata":{},"total_count":1,"total_size":10}}`},
		{"types", all, "GET", "/v3/P/types", "", 200, `"SSD"`},
		{"what EVS has not", all, "GET", "/v3/P/groups", "", 501, "Backend east has no EVS, or not this function of it."},
		{"limits", all, "GET", "/v3/P/limits", "", 200, `"maxTotalBackups":20`},
		{"limits without EVS", none, "GET", "/v3/P/limits", "", 200, `"totalBackupGigabytesUsed":10`},
		{"quotas", all, "GET", "/v3/P/os-quota-sets/P?usage=True", "", 200, `"backups":{"limit":20,"in_use":1,"reserved":0}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := open(t, vbs.Options{Options: otc.Options{EVSURL: test.evs}}, otcfake.Options{Quotas: map[string]int{"backups": 20}})
			volume := c.AddVolume(c.project.ID, otcfake.Volume{Name: "source", AZ: "eu-de-02"})
			backup := c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: volume, AZ: "eu-de-02"})
			url := c.behindTheGateway(t, driver.Admin)
			fill := strings.NewReplacer("/P", "/"+c.project.ID, "/B", "/"+backup, `"B"`, `"`+backup+`"`, "_B", "_"+backup, " B ", " "+backup+" ",
				"/V", "/"+volume, `"V"`, `"`+volume+`"`, `"U/`, `"`+url+"/")
			status, header, text := ask(t, c, test.method, url+fill.Replace(test.path), fill.Replace(test.body))
			if status != test.status || !strings.Contains(strings.ReplaceAll(text, `": `, `":`), fill.Replace(test.says)) {
				t.Errorf("%d %s\nwant %d %s", status, text, test.status, fill.Replace(test.says))
			}
			if !strings.HasPrefix(header.Get("X-Openstack-Request-Id"), "req-") {
				t.Errorf("no request id in %v", header)
			}
			if strings.Contains(text, "192.168") || strings.Contains(text, c.url) {
				t.Errorf("it tells of hosts that clients cannot reach: %s", text)
			}
		})
	}
}

func TestVersionsThroughTheGateway(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	url := c.behindTheGateway(t, driver.Member)
	if _, _, text := ask(t, c, "GET", url+"/", ""); !strings.Contains(text, `"3.70"`) {
		t.Error(text)
	}
	for path, want := range map[string]string{"/backups": "volume 3.70", "/types": "volume 3.0"} {
		if _, header, _ := ask(t, c, "GET", url+"/v3/"+c.project.ID+path, ""); header.Get("OpenStack-API-Version") != want {
			t.Errorf("%s: %q", path, header)
		}
	}
}

// VBS's own API in front of VBS passes on tags.
func TestOwnAPIWithTags(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	volume := c.AddVolume(c.project.ID, otcfake.Volume{})
	s := httptest.NewServer(gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"east": c.driver}, Default: "east", Log: zap.NewNop(), Metrics: gateway.NewMetrics(), Auth: anyone{c.caller}, VBS: true,
	}))
	t.Cleanup(s.Close)
	status, _, text := ask(t, c, http.MethodPost, s.URL+"/v2/"+c.project.ID+"/cloudbackups",
		`{"backup":{"volume_id":"`+volume+`","name":"n","tags":[{"key":"a","value":"b"}]}}`)
	if status != http.StatusOK || !strings.Contains(text, `"job_id":"create-`) {
		t.Fatalf("%d %s", status, text)
	}
	if sent := c.sent("vbs", "POST"); len(sent) != 1 || !strings.Contains(sent[0], `"tags":[{"key":"a","value":"b"}]`) {
		t.Errorf("sent %q", sent)
	}
	page, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: -1})
	if err != nil || len(page.Items) != 1 || c.Backup(page.Items[0].ID).Tags["a"] != "b" {
		t.Errorf("%+v, %v", page.Items, err)
	}
}
