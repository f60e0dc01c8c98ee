// Package gateway is the HTTP side: routes, authentication, request ids, the
// version documents, health, metrics, and the one place that writes answers. What
// the routes do is in package translate.
package gateway

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.uber.org/zap"

	"cindergate/driver"
)

// DefaultMaxBody is the largest request body, in bytes (oslo.middleware's
// max_request_body_size, which Cinder runs with).
const DefaultMaxBody = 114688

// Options configure a Server.
type Options struct {
	// Backends are where backups live, by name.
	Backends map[string]driver.Driver
	// Projects maps a project's id to its backend's name; Default names that of all
	// others, and may be "" if there is but one.
	Projects map[string]string
	Default  string
	Auth     Authenticator
	Log      *zap.Logger
	Metrics  *Metrics
	// Base tells the URL that links begin with; nil: BaseURL("").
	Base func(*http.Request) string
	// MaxBody is the largest request body in bytes; 0: DefaultMaxBody.
	MaxBody int64
	// VBS serves the own API of Huawei's Volume Backup Service, too.
	VBS bool
	// Mounts serve whole path prefixes, such as /identity, without authentication.
	Mounts map[string]http.Handler
}

// Server is the gateway's http.Handler.
type Server struct {
	Options
	echo     *echo.Echo
	backends map[string]*backend
}

// New makes a Server.
func New(o Options) *Server {
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Base == nil {
		o.Base = BaseURL("")
	}
	if o.Default == "" && len(o.Backends) == 1 {
		for name := range o.Backends {
			o.Default = name
		}
	}
	s := &Server{Options: o, echo: echo.New(), backends: map[string]*backend{}}
	for name, d := range o.Backends {
		s.backends[name] = s.newBackend(name, d)
	}
	s.echo.HTTPErrorHandler = s.fail
	s.echo.Pre(s.observe, tidyPath)
	s.echo.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: s.logPanic}))
	s.routes()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// tidyPath does what Cinder's URL map and routes do before they match: they see the
// path decoded, so that k%3A1 and k:1 are one name and %2F is a slash; empty segments
// go, and so does the suffix .json.
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

// BaseURL returns how a server's own URL is found, before the version: publicURL,
// or else what the client of the request used.
func BaseURL(publicURL string) func(*http.Request) string {
	if publicURL != "" {
		return func(*http.Request) string { return strings.TrimSuffix(publicURL, "/") }
	}
	return func(r *http.Request) string {
		scheme := "http://"
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https://"
		}
		host := r.Host
		// Cinder takes the last of several (get_request_url of cinder/api/common.py).
		if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
			host = strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
		}
		return scheme + host
	}
}
