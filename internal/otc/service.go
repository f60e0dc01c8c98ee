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

// Kind is a kind of service: how it is found and what its errors mean.
type Kind struct {
	// Name is how messages call it.
	Name string
	// types are its names in the catalogue, by preference.
	types []catalogType
	// codes and reasons are by error code, in lower case.
	codes   codes
	reasons map[string]driver.Reason
}

// Service is one service of a cloud.
type Service struct {
	cloud *Cloud
	kind  *Kind
	url   template // "" if the catalogue tells
	none  bool
}

// Service returns a service at a URL: "" looks it up in the catalogue, [None] disables it.
func (c *Cloud) Service(kind *Kind, url string) *Service {
	s := &Service{cloud: c, kind: kind, none: url == None}
	if !s.none && url != "" {
		s.url = newTemplate(url, "")
	}
	return s
}

// Exists tells whether the service is to be used at all.
func (s *Service) Exists() bool { return !s.none }

// Name is what the service is called.
func (s *Service) Name() string { return s.kind.Name }

// success are the statuses of a request that was taken. The services do not agree on
// one for a kind of request, nor the two clouds for a service.
var success = []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent}

// Now is the time by the clock of the cloud's options.
func (s *Service) Now() time.Time { return s.cloud.http.Clock().Now() }

// Call sends one request to /{version}/{project}{path} and decodes the answer. version
// is v1, v2, v2.1 or v3; query, body and answer may be nil. An answer without a body
// leaves answer as it is, and a member of an odd type its member: what the caller cannot
// do without it must check, see [Service.Unreadable].
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
		MoreHeaders: map[string]string{"X-Language": "en-us"}, // else some texts are Chinese
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

// Unreadable is the error for an answer without what it must have. It is never taken for
// an answer that there is nothing.
func (s *Service) Unreadable(lacks string) error {
	return driver.Errorf(driver.Unavailable, "%s of backend %s gave an answer that cannot be read: it has no %s.", s.kind.Name, s.cloud.o.Name, lacks)
}

// Check tells whether the service can be reached, without a token: any answer will do
// that is not a failure. One that only callers' catalogues know is taken on trust once
// the identity service answers.
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

// Cannot is the error for what the service has no function for; what may end in a colon
// and the reason.
func (s *Service) Cannot(what string) error {
	return driver.Errorf(driver.NotSupported, "Backend %s does not support %s.", s.cloud.o.Name, what)
}

// Missing is the error where a service is needed that the backend is configured to do
// without.
func (s *Service) Missing(what string) error {
	return s.Cannot(what + ": it is configured without " + s.kind.Name)
}
