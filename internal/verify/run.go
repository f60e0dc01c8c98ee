package verify

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// runner is one run.
type runner struct {
	o      Options
	client *client
	id     string
	prefix string
	things *things
	report Report
	max    string // the newest microversion of the endpoint
	admin  bool   // the tester is an admin

	mu       sync.Mutex
	made     []thing
	offered  map[string]*offer   // by capability
	restores map[string]*restore // by the members of the request
	v2       bool
}

func newRunner(o Options) (*runner, error) {
	o.URL = strings.TrimRight(o.URL, "/")
	if err := o.check(); err != nil {
		return nil, err
	}
	for d, value := range map[*time.Duration]time.Duration{&o.Timeout: DefaultTimeout, &o.CaseTimeout: DefaultCaseTimeout, &o.CleanupTimeout: DefaultCleanupTimeout, &o.Poll: time.Second} {
		if *d == 0 {
			*d = value
		}
	}
	if o.Select == nil {
		o.Select = func(*Case) bool { return true }
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if len(o.Levels) == 0 {
		o.Levels = []Level{ReadOnly}
	}
	if o.Native == "" {
		o.Native = o.URL
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	r := &runner{o: o, client: newClient(o.Client, o.Rate), id: hex.EncodeToString(random[:]), things: o.shared, offered: map[string]*offer{}, restores: map[string]*restore{}}
	if r.things == nil {
		r.things = newThings()
	} else {
		r.id = o.sharedID
	}
	r.prefix = Prefix + r.id + "-"
	return r, nil
}

func (r *runner) login(who Who) *Login {
	switch who {
	case Tester:
		return &r.o.Tester
	case Second:
		return r.o.Second
	case Boss:
		if r.o.Boss == nil && r.admin {
			return &r.o.Tester
		}
		return r.o.Boss
	}
	return nil
}

// highest is the newest microversion that the endpoint and the cases know.
func (r *runner) highest() string { return oldest(r.max, newest) }

func (r *runner) keep(made []thing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made = append(r.made, made...)
}

func (r *runner) record(exchanges []*Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Exchanges = append(r.report.Exchanges, exchanges...)
}

// run tries all cases, and removes what it made in any case.
func (r *runner) run(parent context.Context) (*Report, error) {
	r.report = Report{URL: r.client.secrets.hide(r.o.URL), RunID: r.id, Began: time.Now()}
	ctx, cancel := context.WithTimeoutCause(parent, r.o.Timeout, fmt.Errorf("the time for the run, %s, ended", r.o.Timeout))
	defer cancel()
	if err := r.meet(ctx); err != nil {
		return nil, err
	}
	defer r.removeAfterPanic(parent)
	r.cases(ctx)
	if ctx.Err() != nil {
		r.report.Ended = context.Cause(ctx).Error()
	}
	if !r.o.Keep {
		r.removeAll(parent)
	}
	r.report.Release = r.release()
	r.report.Took = time.Since(r.report.Began)
	r.report.Requests = r.client.sent
	return &r.report, nil
}

// removeAfterPanic removes what was made although a case is wrong.
func (r *runner) removeAfterPanic(ctx context.Context) {
	if p := recover(); p != nil {
		r.removeAll(ctx)
		panic(p)
	}
}

// meet finds out what the endpoint is and whether it takes the login.
func (r *runner) meet(ctx context.Context) error {
	x := &X{ctx: ctx, r: r}
	defer func() { r.record(x.exchanges) }()
	var err error
	if r.max, r.v2, err = x.versions(); err != nil {
		return err
	}
	r.report.Microversion = r.max
	a, err := x.try(func() *answer { return x.get("/backups?limit=1", at("")) })
	switch {
	case err != nil:
		return err
	case a.e.Status == http.StatusUnauthorized:
		return fmt.Errorf("%s refuses the login: 401%s", r.report.URL, a.said())
	}
	a, err = x.try(func() *answer { return x.get("/os-services", at("")) })
	if err != nil {
		return err
	}
	r.admin = a.e.Status == http.StatusOK
	r.report.Role = r.o.Tester.Role
	if r.report.Role == "" {
		r.report.Role = map[bool]string{true: "admin", false: "member"}[r.admin]
	}
	return nil
}

// try returns an error where a request ends a case.
func (x *X) try(f func() *answer) (a *answer, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case deviates:
			err = errors.New(p.Got)
		case notTested:
			err = errors.New(p.reason)
		case notOffered:
			err = errors.New(p.reason)
		default:
			panic(p)
		}
	}()
	return f(), nil
}

func (r *runner) cases(ctx context.Context) {
	short := r.shortOf(ctx)
	if short == "" {
		defer r.prepare(ctx)()
	}
	roomy := false
	for _, c := range Cases() {
		if !r.wants(c) {
			continue
		}
		if c.Level == Data && !roomy && r.o.shared == nil {
			r.makeRoom(ctx)
			roomy = true
		}
		versions := c.at(r.max)
		if versions == nil {
			r.report.Results = append(r.report.Results, Result{Case: c, Role: r.roleOf(c), Outcome: NotOffered,
				Reason: fmt.Sprintf("the rule holds for %s, and the endpoint has microversions up to %s", c.Versions(), r.max)})
			continue
		}
		for _, version := range versions {
			result := Result{Case: c, Microversion: version, Role: r.roleOf(c)}
			switch {
			case ctx.Err() != nil:
				result.Outcome, result.Reason = NotTested, context.Cause(ctx).Error()
			case c.Level != ReadOnly && short != "":
				result.Outcome, result.Reason = NotTested, short
			default:
				r.o.Progress(c.Name)
				r.one(ctx, c, &result)
			}
			r.report.Results = append(r.report.Results, result)
		}
	}
}

// prepare begins to make what takes longest, while the cases that need nothing run. What it
// returns waits for its end.
func (r *runner) prepare(ctx context.Context) (wait func()) {
	var all sync.WaitGroup
	begin := func(level Level, make func(*X) string) {
		needed := slices.ContainsFunc(Cases(), func(c *Case) bool { return c.Level == level && r.wants(c) })
		if !needed || r.o.shared != nil {
			return
		}
		all.Go(func() {
			x := &X{ctx: ctx, r: r, version: r.highest()}
			_, _ = x.try(func() *answer { make(x); return nil })
		})
	}
	begin(Tenant, (*X).full)
	begin(Tenant, (*X).wideBackup)
	return all.Wait
}

// makeRoom removes what the cases of the data level do not need, because quotas are small.
func (r *runner) makeRoom(ctx context.Context) {
	keep := []string{r.things.of("volume").id, r.things.of("backup").id}
	r.mu.Lock()
	made := r.made
	r.made = nil
	var stay []thing
	for _, t := range made {
		if slices.Contains(keep, t.id) {
			stay = append(stay, t)
		}
	}
	r.made = stay
	r.mu.Unlock()
	made = slices.DeleteFunc(slices.Clone(made), func(t thing) bool { return slices.Contains(keep, t.id) })
	for _, left := range r.removeThings(ctx, made) {
		r.o.Progress("not removed: " + left)
	}
}

func (r *runner) wants(c *Case) bool {
	levels := r.o.Levels
	has := c.Level == ReadOnly || slices.Contains(levels, c.Level) ||
		c.Level == Tenant && (slices.Contains(levels, Admin) || slices.Contains(levels, Data))
	return has && r.o.Select(c)
}

// Versions says in words which microversions a rule holds for.
func (c *Case) Versions() string {
	switch {
	case c.From == "" && c.To == "":
		return "all"
	case c.To == "":
		return "from " + c.From
	case c.From == "":
		return "to " + c.To
	}
	return c.From + " to " + c.To
}

func (r *runner) roleOf(c *Case) string {
	switch {
	case slices.Contains(c.Needs, Boss):
		return "admin"
	case slices.Contains(c.Needs, Second):
		return "other project"
	}
	return r.report.Role
}

// one tries a case.
func (r *runner) one(ctx context.Context, c *Case, result *Result) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.o.CaseTimeout, fmt.Errorf("%s", r.o.CaseTimeout))
	defer cancel()
	x := &X{ctx: ctx, r: r, version: result.Microversion}
	began := time.Now()
	defer func() {
		result.Took, result.Exchanges = time.Since(began), x.exchanges
		switch p := recover().(type) {
		case nil:
			result.Outcome = Passed
		case deviates:
			result.Outcome, result.Deviation = Deviates, &p.Deviation
			r.things.leave()
		case notTested:
			result.Outcome, result.Reason = NotTested, p.reason
		case notOffered:
			result.Outcome, result.Reason = NotOffered, p.reason
		default:
			r.keep(x.made)
			panic(p)
		}
		r.keep(x.made)
		if !r.o.Keep {
			r.removeSoon(ctx, x.made)
		}
	}()
	for _, who := range c.Needs {
		if r.login(who) == nil {
			x.notTested("there is no login as %s", map[Who]string{Second: "a member of another project", Boss: "an admin"}[who])
		}
	}
	if c.Member && r.admin {
		x.notTested("the login is an admin, for whom the rule does not hold")
	}
	r.probe(ctx, c.Capability).orEnd(x)
	c.Run(x)
}
