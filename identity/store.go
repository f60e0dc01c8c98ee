package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// Changes makes changes of accounts. A call that returns nil has made its change durable; one
// that fails has changed nothing.
type Changes interface {
	SaveProject(context.Context, Project) error
	// DeleteProject and DeleteUser delete the grants as well.
	DeleteProject(ctx context.Context, id string) error
	SaveUser(context.Context, Account) error
	DeleteUser(ctx context.Context, id string) error
	SaveGrant(context.Context, Grant) error
	DeleteGrant(context.Context, Grant) error
}

// Store keeps accounts and tokens.
type Store interface {
	TokenStore
	// Shared reports whether other gateways change the store as well.
	Shared() bool
	// Load returns all accounts as of one moment.
	Load(context.Context) (Accounts, error)
	// At makes changes to the accounts of a version. If a shared store has another version by
	// now, their error is [ErrStale].
	At(version string) Changes
	// Versions returns the versions of what a shared store has now.
	Versions(context.Context) (Versions, error)
	// LoginsRefused returns how long logins with one of the keys have to wait because too many
	// have failed; 0: not at all. It is asked of shared stores only.
	LoginsRefused(ctx context.Context, now time.Time, keys ...LoginKey) (time.Duration, error)
	// LoginFailed counts a failed login for each of the keys.
	LoginFailed(ctx context.Context, now time.Time, keys ...LoginKey) error
}

// ErrStale says that accounts have been changed by another gateway.
var ErrStale = errors.New("the accounts have been changed meanwhile")

// Versions change whenever something changes that gateways keep in memory.
type Versions struct {
	Accounts string // of all accounts
	Tokens   string // changes when tokens end before they expire
}

// TokenHash is the SHA-256 of a token. A token is 256 random bits, which cannot be searched,
// so that neither salt nor a slow hash is needed: whoever reads the hashes cannot log in.
type TokenHash [sha256.Size]byte

// Token is what a store keeps of a token.
type Token struct {
	Hash              TokenHash
	UserID            string
	ProjectID         string // "": unscoped
	Role              string // in the project when the token was made
	Methods           []string
	CredentialID      string // the application credential that the token comes from; "": none
	Stamp             string // what the token depends on: the password, say
	AuditID           string
	IssuedAt, Expires time.Time
}

// TokenLimits bound the tokens that are kept.
type TokenLimits struct {
	PerUser int // the user's oldest token goes for one more
	All     int // the oldest token of the user with most tokens goes for one more
}

// TokenStore keeps tokens. What it returns must not be changed.
type TokenStore interface {
	// SaveToken keeps a new token within the limits. It returns the hashes of the tokens that
	// had to go before they expired.
	SaveToken(context.Context, *Token, TokenLimits) (ended []TokenHash, err error)
	// Token returns a token, which may have expired; nil if there is none.
	Token(context.Context, TokenHash) (*Token, error)
	// DeleteToken ends a token. One that is gone is no error.
	DeleteToken(context.Context, TokenHash) error
}

// LoginKey is something whose failed logins are counted, such as an address.
type LoginKey struct {
	Key       string // of any length
	PerMinute int    // how many logins may fail a minute; as many may fail at once
}
