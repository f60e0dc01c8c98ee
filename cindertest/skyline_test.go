package cindertest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cindergate/cindertest"
)

// skyline sends what Skyline's pages send (skyline-console, src/client/cinder and src/stores/cinder): JSON
// with its own spelling of the header of the version.
type skyline struct {
	t       *testing.T
	cloud   *cindertest.Cloud
	token   string
	url     string // with the project
	version string
}

func newSkyline(t *testing.T, c *cindertest.Cloud, user string) *skyline {
	t.Helper()
	client := c.BlockStorageOf(user)
	return &skyline{t, c, client.Token(), strings.TrimRight(client.Endpoint, "/"), "volume 3.59"}
}

// send sends a request, checks the status and returns what the answer has below key; "": nothing.
func (s *skyline) send(method, path, body string, want int, key string) (got map[string]any) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader([]byte(body)))
	check(s.t, err)
	r.Header.Set("X-Auth-Token", s.token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Openstack-Api-Version", s.version)
	answer, err := http.DefaultClient.Do(r)
	check(s.t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	check(s.t, err)
	if answer.StatusCode != want {
		s.t.Fatalf("%s %s: %d %s", method, path, answer.StatusCode, raw)
	}
	if key == "" {
		return nil
	}
	var all map[string]json.RawMessage
	check(s.t, json.Unmarshal(raw, &all))
	value, ok := all[key]
	if !ok {
		s.t.Fatalf("%s %s: no %q in %s", method, path, key, raw)
	}
	if bytes.HasPrefix(value, []byte("[")) {
		var list []any
		check(s.t, json.Unmarshal(value, &list))
		return map[string]any{"list": list}
	}
	check(s.t, json.Unmarshal(value, &got))
	return got
}

// A member's afternoon with Skyline: its lists, forms and buttons.
func TestSkyline(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	s := newSkyline(t, c, "demo")
	project := s.url[strings.LastIndexByte(s.url, '/')+1:]
	for path, key := range map[string]string{
		"/types?is_public=None":                         "volume_types",
		"/os-quota-sets/" + project + "?usage=True":     "quota_set",
		"/os-availability-zone":                         "availabilityZoneInfo",
		"/snapshots/detail?limit=10":                    "snapshots",
		"/backups/detail?limit=10&sort=created_at:desc": "backups",
		"/volumes/detail?limit=10&sort=created_at:desc": "volumes",
		"/volume-transfers":                             "transfers",
	} {
		s.send(http.MethodGet, path, "", http.StatusOK, key)
	}
	made := s.send(http.MethodPost, "/volumes", `{"volume": {"availability_zone": "nova", "name": "data", "size": 1, "multiattach": false}}`, http.StatusAccepted, "volume")
	volume := made["id"].(string)
	c.Settle()
	c.WriteVolume(volume, 0, []byte("monday"))
	s.version = "volume 3.60" // the window that extends a volume in use
	s.send(http.MethodPost, "/volumes/"+volume+"/action", `{"os-extend": {"new_size": 2}}`, http.StatusAccepted, "")
	s.version = "volume 3.59"
	c.Settle()
	if v := s.send(http.MethodGet, "/volumes/"+volume, "", http.StatusOK, "volume"); v["size"] != 2.0 || v["status"] != "available" {
		t.Fatalf("%v", v)
	}
	s.send(http.MethodPut, "/volumes/"+volume, `{"volume": {"name": "data", "description": "of the shop"}}`, http.StatusOK, "volume")
	s.send(http.MethodPost, "/snapshots", `{"snapshot": {"volume_id": "`+volume+`", "name": "before", "force": true}}`, http.StatusAccepted, "snapshot")
	c.Settle()
	full := s.send(http.MethodPost, "/backups", `{"backup": {"volume_id": "`+volume+`", "name": "one", "incremental": false, "force": true}}`, http.StatusAccepted, "backup")
	c.Settle()
	c.Clock.Advance(time.Second)
	s.send(http.MethodPost, "/backups", `{"backup": {"volume_id": "`+volume+`", "name": "two", "incremental": true, "force": true}}`, http.StatusAccepted, "backup")
	c.Settle()
	page := s.send(http.MethodGet, "/backups/detail?limit=1&sort=created_at:asc", "", http.StatusOK, "backups")["list"].([]any)
	if len(page) != 1 || page[0].(map[string]any)["name"] != "one" {
		t.Fatalf("%v", page)
	}
	id := full["id"].(string)
	restored := s.send(http.MethodPost, "/backups/"+id+"/restore", `{"restore": {}}`, http.StatusAccepted, "restore")
	c.Settle()
	if got := string(c.ReadVolume(restored["volume_id"].(string), 0, 6)); got != "monday" {
		t.Fatalf("restored %q", got)
	}
	c.WriteVolume(volume, 0, []byte("broken"))
	s.send(http.MethodPost, "/backups/"+id+"/restore", `{"restore": {"volume_id": "`+volume+`"}}`, http.StatusAccepted, "restore")
	c.Settle()
	if got := string(c.ReadVolume(volume, 0, 6)); got != "monday" {
		t.Fatalf("restored in place: %q", got)
	}
	transfer := s.send(http.MethodPost, "/volume-transfers", `{"transfer": {"name": "give", "volume_id": "`+restored["volume_id"].(string)+`"}}`, http.StatusAccepted, "transfer")
	s.send(http.MethodDelete, "/volume-transfers/"+transfer["id"].(string), "", http.StatusAccepted, "")
	s.version = "volume 3.29" // messages
	s.send(http.MethodGet, "/messages?resource_uuid="+volume, "", http.StatusOK, "messages")
	s.version = "volume 3.59"
	s.send(http.MethodDelete, "/volumes/"+volume+"?cascade=true", "", http.StatusAccepted, "")
	c.Settle()
	s.send(http.MethodGet, "/volumes/"+volume, "", http.StatusNotFound, "")
}

// An administrator's pages.
func TestSkylineAdmin(t *testing.T) {
	t.Parallel()
	s := newSkyline(t, cindertest.New(t), "admin")
	for path, key := range map[string]string{
		"/os-services": "services", "/scheduler-stats/get_pools?detail=true": "pools", "/qos-specs": "qos_specs", "/types?is_public=None": "volume_types",
		"/backups/detail?all_tenants=true&limit=10": "backups", "/volumes/detail?all_tenants=true&limit=10": "volumes",
	} {
		s.send(http.MethodGet, path, "", http.StatusOK, key)
	}
	made := s.send(http.MethodPost, "/types", `{"volume_type": {"name": "fast", "os-volume-type-access:is_public": true}}`, http.StatusOK, "volume_type")
	s.send(http.MethodPost, "/types/"+made["id"].(string)+"/extra_specs", `{"extra_specs": {"cindergate:policy": "off"}}`, http.StatusOK, "extra_specs")
	s.send(http.MethodDelete, "/types/"+made["id"].(string), "", http.StatusAccepted, "")
}
