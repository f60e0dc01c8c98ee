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
	own     *ownLogin
	known   *lru.Cache[[sha256.Size]byte, verdict]
	flights singleflight.Group
}

// verdict is what is remembered of a token.
type verdict struct {
	caller driver.Caller // without a project: rejected
	reason error         // of a rejection, for the log; may be nil
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
	own := &ownLogin{client: client, now: o.Now, options: gophercloud.AuthOptions{
		IdentityEndpoint: o.URL, Username: o.Username, Password: o.Password, DomainID: o.UserDomain,
		Scope: &gophercloud.AuthScope{ProjectName: o.Project, DomainID: o.ProjectDomain},
	}}
	return &Keystone{o: o, client: client, own: own, known: known}, nil
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
	if v.caller.ProjectID == "" && v.reason != nil {
		return driver.Caller{}, driver.Wrap(driver.Unauthorized, v.reason, unauthorizedText)
	}
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
	own, err := k.own.get(ctx)
	if err != nil {
		return verdict{}, unavailable(err)
	}
	doc, err := k.look(ctx, own, token)
	if refused(err) && (!k.own.justReplaced(own) || !k.valid(ctx, own)) {
		// The gateway's own token has ended, which Keystone says with 401 and IAM with 403.
		if own, err = k.own.replace(ctx, own); err != nil {
			return verdict{}, unavailable(err)
		}
		if doc, err = k.look(ctx, own, token); gophercloud.ResponseCodeIs(err, http.StatusForbidden) {
			k.own.forbidden(own)
		}
	}
	now := k.o.Now()
	switch {
	case gophercloud.ResponseCodeIs(err, http.StatusNotFound), gophercloud.ResponseCodeIs(err, http.StatusBadRequest):
		return verdict{until: now.Add(k.o.RejectTime)}, nil
	case gophercloud.ResponseCodeIs(err, http.StatusForbidden):
		return verdict{until: now.Add(k.o.RejectTime), reason: errors.Join(errForbidden, err)}, nil
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

// look asks the identity service about a token, with the gateway's own. IAM leaves the
// catalogue out for any text as nocatalog (Huawei API reference, iam_30_0004), Keystone
// whenever it is there.
func (k *Keystone) look(ctx context.Context, own, token string) (doc tokenDocument, err error) {
	_, err = k.client.Get(ctx, k.client.ServiceURL("auth", "tokens")+"?nocatalog=1", &doc, &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"X-Auth-Token": own, "X-Subject-Token": token}, OkCodes: []int{http.StatusOK},
	})
	return doc, err
}

// valid tells whether the gateway's own token is. Everybody may ask about a token with
// the token itself.
func (k *Keystone) valid(ctx context.Context, own string) bool {
	_, err := k.look(ctx, own, own)
	return err == nil
}

// refused tells whether an answer may be about the gateway's own token.
func refused(err error) bool {
	return gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) || gophercloud.ResponseCodeIs(err, http.StatusForbidden)
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

// errForbidden is why a token is rejected that the gateway's own, valid token may not ask
// about. IAM answers so about tokens of other accounts, Keystone about all if the
// gateway's user lacks the role for it: an operator is to see it.
var errForbidden = errors.New("the identity service forbids the gateway's user to validate this token")

// retryIdentity is when clients may ask again while the identity service is down.
const retryIdentity = 5 * time.Second

// unavailable reports that a token could not be validated. Nobody gets in then.
func unavailable(err error) error {
	return &driver.Error{
		Kind: driver.Unavailable, RetryAfter: retryIdentity, Err: errors.Join(errors.New("validate token"), err),
		Message: "The identity service cannot be reached, so the token could not be validated.",
	}
}

// Self is the gateway's own user as a caller, with its own token.
func (k *Keystone) Self(ctx context.Context) (driver.Caller, error) {
	own, err := k.own.get(ctx)
	if err != nil {
		return driver.Caller{}, unavailable(err)
	}
	caller, err := k.Authenticate(ctx, own)
	if driver.KindOf(err) != driver.Unauthorized {
		return caller, err
	}
	// The token has ended. Authenticate has replaced it, or replace does.
	if own, err = k.own.replace(ctx, own); err != nil {
		return driver.Caller{}, unavailable(err)
	}
	return k.Authenticate(ctx, own)
}
