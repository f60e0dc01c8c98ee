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

	"cindergate/internal/transcript"
)

//go:embed wire
var wire embed.FS

// Transcripts are the names of the transcripts, in the order in which they build on one
// another.
var Transcripts = []string{"g1", "g2", "g3", "g5"}

// Transcript returns the exchanges of a transcript.
func Transcript(name string) ([]transcript.Exchange, error) {
	text, err := Recording(name)
	if err != nil {
		return nil, err
	}
	var all []transcript.Exchange
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		x := transcript.Exchange{ID: fmt.Sprintf("%s#%d", name, len(all)+1)}
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
	IDs transcript.IDs
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
	Exchange transcript.Exchange
	Verdict  Verdict
	// Unlisted are the differences that are not listed.
	Unlisted []transcript.Difference
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
		for i := range all {
			result, err := s.try(ctx, &all[i], listed)
			if err != nil {
				return report, fmt.Errorf("%s: %w", all[i].ID, err)
			}
			report.Results = append(report.Results, result)
		}
	}
	report.Stale = listed.Unused()
	return report, nil
}

func (s *Server) try(ctx context.Context, x *transcript.Exchange, listed *Listing) (Result, error) {
	result := Result{Exchange: *x, Verdict: Same}
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
	found := transcript.Compare(s.canon().Recorded(x), got)
	result.Unlisted = slices.DeleteFunc(slices.Clone(found), func(d transcript.Difference) bool { return listed.Has(x.ID, d.Path) })
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

// send sends the request of an exchange, and returns the answer as
// [transcript.Canon] does.
func (s *Server) send(ctx context.Context, x *transcript.Exchange) (map[string]any, error) {
	var body io.Reader
	if x.Req.Body != nil {
		body = strings.NewReader(s.IDs.ToServer(*x.Req.Body))
	}
	r, err := http.NewRequestWithContext(ctx, x.Req.Method, s.URL+s.IDs.ToServer(x.Req.Path), body)
	if err != nil {
		return nil, err
	}
	r.Header = x.Req.Header()
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
	return s.canon().Answer(answer.StatusCode, answer.Header, []byte(s.IDs.FromServer(string(content)))), nil
}

func (s *Server) client() *http.Client {
	if s.Client != nil {
		return s.Client
	}
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// learn notes the ids of what an exchange makes.
func (s *Server) learn(x *transcript.Exchange, status int, content []byte) {
	if status != x.Resp.Status {
		return
	}
	for _, t := range x.Made(status, content) {
		if t.Recorded != t.Here {
			if s.IDs == nil {
				s.IDs = transcript.IDs{}
			}
			s.IDs[t.Recorded] = t.Here
		}
	}
}

func (s *Server) canon() transcript.Canon {
	return transcript.Canon{Bases: []string{recordedBase, s.URL}, Known: s.known}
}

// known reports whether an id must be the recorded one.
func (s *Server) known(id string) bool {
	if s.Known != nil {
		return s.Known(id)
	}
	_, known := s.IDs[id]
	return known
}
