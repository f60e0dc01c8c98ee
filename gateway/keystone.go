package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/internal/flight"
)

// KeystoneOptions configure a Keystone.
type KeystoneOptions struct {
	// URL is the identity endpoint, including /v3.
	URL string
	// The gateway's own user. It must be allowed to validate tokens.
	Username, Password, Project, UserDomain, ProjectDomain string
	// AdminRoles, MemberRoles and ReaderRoles name the roles; nil: admin, member and
	// reader. AnyRole matches every role.
	AdminRoles, MemberRoles, ReaderRoles []string
	// ServiceRoles mark the token of a service, which may send it as X-Service-Token; nil:
	// service. AnyServiceToken also accepts service tokens without these roles, but they
	// grant nothing.
	ServiceRoles    []string
	AnyServiceToken bool
	// ServiceTypes are the service types of the gateway in access rules of application
	// credentials; nil: [ServiceTypes].
	ServiceTypes []string
	// CacheSize and CacheTime limit the cache of valid tokens; no token is cached beyond
	// its expiry. RejectTime limits the cache of invalid tokens. 0: 10,000, 1 min, 10 s.
	CacheSize             int
	CacheTime, RejectTime time.Duration
	// Timeout limits one validation; 0: 10 s.
	Timeout   time.Duration
	Transport http.RoundTripper // nil: the default
	// Clock is the clock of caches and lifetimes; nil: the system's.
	Clock clockwork.Clock
}

// AnyRole among the roles of [KeystoneOptions] matches every role. It is for clouds that
// enforce roles themselves and whose role names are not known beforehand.
const AnyRole = "*"

// ServiceTypes are the types of Cinder in service catalogues.
var ServiceTypes = []string{"block-storage", "volumev3", "volumev2", "volume"}

// Keystone validates tokens at a Keystone identity service.
type Keystone struct {
	o       KeystoneOptions
	client  *gophercloud.ServiceClient
	own     *ownLogin
	known   *lru.Cache[[sha256.Size]byte, verdict]
	flights flight.Group[verdict]
}

// verdict is the cached result of validating a token.
type verdict struct {
	valid   bool
	caller  driver.Caller
	service bool          // it has one of the service roles
	rules   *[]accessRule // the only requests that it allows; nil: all
	reason  error         // of a rejection, for the log; may be nil
	until   time.Time
}

// NewKeystone makes a Keystone. It logs in only when it validates its first token, so the
// gateway can start while the identity service is down.
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
	if o.ServiceRoles == nil {
		o.ServiceRoles = []string{"service"}
	}
	if o.ServiceTypes == nil {
		o.ServiceTypes = ServiceTypes
	}
	if o.Clock == nil {
		o.Clock = clockwork.NewRealClock()
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
	own := &ownLogin{client: client, clock: o.Clock, options: gophercloud.AuthOptions{
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

// Authenticate implements Authenticator.
func (k *Keystone) Authenticate(ctx context.Context, token string) (driver.Caller, error) {
	v, err := k.verdict(ctx, token, false)
	return v.caller, err
}

var _ RequestAuthenticator = (*Keystone)(nil)

// AuthenticateRequest implements RequestAuthenticator, as keystonemiddleware's auth_token
// does for Cinder. With a service's token in X-Service-Token, the caller's own token may be
// expired, if the identity service still accepts it, and access rules of its application
// credential do not apply. A caller without a project has no ProjectID.
func (k *Keystone) AuthenticateRequest(r *http.Request) (driver.Caller, error) {
	var fromService bool
	serviceToken := r.Header.Get("X-Service-Token")
	if serviceToken != "" {
		service, err := k.verdict(r.Context(), serviceToken, false)
		if err != nil {
			return driver.Caller{}, err
		}
		if fromService = service.service; !fromService && !k.o.AnyServiceToken {
			return driver.Caller{}, driver.Wrap(driver.Unauthorized, errNoService, unauthorizedText)
		}
	}
	v, err := k.verdict(r.Context(), r.Header.Get("X-Auth-Token"), fromService)
	if err != nil {
		return driver.Caller{}, err
	}
	if v.rules != nil && !fromService && !slices.ContainsFunc(*v.rules, func(a accessRule) bool { return a.allows(r, k.o.ServiceTypes) }) {
		return driver.Caller{}, driver.Wrap(driver.Unauthorized, errAgainstRules, unauthorizedText)
	}
	v.caller.ServiceToken = driver.Token(serviceToken)
	return v.caller, nil
}

// Reasons for rejecting a token.
var (
	errNoService    = errors.New("the service token has none of the roles of services")
	errAgainstRules = errors.New("the rules of the application credential do not allow the request")
	errNoExpiry     = errors.New("the identity service does not say when the token expires")
	errExpired      = errors.New("the token has expired")
)

// verdict validates a token, or returns the cached result. Only one validation of a token
// runs at a time. It continues for the other callers if one client leaves.
func (k *Keystone) verdict(ctx context.Context, token string, expired bool) (verdict, error) {
	key := sha256.Sum256([]byte(strconv.FormatBool(expired) + token))
	v, ok := k.known.Get(key)
	if !ok || !k.o.Clock.Now().Before(v.until) {
		var err error
		v, err = k.flights.Do(ctx, string(key[:]), k.o.Timeout, func(ctx context.Context) (verdict, error) {
			if v, ok := k.known.Get(key); ok && k.o.Clock.Now().Before(v.until) {
				return v, nil // another validation has ended in the meantime
			}
			v, err := k.validate(ctx, token, expired)
			if err == nil {
				k.known.Add(key, v)
			}
			return v, err
		})
		switch {
		case errors.Is(err, context.Canceled) && ctx.Err() != nil:
			return verdict{}, driver.Left(err)
		case err != nil && driver.KindOf(err) == driver.Internal:
			return verdict{}, unavailable(err)
		case err != nil:
			return verdict{}, err
		}
	}
	if !v.valid {
		if v.reason != nil {
			return verdict{}, driver.Wrap(driver.Unauthorized, v.reason, unauthorizedText)
		}
		return verdict{}, errNoToken
	}
	v.caller.Token = driver.Token(token)
	return v, nil
}

// tokenDocument has the fields of a token that the gateway uses (keystone's GET
// /v3/auth/tokens).
type tokenDocument struct {
	Token struct {
		ExpiresAt time.Time           `json:"expires_at"`
		User      struct{ ID string } `json:"user"`
		Project   struct{ ID string } `json:"project"`
		Roles     []struct {
			Name string `json:"name"`
		} `json:"roles"`
		ApplicationCredential struct {
			// null means no restriction; an empty list allows nothing.
			AccessRules *[]accessRule `json:"access_rules"`
		} `json:"application_credential"`
	} `json:"token"`
}

// validate asks the identity service about a token. If expired is true, the token may have
// expired.
func (k *Keystone) validate(ctx context.Context, token string, expired bool) (verdict, error) {
	own, err := k.own.get(ctx)
	if err != nil {
		return verdict{}, unavailable(err)
	}
	doc, err := k.look(ctx, own, token, expired)
	if refused(err) && (!k.own.justReplaced(own) || !k.valid(ctx, own)) {
		// The gateway's own token is no longer valid. Keystone answers 401 then, IAM 403.
		if own, err = k.own.replace(ctx, own); err != nil {
			return verdict{}, unavailable(err)
		}
		if doc, err = k.look(ctx, own, token, expired); gophercloud.ResponseCodeIs(err, http.StatusForbidden) {
			k.own.forbidden(own)
		}
	}
	now := k.o.Clock.Now()
	switch {
	case gophercloud.ResponseCodeIs(err, http.StatusNotFound), gophercloud.ResponseCodeIs(err, http.StatusBadRequest):
		return verdict{until: now.Add(k.o.RejectTime)}, nil
	case gophercloud.ResponseCodeIs(err, http.StatusForbidden):
		return verdict{until: now.Add(k.o.RejectTime), reason: errors.Join(errForbidden, err)}, nil
	case err != nil:
		return verdict{}, unavailable(err)
	}
	v := verdict{
		valid:   true,
		caller:  driver.Caller{ProjectID: doc.Token.Project.ID, UserID: doc.Token.User.ID, Role: k.role(&doc)},
		service: slices.ContainsFunc(k.o.ServiceRoles, doc.has),
		rules:   doc.Token.ApplicationCredential.AccessRules,
		until:   now.Add(k.o.CacheTime),
	}
	switch ends := doc.Token.ExpiresAt; {
	case ends.IsZero():
		return verdict{until: now.Add(k.o.RejectTime), reason: errNoExpiry}, nil
	case !expired && !now.Before(ends):
		return verdict{until: now.Add(k.o.RejectTime), reason: errExpired}, nil
	case !expired && v.until.After(ends):
		v.until = ends
	}
	return v, nil
}

// look asks the identity service about a token, with the gateway's own token. IAM omits the
// catalogue for any text as nocatalog (Huawei API reference, iam_30_0004), Keystone
// whenever the parameter is present.
//
// Keystone shows the token of an application credential with access rules only to clients
// that declare support for access rules.
func (k *Keystone) look(ctx context.Context, own, token string, expired bool) (doc tokenDocument, err error) {
	query := "?nocatalog=1"
	if expired {
		query += "&allow_expired=1"
	}
	_, err = k.client.Get(ctx, k.client.ServiceURL("auth", "tokens")+query, &doc, &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"X-Auth-Token": own, "X-Subject-Token": token, "OpenStack-Identity-Access-Rules": "1.0"},
		OkCodes:     []int{http.StatusOK},
	})
	return doc, err
}

// has reports whether a token has a role.
func (d *tokenDocument) has(role string) bool {
	for _, r := range d.Token.Roles {
		if r.Name == role || role == AnyRole {
			return true
		}
	}
	return false
}

// valid reports whether the gateway's own token is still valid. Any token may be used to
// ask about itself.
func (k *Keystone) valid(ctx context.Context, own string) bool {
	_, err := k.look(ctx, own, own, false)
	return err == nil
}

// refused reports whether an answer may mean that the gateway's own token is invalid.
func refused(err error) bool {
	return gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) || gophercloud.ResponseCodeIs(err, http.StatusForbidden)
}

func (k *Keystone) role(doc *tokenDocument) driver.Role {
	switch {
	case slices.ContainsFunc(k.o.AdminRoles, doc.has):
		return driver.Admin
	case slices.ContainsFunc(k.o.MemberRoles, doc.has):
		return driver.Member
	case slices.ContainsFunc(k.o.ReaderRoles, doc.has):
		return driver.Reader
	}
	return driver.NoRole
}

// errForbidden is the reason for rejecting a token that the gateway's own valid token may
// not ask about. IAM answers so about tokens of other accounts. Keystone answers so about
// all tokens if the gateway's user lacks the necessary role; operators must see that.
var errForbidden = errors.New("the identity service forbids the gateway's user to validate this token")

// retryIdentity is the Retry-After while the identity service is down.
const retryIdentity = 5 * time.Second

// unavailable returns the error for a token that could not be validated. Such a request is
// refused.
func unavailable(err error) error {
	return &driver.Error{
		Kind: driver.Unavailable, RetryAfter: retryIdentity, Err: errors.Join(errors.New("validate token"), err),
		Message: "The identity service cannot be reached, so the token could not be validated.",
	}
}

// Self returns the gateway's own user as a caller, with its own token.
func (k *Keystone) Self(ctx context.Context) (driver.Caller, error) {
	own, err := k.own.get(ctx)
	if err != nil {
		return driver.Caller{}, unavailable(err)
	}
	caller, err := k.Authenticate(ctx, own)
	if driver.KindOf(err) != driver.Unauthorized {
		return caller, err
	}
	// The token has expired. If Authenticate has not replaced it yet, replace does.
	if own, err = k.own.replace(ctx, own); err != nil {
		return driver.Caller{}, unavailable(err)
	}
	return k.Authenticate(ctx, own)
}
