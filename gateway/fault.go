package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/translate"
)

// errNoRoute is the error for an unknown path or a wrong method. Both are 404, as in
// Cinder.
var errNoRoute = errors.New("no such route")

var errTooLarge = errors.New("request body too large")

// fail writes the answer for every error.
func (s *Server) fail(err error, c echo.Context) {
	// An error after the client has left is not the backend's fault. It often stems from
	// the cancelled request.
	if driver.KindOf(err) == driver.Canceled || errors.Is(c.Request().Context().Err(), context.Canceled) {
		callOf(c).outcome = statusLeft
	}
	if c.Response().Committed {
		if callOf(c).outcome == statusLeft {
			return
		}
		s.Log.Warn("answer broke off", zap.String("request_id", callOf(c).requestID), zap.Error(err))
		return
	}
	if writeErr := s.writeFault(c, err); writeErr != nil {
		s.Log.Debug("fault not delivered", zap.String("request_id", callOf(c).requestID), zap.Error(writeErr))
	}
}

func (s *Server) writeFault(c echo.Context, err error) error {
	s.explain(callOf(c), err)
	var routing *echo.HTTPError
	missing := errors.Is(err, errNoRoute) || errors.As(err, &routing)
	switch {
	case callOf(c).vbs && !missing:
		return s.writeVBSFault(c, err)
	case missing:
		return plainFault(c, http.StatusNotFound, "Not Found", "The resource could not be found.")
	case errors.Is(err, errTooLarge):
		return plainFault(c, http.StatusRequestEntityTooLarge, "Request Entity Too Large",
			fmt.Sprintf("Request is too large. Larger than max_request_body_size (%d).", s.MaxBody))
	case driver.KindOf(err) == driver.Unauthorized:
		s.logFault(c, http.StatusUnauthorized, err)
		return s.unauthorized(c)
	}
	f := translate.FaultOf(err)
	s.logFault(c, f.Status, err)
	content := map[string]any{"code": f.Status, "message": f.Message}
	if f.RetryAfter != "" {
		c.Response().Header().Set("Retry-After", f.RetryAfter)
		// A string, although code is a number: Fault of cinder/api/openstack/wsgi.py.
		content["retryAfter"] = f.RetryAfter
	}
	return writeJSON(c, f.Status, map[string]any{f.Name: content})
}

// plainFault writes an error as webob does when no controller is reached.
func plainFault(c echo.Context, status int, title, message string) error {
	h := c.Response().Header()
	h.Del(computeIDHeader)
	h.Del(versionHeader)
	h.Del("Vary")
	if c.Request().Method == http.MethodHead {
		h.Set("Content-Type", "text/html; charset=UTF-8")
		c.Response().WriteHeader(status)
		return nil
	}
	return writeJSON(c, status, map[string]any{
		"message": message + "<br /><br />\n\n\n",
		"code":    fmt.Sprintf("%d %s", status, title),
		"title":   title,
	})
}

// logFault logs errors that are not the client's fault.
func (s *Server) logFault(c echo.Context, status int, err error) {
	if status >= http.StatusInternalServerError && callOf(c).outcome != statusLeft && !errors.Is(err, errBusy) {
		s.Log.Error("request failed", zap.String("request_id", callOf(c).requestID), zap.Int("status", status), zap.Error(err))
	}
	if errors.Is(err, errForbidden) {
		s.Log.Warn("token not validated", zap.String("request_id", callOf(c).requestID), zap.Error(err))
	}
}

// challenge tells the client where to get tokens.
func (s *Server) challenge(c echo.Context) {
	c.Response().Header().Set("WWW-Authenticate", s.Auth.Challenge(s.Base(c.Request())))
}

// unauthorized writes keystonemiddleware's 401.
func (s *Server) unauthorized(c echo.Context) error {
	s.challenge(c)
	return writeJSON(c, http.StatusUnauthorized, map[string]any{"error": map[string]any{
		"code": http.StatusUnauthorized, "title": "Unauthorized", "message": unauthorizedText,
	}})
}

func (s *Server) logPanic(c echo.Context, err error, stack []byte) error {
	s.Log.Error("panic", zap.String("request_id", callOf(c).requestID), zap.Error(err), zap.ByteString("stack", stack))
	return err
}
