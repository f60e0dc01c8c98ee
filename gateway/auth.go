package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
)

// Authenticator finds the caller of a token.
type Authenticator interface {
	// Authenticate returns the caller. Errors: Unauthorized (no such token, expired, or
	// without a project), Unavailable.
	Authenticate(ctx context.Context, token string) (driver.Caller, error)
	// Challenge returns the value of WWW-Authenticate. base is the gateway's own URL.
	Challenge(base string) string
}

// RequestAuthenticator is an [Authenticator] that reads more of a request than its token.
// The path is the one that routes see.
type RequestAuthenticator interface {
	AuthenticateRequest(r *http.Request) (driver.Caller, error)
}

// authenticate finds the caller. Without a caller, everything below the version prefixes
// answers 401, even an unknown route.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		token := r.Header.Get("X-Auth-Token")
		if token == "" {
			return errNoToken
		}
		var caller driver.Caller
		var err error
		if auth, ok := s.Auth.(RequestAuthenticator); ok {
			caller, err = auth.AuthenticateRequest(r)
		} else {
			caller, err = s.Auth.Authenticate(r.Context(), token)
		}
		if err != nil {
			return err
		}
		call := callOf(c)
		caller.RequestID, caller.Trace = call.requestID, call.trace
		call.caller = caller
		return next(c)
	}
}

var errNoToken = driver.Errorf(driver.Unauthorized, unauthorizedText)

// unauthorizedText is keystonemiddleware's text.
const unauthorizedText = "The request you have made requires authentication."

// NoAuth accepts every token, as Cinder's auth_strategy noauth does. The token is
// user:project, and every caller is an admin.
type NoAuth struct{}

// Authenticate implements Authenticator.
func (NoAuth) Authenticate(_ context.Context, token string) (driver.Caller, error) {
	user, project, ok := strings.Cut(token, ":")
	if !ok || project == "" {
		project = user
	}
	return driver.Caller{UserID: user, ProjectID: project, Role: driver.Admin, Token: driver.Token(token)}, nil
}

// Challenge implements Authenticator.
func (NoAuth) Challenge(string) string { return `Keystone uri=""` }
