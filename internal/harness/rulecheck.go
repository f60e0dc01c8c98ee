package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// The forms of headers (RFC 9110, 5.1 and 5.5), without obsolete ones.
var (
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	headerValue = regexp.MustCompile("^[\t\x20-\x7e]*$")
)

// Bounds of rules.
const (
	maxText    = 1024
	maxHeaders = 50
	maxCount   = 1_000_000
)

// jobKinds are the kinds of jobs that rules name.
var jobKinds = []string{"backup", "restore", "delete", "import", "volume-create", "volume-copy", "volume-delete", "snapshot", "snapshot-delete", "revert"}

// check returns an error that names the field and the rule. known reports whether there is a route.
func (r *Rule) check(known func(route string) bool) error {
	kinds := 0
	for _, set := range []bool{r.Answer != nil, r.Job != nil, r.Store != nil} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return errors.New("answer, job, store: there must be one of them")
	case r.Answer == nil && (r.Match.Method != "" || r.Match.Route != ""):
		return errors.New("match: method and route are of faults with answer only")
	}
	if err := r.Match.check(known); err != nil {
		return fmt.Errorf("match.%w", err)
	}
	switch {
	case r.Answer != nil:
		return under("answer", r.Answer.check())
	case r.Job != nil:
		return under("job", r.Job.check())
	}
	if r.Match.Resource != "" || r.Match.Project != "" {
		return errors.New("match: faults of the store know neither resource nor project")
	}
	return under("store", r.Store.check())
}

func under(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s.%w", field, err)
}

func (m *Match) check(known func(route string) bool) error {
	methods := []string{"", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	switch {
	case !slices.Contains(methods, m.Method):
		return fmt.Errorf("method: %.16q is none of GET, HEAD, POST, PUT, PATCH, DELETE", m.Method)
	case m.Route != "" && !known(m.Route):
		return fmt.Errorf("route: there is no route %.200q; docs/api.md has those of the Block Storage API, such as /backups/{id}", m.Route)
	case len(m.Project) > maxText || len(m.Resource) > maxText:
		return fmt.Errorf("project, resource: must not be longer than %d bytes", maxText)
	case m.Nth != nil && (*m.Nth < 1 || *m.Nth > maxCount):
		return fmt.Errorf("nth: must be between 1 and %d", maxCount)
	case m.Times != nil && (*m.Times < 0 || *m.Times > maxCount):
		return fmt.Errorf("times: must be between 0 (always) and %d", maxCount)
	case !(m.Probability >= 0 && m.Probability <= 1):
		return errors.New("probability: must be between 0 and 1")
	}
	return nil
}

func (a *Answer) check() error {
	switch {
	case a.Status != 0 && (a.Status < 200 || a.Status > 599):
		return errors.New("status: must be between 200 and 599")
	case a.Status == 0 && (len(a.Headers) > 0 || a.RetryAfter != nil || a.Body != nil):
		return errors.New("status: headers, retry_after and body need one")
	case a.Status == 0 && !a.Reset && a.Truncate == nil && a.Delay == 0:
		return errors.New("status: there must be one, or delay, reset or truncate")
	case a.Reset && a.Truncate != nil:
		return errors.New("reset: goes without truncate")
	case a.Truncate != nil && (*a.Truncate < 0 || *a.Truncate > maxCount):
		return fmt.Errorf("truncate: must be between 0 and %d", maxCount)
	case a.Delay < 0 || time.Duration(a.Delay) > maxDuration:
		return errors.New("delay: must be between 0 and 876000h")
	case a.Real && time.Duration(a.Delay) > 10*time.Minute:
		return errors.New("delay: by the system's clock it must not be longer than 10m")
	case a.Real && a.Delay == 0:
		return errors.New("real: needs a delay")
	case a.RetryAfter != nil && (*a.RetryAfter < 0 || *a.RetryAfter > maxCount):
		return fmt.Errorf("retry_after: must be between 0 and %d", maxCount)
	case len(a.Headers) > maxHeaders:
		return fmt.Errorf("headers: there may be %d", maxHeaders)
	case a.Body != nil && !json.Valid(a.Body):
		return errors.New("body: must be JSON")
	}
	for name, value := range a.Headers {
		if !headerName.MatchString(name) || !headerValue.MatchString(value) || len(name)+len(value) > maxText {
			return fmt.Errorf("headers: %.64q is no header", name)
		}
	}
	return nil
}

func (j *Job) check() error {
	ends := 0
	for _, set := range []bool{j.Fail != "", j.Stick, j.Kill} {
		if set {
			ends++
		}
	}
	after := j.AfterBytes != nil || j.AfterShare != nil
	switch {
	case ends != 1:
		return errors.New("fail, stick, kill: there must be one of them")
	case j.Kind != "" && !slices.Contains(jobKinds, j.Kind):
		return fmt.Errorf("kind: there is no kind of job %.64q", j.Kind)
	case after && j.Kind != "backup" && j.Kind != "restore":
		return errors.New("kind: only backup and restore report what they have copied, so after_bytes and after_share need one of them")
	case j.AfterBytes != nil && j.AfterShare != nil:
		return errors.New("after_bytes: goes without after_share")
	case len(j.Fail) > maxText:
		return fmt.Errorf("fail: must not be longer than %d bytes", maxText)
	}
	return nil
}

func (s *Store) check() error {
	switch {
	case !slices.Contains([]string{"put", "get", "list", "delete"}, s.Op):
		return fmt.Errorf("op: %.16q is none of put, get, list, delete", s.Op)
	case !slices.Contains([]string{"", "full", "io", "missing"}, s.Error):
		return fmt.Errorf("error: %.16q is none of full, io, missing", s.Error)
	case len(s.Key) > maxText:
		return fmt.Errorf("key: must not be longer than %d bytes", maxText)
	}
	return nil
}
