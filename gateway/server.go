// Package gateway is the HTTP side: routes, authentication, request ids, the version
// documents, health, metrics, and the one place that writes answers.
//
// Package translate implements the operations behind the routes.
package gateway

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"cindergate/driver"
)

// Options configure a Server.
type Options struct {
	// Backends are the drivers, by the name of the backend.
	Backends map[string]driver.Driver
	// Projects maps project ids to names of backends. Default names the backend of all
	// other projects; it may be "" if there is only one.
	Projects map[string]string
	Default  string
	Auth     Authenticator
	Log      *zap.Logger
	Metrics  *Metrics
	// Base returns the URL that links begin with; nil: BaseURL("", nil).
	Base func(*http.Request) string
	// MaxBody is the largest request body in bytes; 0: driver.MaxRequestBody.
	MaxBody int64
	// MaxRequests limits the requests that backends work on at once, MaxRequestsPerProject
	// those of one project. Further requests get 503. 0: no limit.
	MaxRequests, MaxRequestsPerProject int
	// BodyTimeout limits the wait for each part of a body that is streamed to a backend; 0:
	// no limit.
	BodyTimeout time.Duration
	// HealthTime is how long a result of /healthz or /healthcheck is cached; 0: not at all.
	HealthTime time.Duration
	// HealthTimeout limits how long each backend may take to report its health; 0: 5 s.
	HealthTimeout time.Duration
	// Tracer records a span for each request; nil: none.
	Tracer trace.Tracer
	// HideMetrics leaves /metrics to the handler of [Server.Internal].
	HideMetrics bool
	// Clock is the clock of times and pauses; nil: the system's.
	Clock clockwork.Clock
	// NewID returns the UUIDs of request ids; nil: random ones.
	NewID func() string
	// Hook sees each request of an API after its caller is known; nil: nothing does.
	Hook Hook
	// Inspector records requests; nil: nothing does, at no cost.
	Inspector Inspector
	// VBS also serves the native API of Huawei's Volume Backup Service.
	VBS bool
	// Mounts are handlers of whole path prefixes, such as /identity, without
	// authentication.
	Mounts map[string]http.Handler
}

// Server is the gateway's http.Handler.
type Server struct {
	Options
	echo      *echo.Echo
	backends  map[string]*backend
	underWay  underWay
	health    *health // of all backends, for /healthz
	readiness *health // of what is this gateway's own, for /healthcheck
	stores    *health // for the console
}

// New makes a Server.
func New(o Options) *Server {
	if o.MaxBody == 0 {
		o.MaxBody = driver.MaxRequestBody
	}
	if o.Clock == nil {
		o.Clock = clockwork.NewRealClock()
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.HealthTimeout == 0 {
		o.HealthTimeout = defaultHealthTimeout
	}
	if o.Base == nil {
		o.Base = BaseURL("", nil)
	}
	if o.Default == "" && len(o.Backends) == 1 {
		for name := range o.Backends {
			o.Default = name
		}
	}
	s := &Server{
		Options: o, echo: echo.New(), backends: map[string]*backend{},
		underWay: underWay{most: o.MaxRequests, perProject: o.MaxRequestsPerProject, projects: map[string]int{}},
	}
	for name, d := range o.Backends {
		s.backends[name] = newBackend(name, d)
	}
	s.health, s.readiness = s.newHealth(s.backendUnwell, checkOf), s.newHealth(s.backendUnwell, readyOf)
	s.stores = s.newHealth(s.storeUnwell, storesOf)
	s.echo.HTTPErrorHandler = s.fail
	s.echo.Pre(s.observe, tidyPath, s.inspect)
	s.echo.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: s.logPanic}))
	s.routes()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// tidyPath changes a path as Cinder's URL map and routes do before they match. It decodes
// the path, so that k%3A1 and k:1 are one name and %2F is a slash. It removes empty
// segments and the suffix .json.
func tidyPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		for strings.Contains(u.Path, "//") {
			u.Path, u.RawPath = strings.ReplaceAll(u.Path, "//", "/"), ""
		}
		if p, ok := strings.CutSuffix(u.Path, ".json"); ok {
			u.Path, u.RawPath = p, ""
		}
		callOf(c).rawPath, u.RawPath = u.RawPath, ""
		return next(c)
	}
}
