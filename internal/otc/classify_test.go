package otc

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
)

func TestErrorBodies(t *testing.T) {
	for body, want := range map[string]fault{
		`{"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information", "request_id": "x"}`: {"APIGW.0301", "Incorrect IAM authentication information"},
		`{"error": {"message": "m", "code": "VolumeBackup.0021"}}`:                                                 {"VolumeBackup.0021", "m"},
		`{"badRequest": {"message": "m", "code": 400}}`:                                                            {"400", "m"},
		`{"itemNotFound": {"message": "m", "code": "404"}}`:                                                        {"404", "m"},
		`{"request_id": "x", "forbidden": {"message": "first"}, "overLimit": {"message": "second"}}`:               {"", "first"},
		`{"unauthorized": {"code": "401", "message": "Malformed request url"}}`:                                    {"401", "Malformed request url"},
		`{"error_code": "BackupService.6200", "error_msg": "a", "error": {"message": "b", "code": "c"}}`:           {"BackupService.6200", "a"},
		`{"message": "plain"}`: {},
		`"text"`:               {},
		`[]`:                   {},
		`<html>`:               {},
		``:                     {},
		`{"error": {"mess`:     {},
	} {
		if got := parseFault([]byte(body)); got != want {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

// No code may be in two kinds, because the order of a map would decide between them.
func TestEachCodeHasOneMeaning(t *testing.T) {
	for name, m := range map[string]meaning{"APIGW": gatewayMeaning, "VolumeBackup": vbsMeaning, "BackupService": cbrMeaning, "EVS": evsMeaning} {
		n := 0
		for kind, numbers := range m {
			n += len(meaning{kind: numbers}.of(name))
		}
		if all := len(m.of(name)); n != all || n < 10 {
			t.Errorf("%s: %d codes in all, %d by kind", name, all, n)
		}
	}
	table := meaning{driver.NotFound: "0001-0003 0007", driver.Internal: "0005"}.of("X")
	want := codes{"x.0001": driver.NotFound, "x.0002": driver.NotFound, "x.0003": driver.NotFound, "x.0007": driver.NotFound, "x.0005": driver.Internal}
	if !maps.Equal(table, want) {
		t.Errorf("%v", table)
	}
}

func TestClassification(t *testing.T) {
	for _, test := range []struct {
		name       string
		status     int
		body       string
		kind       driver.Kind
		message    string
		retryAfter time.Duration
	}{
		{"the code counts before the status", 500, evsFault("EVS.5413"), driver.OverLimit, "The vendor's words.", 0},
		{"in any case", 400, evsFault("evs.5404"), driver.NotFound, "The vendor's words.", 0},
		{"a token that is not valid, with 400", 400, evsFault("Common.0013"), driver.Unauthorized, "The vendor's words.", 0},
		{"unknown code with 4xx", 418, evsFault("EVS.9999"), driver.InvalidInput, "The vendor's words.", 0},
		{"unknown code with 404", 404, evsFault("EVS.9999"), driver.NotFound, "The vendor's words.", 0},
		{"unknown code with 409", 409, evsFault("EVS.9999"), driver.InvalidState, "The vendor's words.", 0},
		{"unknown code with 408", 408, evsFault("EVS.9999"), driver.Unavailable, "The vendor's words.", 0},
		{"unknown code with 500", 500, evsFault("EVS.9999"), driver.Internal, "", 0},
		{"unknown code with 502", 502, evsFault("EVS.9999"), driver.Unavailable, "The vendor's words.", 0},
		{"unknown code with 504", 504, evsFault("EVS.9999"), driver.Unavailable, "The vendor's words.", 0},
		{"no such service here", 404, `{"error_code": "APIGW.0101", "error_msg": "The API does not exist"}`, driver.NotSupported, "Backend east has no EVS, or not this function of it.", 0},
		{"throttled", 429, `{"error_code": "APIGW.0308", "error_msg": "Slow down."}`, driver.OverLimit, "Slow down.", throttleWait},
		{"bad token", 401, `{"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"}`, driver.Unauthorized, "Incorrect IAM authentication information", 0},
		{"token of yesterday", 401, `{"error_code": "APIGW.0307", "error_msg": "The token must be updated."}`, driver.Unauthorized, "The token must be updated.", 0},
		{"gateway's timeout", 504, `{"error_code": "APIGW.0201", "error_msg": "Backend timeout."}`, driver.Unavailable, "Backend timeout.", 0},
		{"gateway's too large", 413, `{"error_code": "APIGW.0201", "error_msg": "Too large."}`, driver.OverLimit, "Too large.", 0},
		{"an id that it cannot parse", 401, `{"unauthorized": {"code": "401", "message": "Malformed request url"}}`, driver.NotFound, "Malformed request url", 0},
		{"another 401", 401, `{"unauthorized": {"code": "401", "message": "No."}}`, driver.Unauthorized, "No.", 0},
		{"no fault body", 400, `<html>http://10.0.0.7</html>`, driver.InvalidInput, "EVS of backend east answered with status 400.", 0},
		{"text with what clients must not see", 400, `{"badRequest": {"message": "see http://10.0.0.7/x of ` + secret + `"}}`, driver.InvalidInput, "see … of [redacted]", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string][]answer{"GET /v2/abc123/x": {{test.status, test.body}}})
			err := open(t, nil).Service(&EVS, s.URL).Call(t.Context(), member, http.MethodGet, "v2", "/x", nil, nil, nil)
			var e *driver.Error
			if !errors.As(err, &e) || e.Kind != test.kind || e.RetryAfter != test.retryAfter || test.message != "" && e.Message != test.message {
				t.Fatalf("%+v", err)
			}
			if len(s.asked) != 1 {
				t.Errorf("asked %q", s.asked)
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for body, message := range map[string]string{
		`<html>`: "broke off or is not JSON", `{"volume": {"id`: "broke off or is not JSON", `{"volume": {"size": "many"}}`: "EVS of backend east gave an answer that cannot be read: it has no volume.",
		`{}`: "it has no volume", `{"volume": []}`: "it has no volume", `[]`: "it has no volume", `"x"`: "it has no volume", `null`: "it has no volume",
	} {
		s := serve(t, map[string][]answer{"GET /v2/abc123/volumes/" + volumeID: {{200, body}}})
		_, err := volumes(t, s, nil).GetVolume(t.Context(), member, volumeID)
		wantError(t, err, driver.Unavailable, message)
	}
	s := httptest.NewServer(nil)
	s.Close()
	err := open(t, nil).Service(&EVS, s.URL).Call(t.Context(), member, http.MethodGet, "v2", "/x", nil, nil, nil)
	wantError(t, err, driver.Unavailable, "Backend east cannot be reached.")
}

// CBR accepts a restore with 202 and an empty body.
func TestAnEmptyAnswer(t *testing.T) {
	for _, status := range []int{200, 202, 204} {
		s := serve(t, map[string][]answer{"POST /v3/abc123/x": {{status, ""}}})
		got := struct{ JobID string }{"as it was"}
		err := open(t, nil).Service(&CBR, s.URL).Call(t.Context(), member, http.MethodPost, "v3", "/x", nil, nil, &got)
		if err != nil || got.JobID != "as it was" {
			t.Errorf("%d: %+v, %v", status, got, err)
		}
	}
}

func TestThrottledWritesAreSentAgain(t *testing.T) {
	const throttledBody = `{"error_code": "APIGW.0308", "error_msg": "Slow down."}`
	for _, test := range []struct {
		name string
		body string
		sent int
	}{
		{"by the API gateway", throttledBody, 2},
		{"by the service", evsFault("EVS.0429"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string][]answer{"POST /v2/abc123/x": {{429, test.body}, {200, `{}`}}})
			service := open(t, func(o *Options) { o.Retries = 2 }).Service(&EVS, s.URL)
			err := service.Call(t.Context(), member, http.MethodPost, "v2", "/x", nil, map[string]string{"a": "b"}, nil)
			if n := s.count(`POST /v2/abc123/x {"a":"b"}`); n != test.sent || (err == nil) != (test.sent == 2) {
				t.Errorf("sent %d times: %v", n, err)
			}
		})
	}
	s := serve(t, map[string][]answer{"POST /v2/abc123/x": {{429, throttledBody}}})
	err := open(t, func(o *Options) { o.Retries = 3 }).Service(&EVS, s.URL).Call(t.Context(), member, http.MethodPost, "v2", "/x", nil, nil, nil)
	wantError(t, err, driver.OverLimit, "Slow down.")
	if n := s.count("POST"); n != 4 {
		t.Errorf("sent %d times", n)
	}
}

func TestCodeOf(t *testing.T) {
	s := serve(t, map[string][]answer{"GET /v2/abc123/x": {{400, evsFault("EVS.1049")}}})
	err := open(t, nil).Service(&EVS, s.URL).Call(t.Context(), member, http.MethodGet, "v2", "/x", nil, nil, nil)
	if CodeOf(err) != "EVS.1049" || !strings.Contains(err.Error(), "EVS EVS.1049: ") {
		t.Error(err)
	}
	if CodeOf(errors.New("other")) != "" {
		t.Error("a code out of nothing")
	}
}
