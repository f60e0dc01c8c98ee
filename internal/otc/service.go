package otc

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
)

// Kind is a kind of service: how to find it and what its errors mean.
type Kind struct {
	// Name is its name in messages.
	Name string
	// types are its types in the catalogue, in order of preference.
	types []catalogType
	// codes and reasons are keyed by error code, in lower case.
	codes   codes
	reasons map[string]driver.Reason
}

// Service is one service of a cloud.
type Service struct {
	cloud *Cloud
	kind  *Kind
	url   template // "" takes it from the catalogue
	none  bool
}

// Service returns a service at a URL. "" takes the URL from the catalogue, [None] disables
// the service.
func (c *Cloud) Service(kind *Kind, url string) *Service {
	s := &Service{cloud: c, kind: kind, none: url == None}
	if !s.none && url != "" {
		s.url = newTemplate(url, "")
	}
	return s
}

// Exists reports whether the configuration has this service.
func (s *Service) Exists() bool { return !s.none }

// Name returns the service's name in messages.
func (s *Service) Name() string { return s.kind.Name }

// success are the statuses of an accepted request. The services use different ones for the
// same kind of request, and the two clouds differ for the same service.
var success = []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent}

// Now returns the time of the clock in the cloud's options.
func (s *Service) Now() time.Time { return s.cloud.http.Clock().Now() }

// Call sends one request to /{version}/{project}{path} and decodes the answer. version is
// v1, v2, v2.1 or v3; query, body and answer may be nil. An answer without a body leaves
// answer unchanged, and a member of an unexpected type keeps its value. The caller must
// check the members that it requires; see [Service.Unreadable].
func (s *Service) Call(ctx context.Context, caller driver.Caller, method, version, path string, query url.Values, body, answer any) error {
	base, err := s.Endpoint(ctx, caller)
	if err != nil {
		return err
	}
	target := base.JoinPath(version, caller.ProjectID).String() + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	client := s.cloud.http.Service(caller, s.kind.Name, base.String(), "")
	resp, err := client.Request(ctx, method, target, &gophercloud.RequestOpts{
		JSONBody: body, OkCodes: success, KeepResponseBody: true,
		MoreHeaders: map[string]string{"X-Language": "en-us"}, // without it some texts are Chinese
	})
	if err != nil {
		return s.classify(caller, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body) // the transport bounds it
	if err == nil && answer != nil && len(text) > 0 {
		err = decode(text, answer)
	}
	return s.cloud.http.Classify(err)
}

// Unreadable returns the Unavailable error for an answer that lacks a required member. Such
// an answer never means that there is nothing.
func (s *Service) Unreadable(lacks string) error {
	return driver.Errorf(driver.Unavailable, "%s of backend %s gave an answer that cannot be read: it has no %s.", s.kind.Name, s.cloud.o.Name, lacks)
}

// Check reports whether the service answers, without a token. Any answer below 500 will do.
// For a service whose endpoint only callers' catalogues have, Check asks the identity
// service instead.
func (s *Service) Check(ctx context.Context) error {
	at := s.cloud.o.IdentityURL
	if s.url != "" {
		base, err := s.url.of("")
		if err != nil {
			return err
		}
		at = base.String() + "/"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return driver.Wrap(driver.Unavailable, err, "Backend %s has no valid URL.", s.cloud.o.Name)
	}
	resp, err := s.cloud.http.To(s.kind.Name, "").RoundTrip(r)
	if err != nil {
		return s.cloud.http.Classify(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return driver.Errorf(driver.Unavailable, "%s of backend %s answered with status %d.", s.kind.Name, s.cloud.o.Name, resp.StatusCode)
	}
	return nil
}

// Cannot returns the NotSupported error for a function that the service does not have. what
// may end in a colon and the reason.
func (s *Service) Cannot(what string) error {
	return driver.Errorf(driver.NotSupported, "Backend %s does not support %s.", s.cloud.o.Name, what)
}

// Missing returns the error for a function that needs a service which the configuration
// disables.
func (s *Service) Missing(what string) error {
	return s.Cannot(what + ": it is configured without " + s.kind.Name)
}
