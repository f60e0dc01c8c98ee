// Package replay sends the requests of a transcript to an endpoint, and compares its answers with those that
// were recorded.
//
// Ids of what the transcript makes, and of its projects, stand for those of the endpoint. What changes
// something is sent only if the options allow it; what builds on a request that was not sent is not sent
// either.
package replay

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cindergate/internal/transcript"
	"cindergate/internal/verify"
)

// DefaultSettle is how long things may take to settle.
const DefaultSettle = 5 * time.Minute

// Options configure a replay.
type Options struct {
	Exchanges []transcript.Exchange
	// Write sends requests that change something, if they only make things, or change what the replay made.
	Write bool
	// WriteExisting also sends requests that change what the replay has not made.
	WriteExisting bool
	// IDs maps recorded ids of what the transcript does not make to those of the endpoint.
	IDs map[string]string
	// Timeout bounds the replay, and Settle each wait for things whose status passes by itself.
	// 0: verify.DefaultTimeout, DefaultSettle.
	Timeout, Settle time.Duration
	// Progress is told what happens; nil: nobody is.
	Progress func(string)
}

// Verdict is how the answer to an exchange compares.
type Verdict string

// The verdicts.
const (
	Same     Verdict = "same"
	Differs  Verdict = "differs"
	NotSent  Verdict = "not sent"
	NoAnswer Verdict = "no answer"
)

// Result is what came of one exchange.
type Result struct {
	Exchange *transcript.Exchange
	Verdict  Verdict
	// Reason says why it was not sent, or why there was no answer.
	Reason      string
	Differences []transcript.Difference
	// Notes say what was not compared, and why.
	Notes []string
	Sent  *verify.Exchange // nil: it was not sent
}

// Report is what came of a replay.
type Report struct {
	URL     string
	Began   time.Time
	Took    time.Duration
	Results []Result
	// Left are the things that were made and are still there.
	Left []string
	// Requests is the number of requests that were sent, also to see whether things have settled.
	Requests int
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

// Untried is how many exchanges have no answer to compare.
func (r *Report) Untried() int { return r.Count(NotSent) + r.Count(NoAnswer) }

// Line is the report in one line.
func (r *Report) Line() string {
	line := fmt.Sprintf("%d of %d answers are the same", r.Count(Same), len(r.Results))
	for _, v := range []Verdict{Differs, NotSent, NoAnswer} {
		if n := r.Count(v); n > 0 {
			line += fmt.Sprintf("; %d %s", n, map[Verdict]string{Differs: "DIFFER", NotSent: "not sent", NoAnswer: "without an answer"}[v])
		}
	}
	if n := len(r.Left); n > 0 {
		line += fmt.Sprintf("; %d made and still there", n)
	}
	return line
}

// runner is one replay.
type runner struct {
	o       Options
	e       *verify.Endpoint
	cast    *cast
	ids     transcript.IDs
	made    map[string]*made // by recorded id
	here    map[string]*made // the same by the endpoint's id
	unlike  *unlike
	passing *passing
}

// made is something that the replay made.
type made struct {
	collection   string // such as backups
	recorded, id string
	who          verify.Who
	moving       bool // its status may still pass
	deleted      bool // the endpoint has accepted a delete of it
}

// Run sends the exchanges in their order. Its error says that nothing was sent.
func Run(parent context.Context, e *verify.Endpoint, o Options) (*Report, error) {
	if o.Timeout == 0 {
		o.Timeout = verify.DefaultTimeout
	}
	if o.Settle == 0 {
		o.Settle = DefaultSettle
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	r := &runner{o: o, e: e, ids: transcript.IDs{}, made: map[string]*made{}, here: map[string]*made{}, unlike: newUnlike(), passing: newPassing()}
	for recorded, id := range o.IDs {
		r.ids[recorded] = id
	}
	var err error
	if r.cast, err = newCast(e, o.Exchanges, r.ids); err != nil {
		return nil, err
	}
	report := &Report{URL: e.URL, Began: time.Now()}
	ctx, cancel := context.WithTimeoutCause(parent, o.Timeout, fmt.Errorf("the time for the replay, %s, ended", o.Timeout))
	defer cancel()
	for i := range o.Exchanges {
		x := &o.Exchanges[i]
		o.Progress(fmt.Sprintf("%d of %d: %s %s", i+1, len(o.Exchanges), x.Req.Method, x.Req.Path))
		report.Results = append(report.Results, r.one(ctx, x))
	}
	for _, m := range r.made {
		if !m.deleted {
			report.Left = append(report.Left, strings.TrimSuffix(m.collection, "s")+" "+m.id)
		}
	}
	slices.Sort(report.Left)
	report.Took, report.Requests = time.Since(report.Began), e.Requests()
	return report, nil
}

// one tries an exchange.
func (r *runner) one(ctx context.Context, x *transcript.Exchange) Result {
	result := Result{Exchange: x, Verdict: NotSent}
	defer r.unlike.see(x)
	defer r.passing.see(x)
	who, reason := r.cast.who(x)
	switch {
	case ctx.Err() != nil:
		result.Reason = context.Cause(ctx).Error()
	case x.Incomplete:
		result.Reason = "a part of the request was not recorded, because it may be secret"
	case x.Resp.Status == statusLeft:
		result.Reason = "the client left before it had an answer that can be compared"
	case r.missing(x) != "":
		why := r.missing(x)
		result.Reason = "it needs what is not as recorded: " + why
		r.unlike.block(x, why)
		return result
	case reason != "":
		result.Reason = reason
	case r.passing.depends(x):
		result.Reason = "it was refused while something passed, and when that ends depends on time"
	default:
		result.Reason = r.forbidden(x)
	}
	if result.Reason != "" {
		r.unlike.block(x, x.ID+" was not sent")
		return result
	}
	if !x.Req.Reads() && x.Resp.Status < http.StatusMultipleChoices {
		r.settle(ctx, r.inTheWay(x))
	}
	r.ask(ctx, x, who, &result)
	if x.Req.Reads() && result.Verdict == Differs && r.settle(ctx, r.moving()) {
		r.ask(ctx, x, who, &result)
	}
	return result
}

// statusLeft is recorded for a client that left before the answer.
const statusLeft = 499

// ask sends the request of an exchange, and compares the answer.
func (r *runner) ask(ctx context.Context, x *transcript.Exchange, who verify.Who, result *Result) {
	var body []byte
	if x.Req.Body != nil {
		body = []byte(r.ids.ToServer(*x.Req.Body))
	}
	sent, content, err := r.e.Send(ctx, who, x.Req.Method, r.ids.ToServer(x.Req.Path), x.Req.Header(), body)
	if sent != nil {
		sent.Body, sent.Content, sent.Answer = shown([]byte(sent.Body)), shown(content), shownHeader(sent.Answer)
	}
	result.Sent, result.Differences, result.Notes, result.Reason = sent, nil, nil, ""
	if err != nil {
		result.Verdict, result.Reason = NoAnswer, err.Error()
		if ctx.Err() != nil {
			result.Reason = context.Cause(ctx).Error()
		}
		r.unlike.block(x, x.ID+" had no answer")
		return
	}
	r.learn(x, who, sent.Status, content)
	c := comparison{runner: r, x: x, asked: idsOf(x)}
	result.Differences, result.Notes = c.compare(sent, content), c.notes
	result.Verdict = Same
	if len(result.Differences) > 0 {
		result.Verdict = Differs
	}
}

// learn notes what an exchange has made, changed and deleted.
func (r *runner) learn(x *transcript.Exchange, who verify.Who, status int, content []byte) {
	if x.Req.Reads() {
		return
	}
	for _, t := range x.Made(status, content) {
		r.ids[t.Recorded] = t.Here
		if collection := t.Kind + "s"; makes(x) && slices.Contains(collections, collection) {
			m := &made{collection: collection, recorded: t.Recorded, id: t.Here, who: who, moving: true}
			r.made[t.Recorded], r.here[t.Here] = m, m
		}
	}
	for _, t := range x.Makes() {
		if _, ok := r.ids[t.Recorded]; !ok {
			r.unlike.why[t.Recorded] = x.ID + " made nothing here"
		}
	}
	if status >= http.StatusMultipleChoices {
		return
	}
	for _, m := range r.named(x) {
		m.moving = true
	}
	if m := r.deletes(x); m != nil {
		m.deleted = true
		delete(r.unlike.why, m.recorded) // whatever it was before, it is gone
	}
}

// deletes returns what the request deletes of what the replay made; nil: nothing.
func (r *runner) deletes(x *transcript.Exchange) *made {
	id := target(x.Req.Path)
	forced := x.Req.Method == http.MethodPost && x.Req.Body != nil && strings.Contains(*x.Req.Body, `"os-force_delete"`)
	if x.Req.Method == http.MethodDelete && isWhole(x.Req.Path) || forced {
		return r.made[id]
	}
	return nil
}

// inTheWay returns what must be at rest before a request that was accepted is sent: what it names, and what
// is being deleted, on which it may have depended.
func (r *runner) inTheWay(x *transcript.Exchange) []*made {
	all := r.named(x)
	for _, m := range r.moving() {
		if m.deleted {
			all = append(all, m)
		}
	}
	return all
}

// named returns what the replay made and the request names.
func (r *runner) named(x *transcript.Exchange) []*made {
	var all []*made
	for _, id := range idsOf(x) {
		if m := r.made[id]; m != nil && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}
