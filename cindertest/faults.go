package cindertest

import (
	"strings"
	"time"

	"cindergate/internal/harness"
)

// Faults are the faults of a cloud.
type Faults struct{ cloud *Cloud }

// Fault is a fault that is being described. A method that says what happens arms it.
type Fault struct {
	cloud *Cloud
	match harness.Match
	job   harness.Job
}

// Rule is a fault with the number of its strikes.
type Rule = harness.Rule

// Next begins a fault of the next request of a method and a route as in docs/api.md, such as
// "POST /backups" or "GET /backups/{id}".
func (f *Faults) Next(request string) *Fault {
	f.cloud.t.Helper()
	method, route, ok := strings.Cut(request, " ")
	if !ok {
		f.cloud.t.Fatalf("cindertest: %q is no method and route, such as POST /backups", request)
	}
	return &Fault{cloud: f.cloud, match: harness.Match{Method: method, Route: route}}
}

// NextJob begins a fault of the next job of a kind: backup, restore, delete, snapshot,
// snapshot-delete, volume-copy, volume-delete, revert or import.
func (f *Faults) NextJob(kind string) *Fault {
	return &Fault{cloud: f.cloud, job: harness.Job{Kind: kind}}
}

// NextObject begins a fault of the next operation of the store of backups: put, get, list or
// delete. Its error is io, full or missing.
func (f *Faults) NextObject(op, err string) {
	f.cloud.t.Helper()
	f.Add(harness.Rule{Store: &harness.Store{Op: op, Error: err}})
}

// Add adds rules as the API of the harness takes them.
func (f *Faults) Add(rules ...Rule) {
	f.cloud.t.Helper()
	_, err := f.cloud.env.AddFaults(rules)
	f.cloud.check(err)
}

// All returns the faults with the number of their strikes.
func (f *Faults) All() []Rule { return f.cloud.env.Faults() }

// Clear removes all faults, and lets the work go on that they hold.
func (f *Faults) Clear() { f.cloud.env.RemoveFaults() }

// Times has the fault strike so many times; 0: always.
func (f *Fault) Times(n int) *Fault { f.match.Times = &n; return f }

// Nth has the fault strike from the n-th time on.
func (f *Fault) Nth(n int) *Fault { f.match.Nth = &n; return f }

// On limits the fault to a resource.
func (f *Fault) On(resource string) *Fault { f.match.Resource = resource; return f }

// Of limits the fault to a project, by its id.
func (f *Fault) Of(project string) *Fault { f.match.Project = project; return f }

// AfterBytes has a job copy so many bytes of the volume before.
func (f *Fault) AfterBytes(n int64) *Fault { f.job.AfterBytes = (*harness.Bytes)(&n); return f }

// AfterShare has a job copy a share of the volume before, above 0 and up to 1.
func (f *Fault) AfterShare(share float64) *Fault {
	f.job.AfterShare = (*harness.Share)(&share)
	return f
}

func (f *Fault) answer(a harness.Answer) {
	f.cloud.t.Helper()
	_, err := f.cloud.env.AddFaults([]Rule{{Match: f.match, Answer: &a}})
	f.cloud.check(err)
}

// Fail answers with a status, and Cinder's body for it.
func (f *Fault) Fail(status int) { f.cloud.t.Helper(); f.answer(harness.Answer{Status: status}) }

// RetryAfter answers 413 as Cinder's rate limits do, with a pause.
func (f *Fault) RetryAfter(pause time.Duration) {
	f.cloud.t.Helper()
	seconds := int((pause + time.Second - 1) / time.Second)
	f.answer(harness.Answer{Status: 413, RetryAfter: &seconds})
}

// Answer answers as a is.
func (f *Fault) Answer(a harness.Answer) { f.cloud.t.Helper(); f.answer(a) }

// Delay carries the request out after a duration of the cloud's clock.
func (f *Fault) Delay(d time.Duration) {
	f.cloud.t.Helper()
	f.answer(harness.Answer{Delay: harness.Duration(d)})
}

// Lose carries the request out, and breaks the connection before the answer.
func (f *Fault) Lose() { f.cloud.t.Helper(); f.answer(harness.Answer{Reset: true}) }

// Truncate sends n bytes of the answer's body, and breaks the connection.
func (f *Fault) Truncate(n int) { f.cloud.t.Helper(); f.answer(harness.Answer{Truncate: &n}) }

func (f *Fault) arm() {
	f.cloud.t.Helper()
	_, err := f.cloud.env.AddFaults([]Rule{{Match: f.match, Job: &f.job}})
	f.cloud.check(err)
}

// FailJob fails the job with a reason.
func (f *Fault) FailJob(reason string) { f.cloud.t.Helper(); f.job.Fail = reason; f.arm() }

// Stick holds the job until [Cloud.Release].
func (f *Fault) Stick() { f.cloud.t.Helper(); f.job.Stick = true; f.arm() }

// Kill ends the attempt at the job as the death of its worker does: the job runs again after its
// lease, 30 s.
func (f *Fault) Kill() { f.cloud.t.Helper(); f.job.Kill = true; f.arm() }
