package chunk

import (
	"context"
	"errors"

	"cindergate/internal/chunk/layout"
)

// Accounts is a store on the network that keeps the objects of each project in the project's
// own account, as Cinder's backup_swift_auth = per_user does. It logs in to an account with a
// trust: the right of the store's own user to act for a user of the project.
type Accounts interface {
	Layout() layout.Layout
	// Account returns the store in the account of a project. It sends no request. Whenever
	// the store logs in, it calls trust, which returns the id of a trust; "": there is none.
	Account(projectID string, trust func(context.Context) (string, error)) Account
	// Entrust makes a trust with the token of a user of the project, and returns its id. It
	// deletes the old one, if that is the user's own. The error is a [Failure]; it wraps
	// ErrNoTrust if no trust can be made with this token.
	Entrust(ctx context.Context, projectID, token, old string) (id string, err error)
	// FindTrust returns the id of a valid trust for the project that was made earlier; "" if
	// there is none.
	FindTrust(ctx context.Context, projectID string) (id string, err error)
	// Probe tries the login of the store's own user, and returns what it found, one sentence
	// each.
	Probe(ctx context.Context) (findings []string, err error)
}

// Account is the store in the account of one project.
type Account interface {
	Remote
	// Login logs in again with the trust. The error wraps ErrNoTrust if there is none, or if
	// it is no longer valid.
	Login(ctx context.Context) error
	// Untrusted reports whether the last login found no valid trust.
	Untrusted() bool
}

// ErrNoTrust is the cause of an error that says that no trust lets the store use an account.
var ErrNoTrust = errors.New("there is no valid trust")
