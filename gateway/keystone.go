package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"cindergate/driver"
)

// KeystoneOptions configure a Keystone.
type KeystoneOptions struct {
	// URL is the identity endpoint, with /v3.
	URL string
	// The gateway's own user, which may validate tokens.
	Username, Password, Project, UserDomain, ProjectDomain string
	// AdminRoles, MemberRoles and ReaderRoles name the roles; nil: admin, member and
	// reader. AnyRole stands for all there are.
	AdminRoles, MemberRoles, ReaderRoles []string
	// CacheSize and CacheTime bound what is remembered of valid tokens, never beyond
	// their end; RejectTime of invalid ones. 0: 10,000, 1 min, 10 s.
	CacheSize             int
	CacheTime, RejectTime time.Duration
	// Timeout bounds one validation; 0: 10 s.
	Timeout   time.Duration
	Transport http.RoundTripper // nil: the default
	Now       func() time.Time  // nil: time.Now
}

// AnyRole among the roles of [KeystoneOptions] makes every role one of them, for clouds
// whose roles are not known beforehand and that enforce them themselves.
const AnyRole = "*"

// Keystone validates tokens at an identity service.
type Keystone struct {
	o       KeystoneOptions
	client  *gophercloud.ServiceClient
	known   *lru.Cache[[sha256.Size]byte, verdict]
	flights singleflight.Group
	login   singleflight.Group
}

// verdict is what is remembered of a token.
type verdict struct {
	caller driver.Caller // without a project: rejected
	until  time.Time
}

// NewKeystone makes a Keystone. It logs in when it validates its first token, so
// that the gateway starts while the identity service is down.
func NewKeystone(o KeystoneOptions) (*Keystone, error) {
	setDefault(&o.CacheSize, 10_000)
	setDefault(&o.CacheTime, time.Minute)
	setDefault(&o.RejectTime, 10*time.Second)
	setDefault(&o.Timeout, 10*time.Second)
	if o.AdminRoles == nil {
		o.AdminRoles = []string{"admin"}
	}
	if o.MemberRoles == nil {
		o.MemberRoles = []string{"member"}
	}
	if o.ReaderRoles == nil {
		o.ReaderRoles = []string{"reader"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	known, err := lru.New[[sha256.Size]byte, verdict](o.CacheSize)
	if err != nil {
		return nil, err
	}
	provider, err := openstack.NewClient(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Transport != nil {
		provider.HTTPClient.Transport = o.Transport
	}
	provider.UserAgent.Prepend("cindergate")
	client, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	if err != nil {
		return nil, err
	}
	return &Keystone{o: o, client: client, known: known}, nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Challenge implements Authenticator.
func (k *Keystone) Challenge(string) string { return `Keystone uri="` + k.o.URL + `"` }

// Authenticate implements Authenticator. Of one token one validation runs at a
// time; a client that goes away does not end it for the others.
func (k *Keystone) Authenticate(ctx context.Context, token string) (driver.Caller, error) {
	key := sha256.Sum256([]byte(token))
	if v, ok := k.known.Get(key); ok && k.o.Now().Before(v.until) {
		return v.answer(token)
	}
	result := k.flights.DoChan(string(key[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.o.Timeout)
		defer cancel()
		v, err := k.validate(ctx, token)
		if err == nil {
			k.known.Add(key, v)
		}
		return v, err
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return driver.Caller{}, r.Err
		}
		return r.Val.(verdict).answer(token)
	case <-ctx.Done():
		return driver.Caller{}, driver.Wrap(driver.Unavailable, ctx.Err(), "The identity service did not answer in time.")
	}
}

func (v verdict) answer(token string) (driver.Caller, error) {
	if v.caller.ProjectID == "" {
		return driver.Caller{}, errNoToken
	}
	v.caller.Token = driver.Token(token)
	return v.caller, nil
}

// tokenDocument is what matters of a token (keystone's GET /v3/auth/tokens).
type tokenDocument struct {
	Token struct {
		ExpiresAt time.Time           `json:"expires_at"`
		User      struct{ ID string } `json:"user"`
		Project   struct{ ID string } `json:"project"`
		Roles     []struct {
			Name string `json:"name"`
		} `json:"roles"`
	} `json:"token"`
}

func (k *Keystone) validate(ctx context.Context, token string) (verdict, error) {
	if err := k.ensureLogin(ctx); err != nil {
		return verdict{}, unavailable(err)
	}
	var doc tokenDocument
	_, err := k.client.Get(ctx, k.client.ServiceURL("auth", "tokens")+"?nocatalog", &doc, &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"X-Subject-Token": token}, OkCodes: []int{http.StatusOK},
	})
	now := k.o.Now()
	switch {
	case gophercloud.ResponseCodeIs(err, http.StatusNotFound), gophercloud.ResponseCodeIs(err, http.StatusBadRequest):
		return verdict{until: now.Add(k.o.RejectTime)}, nil
	case err != nil:
		return verdict{}, unavailable(err)
	}
	v := verdict{
		caller: driver.Caller{ProjectID: doc.Token.Project.ID, UserID: doc.Token.User.ID, Role: k.role(&doc)},
		until:  now.Add(k.o.CacheTime),
	}
	if v.until.After(doc.Token.ExpiresAt) {
		v.until = doc.Token.ExpiresAt
	}
	return v, nil
}

func (k *Keystone) role(doc *tokenDocument) driver.Role {
	best := driver.NoRole
	for _, r := range doc.Token.Roles {
		for role, names := range map[driver.Role][]string{
			driver.Admin: k.o.AdminRoles, driver.Member: k.o.MemberRoles, driver.Reader: k.o.ReaderRoles,
		} {
			for _, name := range names {
				if (name == r.Name || name == AnyRole) && role > best {
					best = role
				}
			}
		}
	}
	return best
}

// ensureLogin logs the gateway in once; gophercloud renews the token afterwards.
func (k *Keystone) ensureLogin(ctx context.Context) error {
	if k.client.Token() != "" {
		return nil
	}
	_, err, _ := k.login.Do("", func() (any, error) {
		return nil, openstack.Authenticate(ctx, k.client.ProviderClient, gophercloud.AuthOptions{
			IdentityEndpoint: k.o.URL, Username: k.o.Username, Password: k.o.Password, DomainID: k.o.UserDomain,
			Scope:       &gophercloud.AuthScope{ProjectName: k.o.Project, DomainID: k.o.ProjectDomain},
			AllowReauth: true,
		})
	})
	return err
}

// retryIdentity is when clients may ask again while the identity service is down.
const retryIdentity = 5 * time.Second

// unavailable is never an open door: without the identity service nobody gets in.
func unavailable(err error) error {
	return &driver.Error{
		Kind: driver.Unavailable, RetryAfter: retryIdentity, Err: errors.Join(errors.New("validate token"), err),
		Message: "The identity service cannot be reached, so the token could not be validated.",
	}
}

// Self is the gateway's own user as a caller, with its own token.
func (k *Keystone) Self(ctx context.Context) (driver.Caller, error) {
	if err := k.ensureLogin(ctx); err != nil {
		return driver.Caller{}, unavailable(err)
	}
	return k.Authenticate(ctx, k.client.Token())
}
