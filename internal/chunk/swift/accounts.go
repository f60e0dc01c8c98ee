package swift

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/trusts"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/chunk/object"
)

// TrustRoles are the roles that a trust passes on by default, as far as the user has them.
// Swift's operator_roles usually name one of them. The role admin is not among them: a trust
// for it would let the store do anything in the cloud.
var TrustRoles = []string{"member", "swiftoperator"}

// Accounts are the containers in the accounts of all projects (swift.py, backup_swift_auth =
// per_user). All accounts share the connections, the uploads and the retry budget.
type Accounts struct {
	login  Login
	roles  []string
	policy string
	renew  time.Duration
	http   http.Client
	base   *object.Store

	mu     sync.Mutex
	userID string // of the store's own user; "": not known yet
}

var _ chunk.Accounts = (*Accounts)(nil)

// NewAccounts returns the store. It sends no request. Login is that of the store's own user,
// at Keystone; roles are what trusts pass on, nil: [TrustRoles].
func NewAccounts(o Options, roles []string) (*Accounts, error) {
	transport, pauser, err := o.prepare()
	if err != nil {
		return nil, err
	}
	if len(roles) == 0 {
		roles = TrustRoles
	}
	operator := fmt.Sprintf("of an operator of the account, which one of the roles %s must give", strings.Join(roles, ", "))
	o.Permissions = map[string]string{}
	for op := range permissions {
		o.Permissions[op] = operator
	}
	return &Accounts{login: o.Login, roles: roles, policy: o.StoragePolicy, renew: o.RenewAfter,
		http: http.Client{Transport: transport}, base: object.New(nil, pauser, o.Options)}, nil
}

// Layout returns the layout of Cinder's swift driver.
func (a *Accounts) Layout() layout.Layout { return a.base.Layout() }

// account is the store in one account.
type account struct {
	*object.Store
	session *session
}

// Account implements [chunk.Accounts].
func (a *Accounts) Account(projectID string, trust func(context.Context) (string, error)) chunk.Account {
	c := &client{policy: a.policy, session: session{login: a.login, http: a.http, renewAfter: a.renew,
		account: &trusted{accounts: a, projectID: projectID, trust: trust}}}
	return &account{Store: a.base.With(c), session: &c.session}
}

// Login implements [chunk.Account].
func (a *account) Login(ctx context.Context) error {
	a.session.forget()
	_, err := a.session.service(ctx)
	return a.Explain("log in", err)
}

// Untrusted implements [chunk.Account].
func (a *account) Untrusted() bool { return a.session.account.dead.Load() }

// noTrust says why an account cannot be used, and what to do.
func noTrust(projectID, why string) error {
	return &object.Error{Kind: object.NoTrust, Err: chunk.ErrNoTrust, Text: fmt.Sprintf(
		"it cannot use the Swift account of project %s, because %s. A member of the project who logged in with a password "+
			"renews the trust with any request that creates, restores, deletes or imports a backup", projectID, why)}
}

// self logs in as the store's own user, and returns the client of Keystone and the user's id.
func (a *Accounts) self(ctx context.Context) (*gophercloud.ServiceClient, string, error) {
	provider, err := openstack.NewClient(a.login.AuthURL)
	if err != nil {
		return nil, "", err
	}
	provider.HTTPClient = a.http
	o := a.login.options(&gophercloud.AuthScope{})
	if a.login.Project != "" {
		o.Scope = &gophercloud.AuthScope{ProjectName: a.login.Project, DomainID: a.login.ProjectDomain}
	}
	if err := openstack.AuthenticateV3(ctx, provider, &o, gophercloud.EndpointOpts{}); err != nil {
		return nil, "", refusedLogin(silent(err))
	}
	user, err := provider.GetAuthResult().(tokens.CreateResult).ExtractUser()
	if err != nil {
		return nil, "", err
	}
	keystone, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	return keystone, user.ID, err
}

// trustee returns the id of the store's own user.
func (a *Accounts) trustee(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.userID == "" {
		_, id, err := a.self(ctx)
		if err != nil {
			return "", err
		}
		a.userID = id
	}
	return a.userID, nil
}

// Entrust implements [chunk.Accounts].
func (a *Accounts) Entrust(ctx context.Context, projectID, token, old string) (string, error) {
	id, err := a.entrust(ctx, projectID, token, old)
	return id, a.base.Explain("log in", err)
}

func (a *Accounts) entrust(ctx context.Context, projectID, token, old string) (string, error) {
	trustee, err := a.trustee(ctx)
	if err != nil {
		return "", err
	}
	provider, err := openstack.NewClient(a.login.AuthURL)
	if err != nil {
		return "", err
	}
	provider.HTTPClient = a.http
	provider.SetToken(token)
	keystone, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	if err != nil {
		return "", err
	}
	caller := tokens.Get(ctx, keystone, token)
	if caller.Err != nil {
		return "", a.refused(projectID, caller.Err)
	}
	user, err := caller.ExtractUser()
	if err != nil {
		return "", err
	}
	project, err := caller.ExtractProject()
	if err != nil {
		return "", err
	}
	if project == nil || project.ID != projectID {
		return "", noTrust(projectID, "the caller's token is for another project")
	}
	own, err := caller.ExtractRoles()
	if err != nil {
		return "", err
	}
	var roles []trusts.Role
	for _, r := range own {
		if slices.ContainsFunc(a.roles, func(name string) bool { return strings.EqualFold(name, r.Name) }) {
			roles = append(roles, trusts.Role{ID: r.ID})
		}
	}
	if len(roles) == 0 {
		return "", noTrust(projectID, "the caller has none of the roles "+strings.Join(a.roles, ", "))
	}
	trust, err := trusts.Create(ctx, keystone, trusts.CreateOpts{Impersonation: true, TrusteeUserID: trustee, TrustorUserID: user.ID,
		ProjectID: projectID, Roles: roles}).Extract()
	if err != nil {
		return "", a.refused(projectID, err)
	}
	if old != "" {
		_ = trusts.Delete(ctx, keystone, old).Err // Keystone refuses if it is another user's, which ends with that user
	}
	return trust.ID, nil
}

// refused says why Keystone made no trust with the caller's token.
func (a *Accounts) refused(projectID string, err error) error {
	switch code := status(err); code {
	case http.StatusUnauthorized:
		return noTrust(projectID, "Keystone no longer accepts the caller's token (401)")
	case http.StatusForbidden:
		return noTrust(projectID, "Keystone makes no trust for this login (403): an application credential may not make one")
	case http.StatusNotFound:
		return noTrust(projectID, "Keystone made no trust (404): the caller has no role in the project, or the store's user is gone")
	case 0:
		return err
	default:
		return answered(code, nil)
	}
}

// maxTried bounds the trusts that one search tries.
const maxTried = 16

// FindTrust implements [chunk.Accounts]. The store's user may list the trusts that were made
// for it.
func (a *Accounts) FindTrust(ctx context.Context, projectID string) (string, error) {
	keystone, userID, err := a.self(ctx)
	if err != nil {
		return "", a.base.Explain("log in", err)
	}
	var ids []string
	err = trusts.List(keystone, trusts.ListOpts{TrusteeUserID: userID}).EachPage(ctx, func(_ context.Context, page pagination.Page) (bool, error) {
		all, err := trusts.ExtractTrusts(page)
		for _, t := range all {
			if t.ProjectID == projectID && t.TrusteeUserID == userID && t.Impersonation {
				ids = append(ids, t.ID)
			}
		}
		return len(ids) < maxTried, err
	})
	if err != nil {
		return "", a.base.Explain("log in", refusedLogin(silent(err)))
	}
	for _, id := range ids[:min(len(ids), maxTried)] {
		err := a.Account(projectID, func(context.Context) (string, error) { return id, nil }).Login(ctx)
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, chunk.ErrNoTrust) {
			return "", err
		}
	}
	return "", nil
}

// Probe implements [chunk.Accounts].
func (a *Accounts) Probe(ctx context.Context) ([]string, error) {
	if _, _, err := a.self(ctx); err != nil {
		return nil, a.base.Explain("log in", err)
	}
	return []string{fmt.Sprintf("logged in as %s; the account of a project is tried when it is used", a.login.User)}, nil
}
