package otc

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cindergate/driver"
)

// serveAnyone answers every request with a status.
func serveAnyone(t *testing.T, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(s.Close)
	return s.URL
}

func request(method, path, microversion string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, path, body)
	r.Header.Set("X-Auth-Token", secret)
	if microversion != "" {
		r.Header.Set("OpenStack-API-Version", microversion)
	}
	return r
}

func TestForwardSpeaksV2(t *testing.T) {
	for path, want := range map[string]string{
		"/v3/abc123/volumes/detail?a=b": "/v2/abc123/volumes/detail?a=b",
		"/v2/abc123/types":              "/v2/abc123/types",
		"/v3/volumes/a%2Fb":             "/v2/abc123/volumes/a%2Fb",
	} {
		s := serve(t, map[string][]answer{})
		decoded, _, _ := strings.Cut(strings.ReplaceAll(want, "%2F", "/"), "?")
		s.answers["GET "+decoded] = []answer{{200, `{"href": "$URL/v2/abc123/x"}`}}
		w := httptest.NewRecorder()
		if err := volumes(t, s, nil).Forward(w, request("GET", path, "volume 3.60", nil), member, "https://gw"); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		asked := path[:3]
		if w.Code != 200 || w.Body.String() != `{"href": "https://gw`+asked+`/abc123/x"}` || s.asked[0] != "GET "+want {
			t.Errorf("%s: %d %s, asked %q", path, w.Code, w.Body, s.asked)
		}
		if v := w.Header().Get("OpenStack-API-Version"); (v == "volume 3.0") != (asked == "/v3") || (v == "") != (asked == "/v2") {
			t.Errorf("%s: version %q", path, v)
		}
	}
}

func TestForwardMakesFaultsOfErrors(t *testing.T) {
	for _, test := range []struct {
		answer  answer
		kind    driver.Kind
		message string
	}{
		{answer{404, `{"error_code": "APIGW.0101", "error_msg": "The API does not exist"}`}, driver.NotSupported, "Backend east has no EVS, or not this function of it."},
		{answer{400, evsFault("EVS.1034")}, driver.OverLimit, "The vendor's words."},
		{answer{400, `{"badrequest": {"message": "Invalid.", "code": 400}}`}, driver.InvalidInput, "Invalid."},
		{answer{429, `{"error_code": "APIGW.0308", "error_msg": "Slow down."}`}, driver.OverLimit, "Slow down."},
		{answer{502, `<html>lb.internal</html>`}, driver.Unavailable, "EVS of backend east answered with status 502."},
	} {
		s := serve(t, map[string][]answer{"DELETE /v2/abc123/volumes/x": {test.answer}})
		w := httptest.NewRecorder()
		err := volumes(t, s, nil).Forward(w, request("DELETE", "/v3/abc123/volumes/x", "", nil), member, "http://gw")
		wantError(t, err, test.kind, test.message)
		if w.Body.Len() > 0 {
			t.Errorf("wrote %s", w.Body)
		}
	}
}

func TestVolumeFromABackup(t *testing.T) {
	const create = `{"volume": {"backup_id": "` + backupID + `", "name": "n", "size": 50, "metadata": {"a": "b"}, "multiattach": false}}`
	const sent = `{"volume":{"availability_zone":"eu-de-02","backup_id":"` + backupID + `","count":1,"metadata":{"a":"b","src_backup_id":"` + backupID + `"},"name":"n","size":50,"volume_type":"SSD"}}`
	for name, last := range map[string]answer{
		`{"volume": {"id": "` + newID + `", "links": [{"href": "http://gw/v3/abc123/volumes/x"}]}}`: {200, `{"volume": {"id": "` + newID + `", "links": [{"href": "$URL/v2/abc123/volumes/x"}]}}`},
		`{"volume":{"id":"` + newID + `","status":"creating"}}`:                                     {404, gone},
	} {
		s := serve(t, map[string][]answer{
			"GET /v2/abc123/volumes/" + volumeID: {{200, source}}, "POST /v2/abc123/cloudvolumes": {{200, `{"job_id": "j1"}`}},
			jobPath:                           {{200, `{"status": "RUNNING", "entities": {"volume_id": "` + newID + `"}}`}},
			"GET /v2/abc123/volumes/" + newID: {{404, gone}, {200, shown(newID, "available")}, last},
		})
		w := httptest.NewRecorder()
		if err := volumes(t, s, nil).Forward(w, request("POST", "/v3/volumes", "volume 3.47", strings.NewReader(create)), member, "http://gw"); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusAccepted || strings.TrimSpace(w.Body.String()) != name {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if s.count("POST /v2/abc123/cloudvolumes "+sent) != 1 {
			t.Errorf("asked %q", s.asked)
		}
	}
}

func TestVolumeFromABackupThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		body    string
		kind    driver.Kind
		message string
	}{
		{`{"volume": {"backup_id": "` + backupID + `", "snapshot_id": "x"}}`, driver.InvalidInput, "A volume has one source"},
		{`{"volume": {"backup_id": "nonsense"}}`, driver.NotFound, "Backup nonsense could not be found."},
		{`{"volume": {"backup_id": "` + volumeID + `"}}`, driver.InvalidState, "Invalid backup: Backup status must be available"},
	} {
		s := serve(t, nil)
		err := volumes(t, s, nil).Forward(httptest.NewRecorder(), request("POST", "/v3/abc123/volumes", "volume latest", strings.NewReader(test.body)), member, "http://gw")
		wantError(t, err, test.kind, test.message)
	}
}

// A body that is not for a volume from a backup is forwarded unchanged, whatever its size.
func TestOtherVolumesAreForwarded(t *testing.T) {
	for _, test := range []struct{ path, microversion, body string }{
		{"/v3/abc123/volumes", "volume 3.47", `{"volume":{"size":1}}`},
		{"/v3/abc123/volumes", "volume 3.46", `{"volume":{"size":1,"backup_id":"x"}}`},
		{"/v3/abc123/volumes", "", `{"volume":{"size":1,"backup_id":"x"}}`},
		{"/v2/abc123/volumes", "volume 3.50", `{"volume":{"size":1,"backup_id":"x"}}`},
		{"/v3/abc123/volumes", "compute 2.90, volume 3.60", `not JSON`},
		{"/v3/abc123/volumes", "volume 3.60", `{"volume":{"name":"` + strings.Repeat("x", 2*driver.MaxRequestBody) + `","backup_id":"x"}}`},
	} {
		s := serve(t, map[string][]answer{"POST /v2/abc123/volumes": {{202, `{}`}}})
		w := httptest.NewRecorder()
		if err := volumes(t, s, nil).Forward(w, request("POST", test.path, test.microversion, strings.NewReader(test.body)), member, "http://gw"); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusAccepted || s.asked[0] != "POST /v2/abc123/volumes "+test.body {
			t.Errorf("%.99s: %d, sent %.99q", test.body, w.Code, s.asked)
		}
	}
}
