package gateway

import (
	"context"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
	"cindergate/translate"
	"cindergate/translate/vbs"
)

// backend is one place that stores backups, with the APIs that serve it.
type backend struct {
	name       string
	driver     driver.Driver
	translator *translate.Translator
	vbs        *vbs.Service
}

func newBackend(name string, d driver.Driver) *backend {
	return &backend{name: name, driver: d, translator: translate.New(d), vbs: vbs.New(d)}
}

// resolve finds the backend of the caller's project. It runs after authenticate.
func (s *Server) resolve(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		call := callOf(c)
		call.backend = s.backendOf(call.caller.ProjectID)
		return next(c)
	}
}

func (s *Server) backendOf(projectID string) *backend {
	if b, ok := s.backends[s.Projects[projectID]]; ok {
		return b
	}
	return s.backends[s.Default]
}

// maxMicroversion returns the highest 3.x to offer: the backend's own, if it has
// microversions.
func (b *backend) maxMicroversion(ctx context.Context) int {
	v, ok := b.driver.(driver.Versioner)
	if !ok {
		return driver.MaxMicroversion
	}
	minor, err := v.MaxMicroversion(ctx)
	if err != nil {
		return driver.MaxMicroversion // the next call to the backend reports the error
	}
	return min(minor, driver.MaxMicroversion)
}
