// Package cloud is a tenant's login at one OpenStack cloud, as an entry of clouds.yaml names
// it, and what a move asks of that cloud: volumes, backups, limits, and where the objects of its
// cinder-backup are.
package cloud

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"

	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
	"cindergate/internal/chunk/swift"
)

// Cloud is a login. It is safe for concurrent use.
type Cloud struct {
	Name      string // of the entry in clouds.yaml
	ProjectID string
	Project   string   // its name
	Roles     []string // names; nil: unknown
	// Fixed says that the login is a bare token, which cannot be renewed when it expires.
	Fixed bool
	// Metadata says that backups can have metadata (microversion 3.43).
	Metadata bool

	url       string // of Block Storage, without version and project; "": that of the catalogue
	auth      gophercloud.AuthOptions
	endpoint  gophercloud.EndpointOpts
	tls       *tls.Config
	wrap      func(http.RoundTripper) http.RoundTripper // as [object.Connection] has it
	provider  *gophercloud.ProviderClient
	volume    *gophercloud.ServiceClient
	transport *transport
	s3        *s3.Options // nil: the objects of cinder-backup are in Swift

	imageMu sync.Mutex
	image   *gophercloud.ServiceClient // nil: not asked for yet

	// Poll is the longest pause between two looks at a resource that changes; 0: 1 s.
	Poll time.Duration
}

// Access is a login with an application credential, which has no entry in clouds.yaml.
type Access struct {
	Name    string // of the cloud, in messages
	AuthURL string // of Keystone, with /v3
	// ID and Secret are those of the application credential.
	ID, Secret string
	// URL is the Block Storage endpoint without version and project; "": that of the catalogue.
	URL        string
	Region     string // of the catalogue; "": any
	Interface  string // public, internal or admin; "": public
	Connection object.Connection
}

// Connect logs in by an application credential.
func Connect(ctx context.Context, a Access) (*Cloud, error) {
	c := &Cloud{Name: a.Name, url: a.URL, wrap: a.Connection.Wrap,
		auth:     gophercloud.AuthOptions{IdentityEndpoint: a.AuthURL, ApplicationCredentialID: a.ID, ApplicationCredentialSecret: a.Secret},
		endpoint: gophercloud.EndpointOpts{Region: a.Region, Availability: gophercloud.Availability(cmp.Or(a.Interface, string(gophercloud.AvailabilityPublic)))}}
	var err error
	if c.tls, err = a.Connection.Trust(); err != nil {
		return nil, fmt.Errorf("cloud %s: %w", a.Name, err)
	}
	if err := c.login(ctx); err != nil {
		return nil, fmt.Errorf("cloud %s: %w", a.Name, explain(err))
	}
	return c, nil
}

// Login logs in as an entry of clouds.yaml. options change what gophercloud reads there. The
// variables OS_REGION_NAME and OS_INTERFACE, which gophercloud prefers to the entry, do not
// count: a move has two clouds, and they would change both.
func Login(ctx context.Context, name string, options ...clouds.ParseOption) (*Cloud, error) {
	c := &Cloud{Name: name}
	var err error
	if c.auth, c.endpoint, c.tls, err = clouds.Parse(append([]clouds.ParseOption{clouds.WithCloudName(name), clouds.WithRegion(""), clouds.WithEndpointType("")}, options...)...); err != nil {
		return nil, fmt.Errorf("cloud %s: %w", name, err)
	}
	if err := c.login(ctx); err != nil {
		return nil, fmt.Errorf("cloud %s: %w", name, explain(err))
	}
	return c, nil
}

func (c *Cloud) login(ctx context.Context) error {
	// gophercloud refuses to renew a bare token.
	c.Fixed = c.auth.TokenID != "" && c.auth.Password == "" && c.auth.ApplicationCredentialSecret == ""
	c.auth.AllowReauth = !c.Fixed
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = c.tls
	t.ResponseHeaderTimeout = 2 * time.Minute
	c.transport = &transport{next: object.Connection{Wrap: c.wrap}.Wrapped(t)}
	var err error
	if c.provider, err = config.NewProviderClient(ctx, c.auth, config.WithHTTPClient(http.Client{Transport: c.transport})); err != nil {
		return err
	}
	c.provider.UserAgent.Prepend("cindergate-move")
	c.identify()
	if c.volume, err = c.blockStorage(); err != nil {
		return err
	}
	c.microversion(ctx)
	return nil
}

func (c *Cloud) blockStorage() (*gophercloud.ServiceClient, error) {
	if c.url == "" {
		return openstack.NewBlockStorageV3(c.provider, c.endpoint)
	}
	if c.ProjectID == "" {
		return nil, errors.New("the token is for no project")
	}
	return &gophercloud.ServiceClient{ProviderClient: c.provider, Type: "block-storage", Endpoint: strings.TrimRight(c.url, "/") + "/v3/" + c.ProjectID + "/"}, nil
}

// microversion chooses the newest one that both sides know. gophercloud asks at the endpoint
// of the project, where Cinder describes no version. Without an answer, none is asked for:
// that is 3.0.
func (c *Cloud) microversion(ctx context.Context) {
	base, err := utils.BaseVersionedEndpoint(c.volume.Endpoint)
	if err != nil {
		return
	}
	var answer struct {
		Versions []struct {
			ID      string `json:"id"`
			Version string `json:"version"`
		} `json:"versions"`
	}
	resp, err := c.volume.Get(ctx, strings.TrimSuffix(base, "/")+"/", &answer, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusMultipleChoices}})
	if err != nil {
		return
	}
	_ = resp.Body.Close() // it has been read
	const wanted = 60     // volumes with all that a move shows; backups have metadata since 3.43
	for _, v := range answer.Versions {
		var minor int
		if _, err := fmt.Sscanf(v.Version, "3.%d", &minor); err == nil && strings.HasPrefix(v.ID, "v3") && minor > 0 {
			c.volume.Microversion = fmt.Sprintf("3.%d", min(minor, wanted))
			c.Metadata = minor >= 43
		}
	}
}

// identify reads project and roles from the token's own description.
func (c *Cloud) identify() {
	r, ok := c.provider.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return
	}
	if p, err := r.ExtractProject(); err == nil && p != nil {
		c.ProjectID, c.Project = p.ID, p.Name
	}
	if roles, err := r.ExtractRoles(); err == nil {
		for _, role := range roles {
			c.Roles = append(c.Roles, role.Name)
		}
		slices.Sort(c.Roles)
	}
}

// As says who is logged in, for messages.
func (c *Cloud) As() string {
	return fmt.Sprintf("cloud %s, project %s (%s), roles %s", c.Name, c.Project, c.ProjectID, strings.Join(c.Roles, ", "))
}

// Tell has the cloud say what it waits for when it repeats requests.
func (c *Cloud) Tell(status func(string)) { c.transport.status.Store(&status) }

// Account is the tenant's own Swift account.
type Account struct {
	URL        string
	BytesUsed  int64
	QuotaBytes int64 // -1: none
}

// Account looks at the tenant's Swift account. The error says what is missing.
func (c *Cloud) Account(ctx context.Context) (Account, error) {
	service, err := openstack.NewObjectStorageV1(c.provider, c.endpoint)
	if err != nil {
		return Account{}, fmt.Errorf("the catalogue of cloud %s has no object-store", c.Name)
	}
	a := Account{URL: service.Endpoint, QuotaBytes: -1}
	// gophercloud's own request takes 204 only; behind the listing_formats middleware it is 200.
	resp, err := service.Head(ctx, service.Endpoint, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusNoContent}})
	if err == nil {
		_ = resp.Body.Close()
	}
	switch {
	case gophercloud.ResponseCodeIs(err, http.StatusForbidden), gophercloud.ResponseCodeIs(err, http.StatusUnauthorized):
		return a, fmt.Errorf("cloud %s refuses access to the Swift account of project %s: the login has the roles %s, and Swift asks for one of its operator_roles, such as member or swiftoperator",
			c.Name, c.Project, strings.Join(c.Roles, ", "))
	case gophercloud.ResponseCodeIs(err, http.StatusNotFound):
		return a, nil // made when it is first written to
	case err != nil:
		return a, explain(err)
	}
	a.BytesUsed, _ = strconv.ParseInt(resp.Header.Get("X-Account-Bytes-Used"), 10, 64)
	if n, err := strconv.ParseInt(resp.Header.Get("X-Account-Meta-Quota-Bytes"), 10, 64); err == nil {
		a.QuotaBytes = n
	}
	return a, nil
}

// swift returns a store of the tenant's Swift account. It sends no request.
func (c *Cloud) swift() (*object.Store, error) {
	return swift.New(swift.Options{
		Options: object.Options{Name: c.Name},
		Login: swift.Login{By: func(ctx context.Context, client http.Client) (*gophercloud.ServiceClient, error) {
			// A provider of its own: its transport waits as the store wants, and its token
			// expires by itself.
			provider, err := config.NewProviderClient(ctx, c.auth, config.WithHTTPClient(client))
			if err != nil {
				return nil, err
			}
			return openstack.NewObjectStorageV1(provider, c.endpoint)
		}},
		Connection: object.Connection{TLS: c.tls, Wrap: c.wrap},
	})
}

// explain makes a sentence of what gophercloud returns.
func explain(err error) error {
	var e gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &e) {
		return err
	}
	text := strings.TrimSpace(string(e.Body))
	if len(text) > 500 {
		text = text[:500]
	}
	return &Refusal{Status: e.Actual, Text: fmt.Sprintf("%s %s was answered with %d: %s", e.Method, e.URL, e.Actual, text), Err: err}
}

// Passing reports whether the request that failed may succeed later, without anything being
// changed here: the cloud could not be reached, or asked to come back.
func Passing(err error) bool {
	var r *Refusal
	if !errors.As(err, &r) {
		return true
	}
	return r.Status >= 500 || r.Status == http.StatusTooManyRequests || r.Status == http.StatusRequestEntityTooLarge || r.Status == http.StatusRequestTimeout ||
		r.Status == http.StatusConflict
}

// Refusal is an answer that is an error.
type Refusal struct {
	Status int
	Text   string
	Err    error
}

func (r *Refusal) Error() string { return r.Text }
func (r *Refusal) Unwrap() error { return r.Err }

// status returns the status of a refusal; 0: err is none.
func status(err error) int {
	var e gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &e) {
		return e.Actual
	}
	return 0
}
