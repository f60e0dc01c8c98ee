// Package verify checks how any endpoint of the Block Storage API behaves: it asks what
// clients of backups ask, and compares each answer with what Cinder does.
//
// A [Case] is a value: one rule of Cinder, where that rule comes from, and how to ask for it.
// [Run] tries the cases of a level and returns a [Report]. What a run makes has [Prefix] and the
// id of the run in its name, and is removed when the run ends, however it ends.
package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Prefix begins the name of everything that a run makes.
const Prefix = "cindergate-verify-"

// Level says what a case needs and leaves behind while it runs.
type Level string

// The levels. A run of a level also runs the cases of [ReadOnly], and those of Admin and Data
// also the cases of Tenant.
const (
	ReadOnly Level = "read-only" // sends nothing that could change the cloud
	Tenant   Level = "tenant"    // makes and removes volumes, snapshots and backups
	Admin    Level = "admin"     // needs an admin, for records and for actions on backups
	Data     Level = "data"      // writes and reads the bytes of volumes
)

// Levels are all levels.
var Levels = []Level{ReadOnly, Tenant, Admin, Data}

// Who names a login of a run.
type Who string

// The logins. A login that is an admin is also used where a case needs an admin.
const (
	Tester Who = "tester" // the login that is verified
	Second Who = "second" // a login in another project
	Boss   Who = "admin"  // an admin
	Nobody Who = "nobody" // no token at all
)

// Case is one rule of Cinder.
type Case struct {
	Name       string
	Capability string // the name of a [Capability]
	Level      Level
	// From and To are the first and the last microversion that the rule holds for; "" means
	// the first or the last one that the endpoint has.
	From, To string
	// Rule is what Cinder does, in one sentence.
	Rule string
	// Source is where that can be read: a function of Cinder, or a document.
	Source string
	// Needs lists the logins that the case needs besides the tester's.
	Needs []Who
	// Member says that the rule does not hold for admins.
	Member bool
	// Risk says that a client loses data where the rule does not hold.
	Risk bool
	// Run asks and compares. It ends early, as a test does, at the first deviation.
	Run func(*X)
}

// Outcome is how a case ended.
type Outcome string

// The outcomes.
const (
	Passed     Outcome = "passed"
	Deviates   Outcome = "deviates"
	NotOffered Outcome = "not offered" // the endpoint does not have the capability
	NotTested  Outcome = "not tested"  // the case could not be tried
)

// Result is what came of one case at one microversion.
type Result struct {
	Case         *Case
	Microversion string // the one that the case was tried at; "": none was sent
	Role         string // of the login whose requests were compared
	Outcome      Outcome
	// Reason says why the case was not tested or the capability is not offered.
	Reason string
	// Deviation is set if the outcome is Deviates.
	Deviation *Deviation
	// Exchanges are the requests that the case sent.
	Exchanges []*Exchange
	Took      time.Duration
}

// Deviation is a difference between an answer and Cinder's.
type Deviation struct {
	Expected, Got string
	Exchange      *Exchange // the request and its answer; nil: there was none
}

// Login is one login at the endpoint.
type Login struct {
	// Token returns a token. refused is the token that the endpoint no longer takes; "": the
	// current one is fine.
	Token func(ctx context.Context, refused string) (string, error)
	// ProjectID is part of the URLs; "": URLs have no project, which Cinder takes since Yoga.
	ProjectID string
	// Role is the highest role of the login, for reports; "": it is found out.
	Role string
}

// Options configure a run.
type Options struct {
	// URL is that of the Block Storage API, without version and project.
	URL string
	// Image is the URL of the image service, without a version; "": it has none.
	Image  string
	Tester Login
	Second *Login // in another project; nil: cases that need one are not tested
	Boss   *Login // an admin; nil: the tester, if it is one
	Client *http.Client
	// Level is what the cases may do.
	Levels []Level
	// Select chooses cases by name; nil: all of the levels.
	Select func(*Case) bool
	// Rate is the largest number of requests in a second; 0: no limit.
	Rate float64
	// Timeout bounds a whole run, CaseTimeout one case, and CleanupTimeout the removal of what
	// was made. 0: DefaultTimeout, DefaultCaseTimeout, DefaultCleanupTimeout.
	Timeout, CaseTimeout, CleanupTimeout time.Duration
	// Poll is the longest pause between two looks at a resource; 0: 1 s.
	Poll time.Duration
	// Keep leaves what was made, so that deviations can be repeated. [Cleanup] removes it.
	Keep bool
	// WriteVolume and ReadVolume are shell commands by which the data level writes and reads the
	// bytes of the volume whose id is in VOLUME_ID: one reads them from its standard input, the
	// other one writes them to its standard output. "": by the API.
	WriteVolume, ReadVolume string
	// Native is the URL of the API of Huawei's Volume Backup Service, without a version;
	// "": URL.
	Native string
	// Progress is told what happens; nil: nobody is.
	Progress func(string)

	// shared and sharedID are of tests: things that several runs share, and the id that they
	// have in their names.
	shared   *things
	sharedID string
}

// The default bounds of a run.
const (
	DefaultTimeout        = 30 * time.Minute
	DefaultCaseTimeout    = 5 * time.Minute
	DefaultCleanupTimeout = 5 * time.Minute
)

// Report is what came of a run.
type Report struct {
	URL          string
	RunID        string
	Began        time.Time
	Took         time.Duration
	Role         string // of the tester
	Microversion string // the newest one that the endpoint has; "": it has none
	Release      Release
	Results      []Result
	// Left are the things that could not be removed, with the reason.
	Left []string
	// Ended says why the run ended before all cases were tried; "": it did not.
	Ended string
	// Requests is the number of requests that were sent.
	Requests int
	// Exchanges are those of the preparation: fixtures, polls and removal.
	Exchanges []*Exchange
}

// Run tries the cases. Its error says that nothing could be tested: the endpoint cannot be
// reached, or refuses the login.
func Run(ctx context.Context, o Options) (*Report, error) {
	r, err := newRunner(o)
	if err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// Count returns how many results have an outcome.
func (r *Report) Count(o Outcome) int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Outcome == o {
			n++
		}
	}
	return n
}

// Risks returns how many deviations lose data.
func (r *Report) Risks() int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Outcome == Deviates && r.Results[i].Case.Risk {
			n++
		}
	}
	return n
}

// Line is the report in one line.
func (r *Report) Line() string {
	works, tried := 0, 0
	for _, c := range r.Capabilities() {
		if c.Works() {
			works++
		}
		if c.Tried() || c.NotOffered > 0 {
			tried++
		}
	}
	line := fmt.Sprintf("%d of %d capabilities; behaves like %s; %s", works, tried, r.Release.Name, plural(r.Count(Deviates), "deviation"))
	if n := r.Risks(); n > 0 {
		line += fmt.Sprintf("; %d DATA RISK", n)
	}
	if n := r.Count(NotTested); n > 0 {
		line += fmt.Sprintf("; %s not tested", plural(n, "case"))
	}
	if r.Ended != "" {
		line += "; ended early: " + r.Ended
	}
	if n := len(r.Left); n > 0 {
		line += fmt.Sprintf("; %s LEFT BEHIND", plural(n, "thing"))
	}
	return line
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// check returns an error that names the option and its rule.
func (o *Options) check() error {
	switch {
	case o.URL == "":
		return errors.New("the URL of the endpoint is missing")
	case o.Tester.Token == nil:
		return errors.New("the login is missing")
	case o.Rate < 0:
		return errors.New("rate: it must not be negative")
	case o.Timeout < 0 || o.CaseTimeout < 0 || o.CleanupTimeout < 0 || o.Poll < 0:
		return errors.New("timeouts must not be negative")
	case (o.WriteVolume == "") != (o.ReadVolume == ""):
		return errors.New("a command that writes volumes and one that reads them go together")
	}
	return nil
}
