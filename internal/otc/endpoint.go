package otc

import (
	"context"
	"net/url"
	"regexp"
	"strings"

	"cindergate/driver"
)

// placeholder stands for the project id in a [template].
const placeholder = "{project_id}"

// template is an endpoint's URL without version. It is the same for all projects.
type template string

// suffix matches what catalogues append to endpoints: a version, or a version and the
// project. OTC's entry for CBR has both, Huawei's has neither.
var suffix = regexp.MustCompile(`/v\d+(\.\d+)?(/` + regexp.QuoteMeta(placeholder) + `)?$`)

// newTemplate normalises a URL that may contain projectID.
func newTemplate(url, projectID string) template {
	if projectID != "" {
		url = strings.ReplaceAll(url, projectID, placeholder)
	}
	for _, theirs := range []string{"$(project_id)s", "$(tenant_id)s", "%(project_id)s", "%(tenant_id)s"} {
		url = strings.ReplaceAll(url, theirs, placeholder)
	}
	return template(suffix.ReplaceAllString(strings.TrimRight(url, "/"), ""))
}

// of returns the endpoint for a project.
func (t template) of(projectID string) (*url.URL, error) {
	u, err := url.Parse(strings.ReplaceAll(string(t), placeholder, url.PathEscape(projectID)))
	if err != nil {
		return nil, driver.Wrap(driver.Unavailable, err, "An endpoint of the backend is no URL.")
	}
	return u, nil
}

// Endpoint returns the service's URL without version: the configured one, else the one in
// the caller's catalogue.
func (s *Service) Endpoint(ctx context.Context, caller driver.Caller) (*url.URL, error) {
	at := s.url
	if at == "" {
		var err error
		if at, err = s.cloud.find(ctx, caller, s.kind); err != nil {
			return nil, err
		}
	}
	return at.of(caller.ProjectID)
}
