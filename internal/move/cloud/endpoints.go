package cloud

import (
	"context"
	"net/http"
	"regexp"
	"strings"
)

// Token returns the login's token. refused is a token that a service no longer takes: if it is
// the current one, the login makes another one. A bare token cannot be renewed, and stays.
func (c *Cloud) Token(ctx context.Context, refused string) (string, error) {
	if refused != "" && refused == c.provider.Token() && !c.Fixed {
		if err := c.provider.Reauthenticate(ctx, refused); err != nil {
			return "", explain(err)
		}
	}
	return c.provider.Token(), nil
}

// versionedPath is what follows the URL of a service: a version, and perhaps a project.
var versionedPath = regexp.MustCompile(`/v[0-9.]+(/[^/]*)?/?$`)

// BlockStorage is the URL of Block Storage, without a version and a project.
func (c *Cloud) BlockStorage() string {
	return versionedPath.ReplaceAllString(c.volume.Endpoint, "")
}

// Read decodes the answer to a GET of Block Storage. path, which may have a query, is below the project.
func (c *Cloud) Read(ctx context.Context, path string, into any) error {
	_, err := c.volume.Get(ctx, c.volume.ServiceURL(path), into, nil) //nolint:bodyclose // gophercloud closes it
	return err
}

// ImageService is the URL of the image service, without a version. "" says that the catalogue
// has none.
func (c *Cloud) ImageService() string {
	s, err := c.images()
	if err != nil {
		return ""
	}
	return strings.TrimRight(versionedPath.ReplaceAllString(s.Endpoint, ""), "/")
}

// HTTP is the transport of the login's own requests, with its certificates, but without
// repetitions.
func (c *Cloud) HTTP() http.RoundTripper { return c.transport.next }
