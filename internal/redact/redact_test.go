package redact

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

var strict = Rules{Hidden: "(removed)", MaxBody: 1 << 10, Strict: true}

// What is not known is hidden, at any depth; what is known is shown.
func TestBody(t *testing.T) {
	for body, want := range map[string]string{
		`{"backup": {"name": "n", "size": 12345678901234567890, "password": "hush"}}`:                                                              `{"backup":{"name":"n","password":"(removed)","size":12345678901234567890}}`,
		`{"transfer": {"id": "i", "auth_key": "hush"}}`:                                                                                            `{"transfer":{"auth_key":"(removed)","id":"i"}}`,
		`{"a": {"connection_info": {"name": "hush", "id": "hush"}}}`:                                                                               `{"a":{"connection_info":"(removed)"}}`,
		`{"backup-record": {"backup_url": "hush", "id": "hush"}}`:                                                                                  `{"backup-record":"(removed)"}`,
		`{"auth": {"identity": {"methods": ["hush"]}}}`:                                                                                            `{"auth":"(removed)"}`,
		`{"metadata": {"cindergate:backup": "daily 02:30", "pass": "hush"}}`:                                                                       `{"metadata":{"cindergate:backup":"daily 02:30","pass":"(removed)"}}`,
		`{"metadata": "hush", "connector": null}`:                                                                                                  `{"connector":null,"metadata":"(removed)"}`,
		`{"message": "Invalid input for field/attribute auth_key. Value: hush. 'hush' is not of type 'object'"}`:                                   `{"message":"Invalid input for field/attribute auth_key. Value: (removed)"}`,
		`{"fail_reason": "GET https://u:hush@s3.example/b/o?X-Amz-Signature=hush&limit=1: 403"}`:                                                   `{"fail_reason":"GET https://s3.example/b/o?X-Amz-Signature=%28removed%29\u0026limit=1%3A"}`,
		`{"message": "Volume hushhushhushhushhushhushhushhushhushhushhush could not be found.", "id": "req-5d0c9a52-5d0c-4d0c-8d0c-5d0c9a525d0c"}`: `{"id":"req-5d0c9a52-5d0c-4d0c-8d0c-5d0c9a525d0c","message":"Volume (removed) could not be found."}`,
		`"hush"`:                                `"(removed)"`,
		`["hush", true]`:                        `["(removed)",true]`,
		`hush`:                                  `"[no JSON]"`,
		`{} {"a":1}`:                            `"[no JSON]"`,
		``:                                      ``,
		`"` + strings.Repeat("hush", 300) + `"`: `"[longer than 1024 bytes]"`,
	} {
		got := string(strict.Body([]byte(body)))
		if strings.Contains(got, "hush") || got != want && !strings.Contains(body, "https://") {
			t.Errorf("%s:\n got %s\nwant %s", body, got, want)
		}
	}
	if got := string(Rules{Hidden: "x", MaxBody: 99}.Body([]byte(`{"metadata": {"own": "words"}}`))); got != `{"metadata":{"own":"words"}}` {
		t.Errorf("not strict: %s", got)
	}
}

func TestHeadersQueriesAndPaths(t *testing.T) {
	h := strict.Headers(http.Header{"X-Auth-Token": {"hush"}, "Cookie": {"hush"}, "Location": {"https://a.example/x?sig=hush"}, "User-Agent": {"curl"}})
	if h["User-Agent"] != "curl" || h["X-Auth-Token"] != "(removed)" || h["Cookie"] != "(removed)" || strings.Contains(h["Location"], "hush") {
		t.Errorf("%v", h)
	}
	token := strings.Repeat("hush", 11)
	for from, want := range map[string]string{
		"/v3/p/backups?limit=2&name=n&x=hush&metadata=hush":                 "/v3/p/backups?limit=2&metadata=%28removed%29&name=n&x=%28removed%29",
		"/v2.0/tokens/" + token:                                             "/v2.0/tokens/(removed)",
		"/v3/backups/5d0c9a52-5d0c-5d0c-5d0c-5d0c9a525d0c":                  "/v3/backups/5d0c9a52-5d0c-5d0c-5d0c-5d0c9a525d0c",
		"https://u:hush@h.example:1/p#hush":                                 "https://h.example:1/p",
		"/v1/jobs/req-5d0c9a52-5d0c-5d0c-5d0c-5d0c9a525d0c?name~=a&hush~=b": "/v1/jobs/req-5d0c9a52-5d0c-5d0c-5d0c-5d0c9a525d0c?hush~=%28removed%29&name~=a",
	} {
		at, err := url.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		if got := strict.URL(at); got != want {
			t.Errorf("%s:\n got %s\nwant %s", from, got, want)
		}
	}
}
