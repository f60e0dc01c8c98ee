package swift

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"cindergate/internal/chunk/object"
)

// trusted is how a session logs in to the account of a project.
type trusted struct {
	accounts  *Accounts
	projectID string
	trust     func(context.Context) (string, error)
	dead      atomic.Bool // the last login found no valid trust
}

// authenticate logs in with the trust. Keystone answers 401 to a trust that was deleted or
// whose trustor is gone, and 403 if the trustor has lost a role.
func (t *trusted) authenticate(ctx context.Context, provider *gophercloud.ProviderClient, login Login) error {
	id, err := t.trust(ctx)
	if err != nil {
		return err
	}
	if id == "" {
		t.dead.Store(true)
		return noTrust(t.projectID, "no user of the project has made a trust for it")
	}
	o := login.options(&gophercloud.AuthScope{TrustID: id})
	err = openstack.AuthenticateV3(ctx, provider, &o, gophercloud.EndpointOpts{})
	switch code := status(err); code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		// The same answer says that the store's own login is wrong.
		if _, _, err := t.accounts.self(ctx); err != nil {
			return err
		}
		t.dead.Store(true)
		return noTrust(t.projectID, fmt.Sprintf("Keystone no longer accepts the trust (%d): the user who made it is gone or has lost a role", code))
	}
	if err != nil {
		return silent(err)
	}
	project, err := provider.GetAuthResult().(tokens.CreateResult).ExtractProject()
	if err != nil {
		return err
	}
	if project == nil || project.ID != t.projectID {
		t.dead.Store(true)
		return noTrust(t.projectID, "the trust is for another project")
	}
	t.dead.Store(false)
	return nil
}

// silent drops the text of an answer of Keystone, which may hold the id of a trust.
func silent(err error) error {
	if code := status(err); code != 0 {
		return &object.Error{Kind: answeredKind(code), Text: fmt.Sprintf("Keystone answered %d", code)}
	}
	return err
}
