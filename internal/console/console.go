// Package console is the pages for browsers below /ui/: what is protected, what runs, what failed, and
// forms to back up, restore and delete.
//
// It is a client of the gateway's own Block Storage API, in the same process, with the token of whoever
// has logged in. So rights, bounds and backends are the same as for any other client.
package console

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/console/sessions"
	"cindergate/internal/wire"
)

// Prefix is the path that the console is served below.
const Prefix = "/ui"

// Mode says who may use the console.
type Mode string

// The modes are values of the setting ui.
const (
	Tenant Mode = "tenant" // everybody, each in one project
	Admin  Mode = "admin"  // only admins, who see all projects
	All    Mode = "all"    // everybody; an admin sees all projects
)

// Options configure a Console.
type Options struct {
	// API is the gateway, with the Block Storage API.
	API http.Handler
	// IdentityURL is the identity service, with /v3; "": there is none, and the token is user:project.
	// IdentityTransport sends requests to it; nil: API answers them.
	IdentityURL       string
	IdentityTransport http.RoundTripper
	// Caller returns whom a token belongs to, as the gateway sees it. Errors: Unauthorized, Unavailable.
	Caller func(ctx context.Context, token string) (driver.Caller, error)
	Mode   Mode
	// Client returns the address of a request's client; nil: the address that it comes from.
	Client func(*http.Request) string
	// Secure reports whether the browser's connection is encrypted; nil: if the server's is.
	Secure func(*http.Request) bool
	// Origins are further origins that requests may come from, such as https://volume.example.com.
	Origins []string
	// Explainer returns what explains the policies of a project's volumes; nil: nothing does.
	Explainer func(projectID string) driver.PolicyExplainer
	// Health returns for each backend why it is not well; "": it is.
	Health func(ctx context.Context) (map[string]string, error)
	// Stores is Health of the backup stores; nil: it is not known.
	Stores func(ctx context.Context) (map[string]string, error)
	// Spaces returns how full what the gateway writes to is; nil: it is not known.
	Spaces func(ctx context.Context) []Space
	// HistoryFile keeps the samples of Spaces; "": they are forgotten at the end.
	HistoryFile string
	// Sessions keeps the sessions; nil: they are in memory, and end with the process.
	Sessions sessions.Store
	// Wire is the record of the last requests, for admins; nil: there is none, and no page of it.
	Wire   *wire.Recorder
	Log    *zap.Logger
	Clock  clockwork.Clock // nil: the system's
	Random io.Reader       // of ids and tokens of forms; nil: the system's
}

// Console is the http.Handler of everything below [Prefix]. It is safe for concurrent use.
type Console struct {
	o        Options
	sessions *registry
	logins   *attempts
	identity *keystone // nil: there is none
	watch    *watch
	streams  chan struct{} // has an element for each open stream
	served   http.Handler
	stop     sync.Once
	stopped  chan struct{}
}

// maxStreams is how many streams of events there may be.
const maxStreams = 64

// New makes a Console.
func New(o Options) (*Console, error) {
	if o.Clock == nil {
		o.Clock = clockwork.NewRealClock()
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Client == nil {
		o.Client = func(r *http.Request) string { return hostOf(r.RemoteAddr) }
	}
	if o.Secure == nil {
		o.Secure = func(r *http.Request) bool { return r.TLS != nil }
	}
	c := &Console{
		o: o, sessions: newRegistry(&o), logins: newAttempts(o.Clock), watch: newWatch(o),
		streams: make(chan struct{}, maxStreams), stopped: make(chan struct{}),
	}
	if o.IdentityURL != "" {
		transport := o.IdentityTransport
		if transport == nil {
			transport = inProcess{o.API}
		}
		var err error
		if c.identity, err = newKeystone(o.IdentityURL, transport); err != nil {
			return nil, err
		}
	}
	origins := http.NewCrossOriginProtection()
	for _, origin := range o.Origins {
		if err := origins.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.render(w, http.StatusForbidden, "error", &page{Title: "Refused", Data: "The request comes from another site. Open the console again and repeat it here."})
	}))
	c.served = c.headers(origins.Handler(c.routes()))
	return c, nil
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.served.ServeHTTP(w, r) }

// Run samples the health and the space until ctx ends.
func (c *Console) Run(ctx context.Context) error {
	c.watch.run(ctx)
	return nil
}

// Stop ends all streams of events, so that a server can shut down.
func (c *Console) Stop() { c.stop.Do(func() { close(c.stopped) }) }

// policy is what pages may load: nothing from elsewhere, and no code or style inside of them.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// headers sets what all answers have in common.
func (c *Console) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// maxForm is the largest form, in bytes.
const maxForm = 64 << 10

// routes are all paths of the console.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ui", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ui/", http.StatusSeeOther) })
	mux.HandleFunc("GET /ui/assets/{hash}/{name}", serveAsset)
	mux.HandleFunc("GET /ui/login", c.showLogin)
	mux.HandleFunc("POST /ui/login", c.login)
	shown := views
	if c.o.Wire != nil {
		shown = slices.Concat(views, wireViews)
		for path, save := range wireFiles {
			mux.HandleFunc("GET /ui/"+path, c.with(save))
		}
	}
	for _, v := range shown {
		mux.HandleFunc("GET /ui/"+v.path, c.view(v))
		mux.HandleFunc("GET /ui/api/"+v.api, c.data(v))
	}
	mux.HandleFunc("GET /ui/api/events", c.with(c.events))
	mux.HandleFunc("GET /ui/backups/{id}/record", c.with((*request).exportRecord))
	for path, do := range map[string]func(*request) error{
		"logout": (*request).logout, "scope": (*request).setScope, "volumes/{id}/backup": (*request).backUp, "volumes/{id}/policy": (*request).setPolicy,
		"backups/restore": (*request).restore, "backups/delete": (*request).deleteBackups, "services/drain": (*request).drain,
	} {
		mux.HandleFunc("POST /ui/"+path, c.with(withToken(do)))
	}
	mux.HandleFunc("/ui/", c.with((*request).lost))
	return mux
}
