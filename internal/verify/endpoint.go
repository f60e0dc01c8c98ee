package verify

import (
	"context"
	"net/http"
	"time"
)

// Endpoint is an endpoint whose logins have been tried, for requests that are no cases.
type Endpoint struct {
	URL string // without secrets
	// Admin says that the tester is an admin.
	Admin bool
	r     *runner
}

// Meet tries the tester's login. Of the options, only those of the endpoint, of the logins and of requests
// count. Its error says that the endpoint cannot be reached, or refuses the login.
func Meet(ctx context.Context, o Options) (*Endpoint, error) {
	r, err := newRunner(o)
	if err != nil {
		return nil, err
	}
	r.report.URL = r.client.secrets.hide(r.o.URL)
	if err := r.meet(ctx); err != nil {
		return nil, err
	}
	return &Endpoint{URL: r.report.URL, Admin: r.admin, r: r}, nil
}

// Login returns a login; nil: there is none. A tester that is an admin is also the one of [Boss].
func (e *Endpoint) Login(who Who) *Login { return e.r.login(who) }

// Base is the URL of the endpoint as it stands in links.
func (e *Endpoint) Base() string { return e.r.o.URL }

// Send sends a request to a path with the token of a login, and returns the exchange with the whole body of
// the answer, in which tokens are hidden. An error means that there was no answer.
func (e *Endpoint) Send(ctx context.Context, who Who, method, path string, header http.Header, body []byte) (*Exchange, []byte, error) {
	x, content, err := e.r.client.do(ctx, call{who: who, login: e.r.login(who), method: method, url: e.r.o.URL + path, header: header, body: body})
	return x, []byte(e.r.client.secrets.hide(string(content))), err
}

// Poll waits between two looks at a resource: shortly at first, and at most as long as the options say.
// looks counts from 0.
func (e *Endpoint) Poll(ctx context.Context, looks int) error {
	return pause(ctx, min(20*time.Millisecond<<min(looks, 16), e.r.o.Poll))
}

// Requests is the number of requests that were sent.
func (e *Endpoint) Requests() int {
	e.r.client.mu.Lock()
	defer e.r.client.mu.Unlock()
	return e.r.client.sent
}

// Passes reports whether a status ends by itself.
func Passes(status string) bool { return passing[status] }
