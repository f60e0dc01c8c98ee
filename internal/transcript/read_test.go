package transcript

import (
	"fmt"
	"strings"
	"testing"
)

const good = `{"case": "c", "role": "member", "later": 1, "req": {"method": "GET", "path": "/v3/p/backups?limit=1", "microversion": "3.43", "body": null, "headers": {"accept": "application/json"}}, "resp": {"status": 200, "headers": [["Vary", "x"]], "body": "{}"}}`

// change makes one part of a good line another one.
func change(from, to string) string {
	line := strings.Replace(good, from, to, 1)
	if line == good {
		panic(from + " is not there")
	}
	return line
}

func TestRead(t *testing.T) {
	all, err := Read("f", strings.NewReader(good+"\n\n"+change("limit=1", "limit=2")))
	if err != nil || len(all) != 2 || all[1].ID != "f:3" || all[1].Req.Path != "/v3/p/backups?limit=2" || *all[0].Role != "member" || all[0].Req.Header().Get("Accept") != "application/json" ||
		all[0].Req.Header().Get("OpenStack-API-Version") != "volume 3.43" {
		t.Errorf("%v: %+v", err, all)
	}
}

// Each bad line is an error that names the file, the line, the field and the rule.
func TestBadLines(t *testing.T) {
	path := func(to string) string { return change("/v3/p/backups?limit=1", to) }
	for line, want := range map[string]string{
		"x":                                      "it must be a JSON object",
		"[]":                                     "it must be a JSON object",
		"null":                                   "req.method: it must be one of GET, HEAD, POST, PUT, PATCH, DELETE",
		good + good:                              "it must be a JSON object",
		change(`"GET"`, `"get"`):                 "req.method",
		change(`"GET"`, `"TRACE"`):               "req.method",
		change(`"GET"`, `7`):                     "req.method: it must not be a JSON number",
		change(`200`, `"200"`):                   "resp.status: it must not be a JSON string",
		change(`200`, `0`):                       "resp.status: it must be a number from 200 to 599",
		change(`200`, `101`):                     "resp.status",
		change(`200`, `700`):                     "resp.status",
		change(`"status": 200,`, ``):             "resp.status",
		path(""):                                 "req.path: it must be an absolute path",
		path("v3/p"):                             "req.path: it must be an absolute path",
		path("http://other/v3"):                  "req.path: it must be an absolute path",
		path("//other/v3"):                       "req.path: it must be an absolute path",
		path("@other/v3"):                        "req.path: it must be an absolute path",
		path("/v3/p/../q"):                       "req.path: it must have no //",
		path("/v3/p//q"):                         "req.path: it must have no //",
		path("/v3/%2e%2e/q"):                     "req.path: it must have no %",
		path("/v3/p/%61"):                        "req.path: it must have no %",
		path(`/v3/p\\q`):                         `req.path: it must have no spaces, no \`,
		path("/v3/p#q"):                          "req.path: it must have no spaces",
		path("/v3/p q"):                          "req.path: it must have no spaces",
		path("/v3/pé"):                           "req.path: it must have no spaces",
		path("/" + strings.Repeat("x", maxPath)): "req.path: it must have at most 8192 bytes",
		change(`"accept"`, `"host"`):             "req.headers: only these are repeated: Accept, Content-Range, Content-Type, Openstack-Api-Version, Range",
		change(`"accept"`, `"Cookie"`):           "req.headers: only these",
		change(`"accept"`, `"x-auth-token"`):     "req.headers: only these",
		change(`"accept"`, `"accept\r\nx"`):      "req.headers: only these",
		change(`n/json"}`, `n/json\r\nx: y"}`):   "req.headers: Accept must be at most 1024 printable letters",
		change(`"3.43"`, `"3.43\n"`):             "req.microversion: it must be",
		change(`"member"`, `"\u0000"`):           "role: it must be",
		change(`"later": 1`, `"base": "x"`):      "base: it must be a URL",
		change(`"c"`, `"`+strings.Repeat("c", maxWord+1)+`"`):                                 "case: it must have at most 1024 bytes",
		change(`["Vary", "x"]`, strings.Repeat(`["Vary", "x"],`, maxHeaders)+`["Vary", "x"]`): "resp.headers: there must be at most 100",
		change(`"{}"`, `"`+strings.Repeat("x", MaxLine)+`"`):                                  "a line must have less than 1048576 bytes",
	} {
		_, err := Read("f", strings.NewReader(good+"\n"+line+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "f:2: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.300s\n  %v, want %s", line, err, want)
		}
	}
}

func TestBoundsOfFiles(t *testing.T) {
	many := strings.Repeat(good+"\n", MaxExchanges)
	if all, err := Read("f", strings.NewReader(many)); err != nil || len(all) != MaxExchanges {
		t.Errorf("%d: %v", len(all), err)
	}
	long := strings.NewReader(strings.Repeat(strings.Repeat(" ", MaxLine/2)+"\n", 2*MaxFile/MaxLine))
	for want, r := range map[string]*strings.Reader{
		"f: it must have at most 10000 exchanges": strings.NewReader(many + good), "f: it must have at most 67108864 bytes": long, "f: it has no exchange": strings.NewReader("\n\n"),
	} {
		if _, err := Read("f", r); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	_, err := Read("f", strings.NewReader(strings.Repeat("x\n", 100)))
	if n := len(strings.Split(fmt.Sprint(err), "\n")); n != maxProblems+1 || !strings.HasSuffix(err.Error(), "f: 80 more lines are wrong") {
		t.Errorf("%d lines: %v", n, err)
	}
}

// What is read can be sent: it leads to the server that it is sent to, with no header of another's choice.
func FuzzRead(f *testing.F) {
	for _, line := range []string{good, "null", change("/v3/p/backups?limit=1", "/v3/p/..\\u002f"), change(`"accept"`, `"HOST"`), good + "\n" + good} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Read("f", strings.NewReader(string(text)))
		if (err == nil) == (len(all) == 0) {
			t.Fatalf("%d exchanges, %v", len(all), err)
		}
		for i := range all {
			q := &all[i].Req
			if !strings.HasPrefix(q.Path, "/") || strings.HasPrefix(q.Path, "//") || strings.Contains(strings.Split(q.Path, "?")[0], "..") && strings.Contains(q.Path, "/../") {
				t.Errorf("%q", q.Path)
			}
			for name, values := range q.Header() {
				if name == "Host" || name == "Cookie" || name == "X-Auth-Token" || strings.ContainsAny(values[0], "\r\n") {
					t.Errorf("%s: %q", name, values)
				}
			}
			all[i].Made(202, text)
		}
	})
}
