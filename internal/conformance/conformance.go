// Package conformance sends what clients sent to a real Cinder to any Block Storage API,
// and compares the answers with that Cinder's: everything but times, hosts, and the ids of
// requests. What may differ is listed, with the reason.
//
// The transcripts were recorded on Cinder 21.3.1. They build on one another: an exchange
// finds what those before it made, and at times what was prepared by other means; see
// [Server.Before].
package conformance

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

//go:embed wire
var wire embed.FS

// Transcripts are the names of the transcripts, in the order in which they build on one
// another.
var Transcripts = []string{"g1", "g2", "g3", "g5"}

// Exchange is a request and what Cinder answered.
type Exchange struct {
	ID   string  `json:"-"` // transcript and line, such as g2#38
	Case string  `json:"case"`
	Role *string `json:"role"` // whose token it has; nil: it has none, or a bad one
	Req  struct {
		Method       string            `json:"method"`
		Path         string            `json:"path"`
		Microversion *string           `json:"microversion"`
		Body         *string           `json:"body"`
		Headers      map[string]string `json:"headers"`
	} `json:"req"`
	Resp struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    string      `json:"body"`
	} `json:"resp"`
}

// Transcript returns the exchanges of a transcript.
func Transcript(name string) ([]Exchange, error) {
	text, err := Recording(name)
	if err != nil {
		return nil, err
	}
	var all []Exchange
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		x := Exchange{ID: fmt.Sprintf("%s#%d", name, len(all)+1)}
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return nil, fmt.Errorf("%s: %w", x.ID, err)
		}
		all = append(all, x)
	}
	return all, lines.Err()
}

// Recording returns a recording as it is, one JSON object a line: a transcript, or "lists",
// whose lines are not exchanges.
func Recording(name string) ([]byte, error) {
	return wire.ReadFile("wire/cinder-21.3.1-" + name + ".jsonl")
}

// recordedBase is the URL of the recorded Cinder.
const recordedBase = "http://127.0.0.1:8876"

// Server is the API that answers are asked of.
type Server struct {
	// URL is the API's, without a version.
	URL string
	// Client sends the requests; nil: one that follows no redirects.
	Client *http.Client
	// Tokens are those of the recorded roles: member and reader of one project, padmin its
	// admin, alt a member of another one, admin an admin of a third. An exchange of a role
	// without a token is not sent.
	Tokens map[string]string
	// IDs maps recorded ids, such as those of projects, to those of this server, where they
	// differ. Ids of what exchanges make are added as they are made.
	IDs map[string]string
	// Known reports whether an id of an answer must be the recorded one. Other ids only have
	// to be ids. nil: those of IDs.
	Known func(id string) bool
	// Before and After, if not nil, prepare what was prepared for the recording by other
	// means than the API, around the exchange of an id. Their errors end a run.
	Before, After func(id string) error
}

// Verdict is how an answer compares.
type Verdict string

// The verdicts.
const (
	Same     Verdict = "same"
	Deviates Verdict = "deviates as listed"
	Differs  Verdict = "differs"
	NotSent  Verdict = "not sent" // the role has no token
)

// Result is what came of one exchange.
type Result struct {
	Exchange Exchange
	Verdict  Verdict
	// Unlisted are the differences that are not listed.
	Unlisted []Difference
}

// Report is what came of a run.
type Report struct {
	Results []Result
	// Stale are listed deviations that did not occur.
	Stale []string
}

// Count returns how many exchanges have a verdict.
func (r *Report) Count(v Verdict) int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Verdict == v {
			n++
		}
	}
	return n
}

// Run sends all transcripts. Its error is that of the preparation or of a request that had
// no answer; how answers compare is in the report.
func (s *Server) Run(ctx context.Context) (Report, error) {
	listed, err := Deviations("golden")
	if err != nil {
		return Report{}, err
	}
	var report Report
	for _, name := range Transcripts {
		all, err := Transcript(name)
		if err != nil {
			return report, err
		}
		for _, x := range all {
			result, err := s.try(ctx, x, listed)
			if err != nil {
				return report, fmt.Errorf("%s: %w", x.ID, err)
			}
			report.Results = append(report.Results, result)
		}
	}
	report.Stale = listed.Unused()
	return report, nil
}

func (s *Server) try(ctx context.Context, x Exchange, listed *Listing) (Result, error) {
	result := Result{Exchange: x, Verdict: Same}
	if x.Role != nil && s.Tokens[*x.Role] == "" {
		result.Verdict = NotSent
		return result, nil
	}
	if s.Before != nil {
		if err := s.Before(x.ID); err != nil {
			return result, err
		}
	}
	got, err := s.send(ctx, x)
	if err != nil {
		return result, err
	}
	if s.After != nil {
		if err := s.After(x.ID); err != nil {
			return result, err
		}
	}
	found := Compare(s.recorded(x), got)
	result.Unlisted = slices.DeleteFunc(slices.Clone(found), func(d Difference) bool { return listed.Has(x.ID, d.Path) })
	switch {
	case len(result.Unlisted) > 0:
		result.Verdict = Differs
	case len(found) > 0:
		result.Verdict = Deviates
	}
	return result, nil
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 16 << 20

// send sends the request of an exchange, and returns the answer as [Server.comparable]
// does.
func (s *Server) send(ctx context.Context, x Exchange) (map[string]any, error) {
	var body io.Reader
	if x.Req.Body != nil {
		body = strings.NewReader(s.toServer(*x.Req.Body))
	}
	r, err := http.NewRequestWithContext(ctx, x.Req.Method, s.URL+s.toServer(x.Req.Path), body)
	if err != nil {
		return nil, err
	}
	for name, value := range x.Req.Headers {
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	if x.Req.Microversion != nil {
		r.Header.Set("OpenStack-API-Version", "volume "+*x.Req.Microversion)
	}
	switch {
	case x.Role != nil:
		r.Header.Set("X-Auth-Token", s.Tokens[*x.Role])
	case strings.Contains(x.Case, "badtoken"):
		r.Header.Set("X-Auth-Token", "nonsense")
	}
	answer, err := s.client().Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	s.learn(x, answer.StatusCode, content)
	return s.comparable(answer.StatusCode, answer.Header, []byte(s.fromServer(string(content)))), nil
}

func (s *Server) client() *http.Client {
	if s.Client != nil {
		return s.Client
	}
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// learn notes the id of what an exchange makes: {"backup": {"id": …}}.
func (s *Server) learn(x Exchange, status int, content []byte) {
	if x.Req.Method != http.MethodPost || status != x.Resp.Status || status >= http.StatusBadRequest {
		return
	}
	var recorded, made map[string]struct{ ID string }
	if json.Unmarshal([]byte(x.Resp.Body), &recorded) != nil || json.Unmarshal(content, &made) != nil {
		return
	}
	for root, r := range recorded {
		if m := made[root]; r.ID != "" && m.ID != "" && r.ID != m.ID {
			if s.IDs == nil {
				s.IDs = map[string]string{}
			}
			s.IDs[r.ID] = m.ID
		}
	}
}

// toServer replaces recorded ids by those of the server.
func (s *Server) toServer(text string) string {
	for recorded, id := range s.IDs {
		text = strings.ReplaceAll(text, recorded, id)
	}
	return text
}

// fromServer replaces ids of the server by those that were recorded.
func (s *Server) fromServer(text string) string {
	for recorded, id := range s.IDs {
		text = strings.ReplaceAll(text, id, recorded)
	}
	return text
}
