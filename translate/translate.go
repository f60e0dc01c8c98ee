// Package translate speaks the Block Storage API, v2 and v3: it decodes requests by
// Cinder's rules, calls the backend's driver, and makes the answers.
//
// It does not depend on an HTTP server. Only fault.go knows the status codes of errors.
// Every operation has the same three steps: decode, call, view.
package translate

import (
	"context"
	"net/http"

	"cindergate/driver"
)

// Operation serves one route of the API.
type Operation func(context.Context, Request) (Response, error)

// Request is one call, already authenticated and routed.
type Request struct {
	Caller  driver.Caller
	Version Version
	// Base is the URL before the version: scheme://host[/prefix].
	Base string
	// ProjectInURL reports whether the path named the project. If so, links name it, too.
	ProjectInURL bool
	// VBS says that the gateway also speaks Volume Backup Service's native API. Clients of
	// that API read backups through v2 and expect its members there.
	VBS bool
	// ID is the resource in the path (a backup, volume, project …). Key is the path's part
	// after it, such as a metadata key.
	ID, Key string
	Query   Query
	Body    []byte
	// Content is the body of a route that takes bytes (see [Route.TakesBytes]).
	Content Content
}

// Response is the answer of an operation. If Body is nil, there is none.
type Response struct {
	Status int
	Body   any
}

// Translator serves the API from one backend.
type Translator struct {
	driver driver.Driver
}

// New makes a Translator.
func New(d driver.Driver) *Translator { return &Translator{d} }

// Capability returns an optional interface of the backend. If the backend lacks it, the
// error is NotSupported and names what is missing.
func Capability[T any](d driver.Driver, what string) (T, error) {
	c, ok := d.(T)
	if !ok {
		return c, driver.Errorf(driver.NotSupported, "This backend does not support %s.", what)
	}
	return c, nil
}

func ok(body any) (Response, error) { return Response{http.StatusOK, body}, nil }

func accepted(body any) (Response, error) { return Response{http.StatusAccepted, body}, nil }

// finish returns the answer of an operation that has no body.
func finish(err error) (Response, error) {
	if err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusAccepted}, nil
}
