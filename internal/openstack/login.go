package openstack

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"cindergate/driver"
)

// Credential is what the gateway logs in with, for work that no caller's token comes with: an application
// credential, or a user with a password where the identity service has no application credentials.
type Credential struct {
	// IdentityURL is the identity service, with /v3.
	IdentityURL string
	// ID and Secret are those of an application credential.
	ID, Secret string
	// Otherwise: a user of a domain, and the project to work in. Domains and the project are names; the
	// project belongs to ProjectDomain.
	Username, Password, UserDomain string
	Project, ProjectDomain         string
}

// Login has a token of a credential, and renews it before it ends. It is safe for concurrent use.
type Login struct {
	name string
	http *Transport
	c    Credential

	mu      sync.Mutex
	caller  driver.Caller
	renewAt time.Time
}

// NewLogin returns a Login for a backend. It sends no request.
func NewLogin(o Options, c Credential) (*Login, error) {
	transport, err := NewTransport(o)
	if err != nil {
		return nil, err
	}
	c.IdentityURL = strings.TrimSuffix(c.IdentityURL, "/") + "/"
	return &Login{name: o.Name, http: transport, c: c}, nil
}

// identity is the service's name for the circuit breaker.
const identity = "identity"

// loginTime bounds a login, retries included.
const loginTime = 2 * time.Minute

// Caller returns the credential's user in its project, with a token that is valid for some time. The role is
// member, whatever the user may do, so that drivers ask for nothing of other projects.
func (l *Login) Caller(ctx context.Context) (driver.Caller, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.caller.Token != "" && l.http.Clock().Now().Before(l.renewAt) {
		return l.caller, nil
	}
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	client := l.http.Service(driver.Caller{}, identity, l.c.IdentityURL, "")
	asked := l.http.Clock().Now()
	answer := tokens.Create(ctx, client, l.options())
	token, err := answer.ExtractToken()
	if err != nil {
		return driver.Caller{}, l.refused(err)
	}
	project, err := answer.ExtractProject()
	if err != nil || project == nil || project.ID == "" {
		return driver.Caller{}, driver.Errorf(driver.Unauthorized, "The token that backend %s gives for the configured credential is for no project.", l.name)
	}
	user, err := answer.ExtractUser()
	if err != nil || user == nil {
		return driver.Caller{}, driver.Errorf(driver.Unavailable, "The login at backend %s was answered without a user.", l.name)
	}
	l.caller = driver.Caller{ProjectID: project.ID, UserID: user.ID, Role: driver.Member, Token: driver.Token(token.ID)}
	// Long work must not outlive its token; the two clocks may differ.
	l.renewAt = asked.Add(token.ExpiresAt.Sub(asked) * 3 / 4)
	return l.caller, nil
}

func (l *Login) options() *gophercloud.AuthOptions {
	if l.c.ID != "" {
		return &gophercloud.AuthOptions{IdentityEndpoint: l.c.IdentityURL, ApplicationCredentialID: l.c.ID, ApplicationCredentialSecret: l.c.Secret}
	}
	return &gophercloud.AuthOptions{
		IdentityEndpoint: l.c.IdentityURL, Username: l.c.Username, Password: l.c.Password, DomainName: l.c.UserDomain,
		Scope: &gophercloud.AuthScope{ProjectName: l.c.Project, DomainName: l.c.ProjectDomain},
	}
}

// refused classifies the error of a login. It never shows what was sent.
func (l *Login) refused(err error) error {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusBadRequest} {
		if gophercloud.ResponseCodeIs(err, status) {
			return driver.Wrap(driver.Unauthorized, l.http.Classify(err), "The login at backend %s was refused with status %d: the credential for its policies in the gateway's configuration is wrong, has expired or was deleted.", l.name, status)
		}
	}
	return l.http.Classify(err)
}

// Reject forgets a token that the cloud did not take.
func (l *Login) Reject(token driver.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.caller.Token == token {
		l.caller = driver.Caller{}
	}
}
