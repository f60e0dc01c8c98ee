package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/jonboulle/clockwork"

	"cindergate/internal/flight"
)

const (
	// renewAhead is how long before its end a token is replaced, or a tenth of its
	// lifetime if that is shorter.
	renewAhead = 5 * time.Minute
	// renewAgain is the pause after a login ahead of time that failed.
	renewAgain = 30 * time.Second
	// loginTime bounds a login, which goes on when the caller that began it leaves.
	loginTime = 30 * time.Second
	// forbiddenPause is how long after a login in vain, for a validation that stayed
	// forbidden, no other follows without need. It bounds the logins that strangers' tokens
	// cause.
	forbiddenPause = 10 * time.Second
)

// ownLogin keeps a valid token of the gateway's own user. It is safe for concurrent use.
type ownLogin struct {
	client  *gophercloud.ServiceClient // has no token itself
	options gophercloud.AuthOptions
	clock   clockwork.Clock
	flight  flight.Group[string]

	mu            sync.Mutex
	token         string
	expires       time.Time // zero: the identity service did not say
	renewAt       time.Time // zero: never ahead of time
	forbiddenAt   time.Time
	forbiddenWith string // the token at forbiddenAt
}

// get returns the token. It logs in the first time and shortly before the token ends. If
// the latter fails, the token is used for as long as it lasts.
func (l *ownLogin) get(ctx context.Context) (string, error) {
	l.mu.Lock()
	token, now := l.token, l.clock.Now()
	due := token == "" || !l.renewAt.IsZero() && !now.Before(l.renewAt)
	usable := token != "" && now.Before(l.expires)
	l.mu.Unlock()
	if !due {
		return token, nil
	}
	fresh, err := l.replace(ctx, token)
	if err != nil && usable {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.token == token {
			l.renewAt = now.Add(renewAgain)
		}
		return l.token, nil
	}
	return fresh, err
}

// replace logs in, unless the token is another one than old already. Callers at the same
// time share one login.
func (l *ownLogin) replace(ctx context.Context, old string) (string, error) {
	return l.flight.Do(ctx, "", loginTime, func(ctx context.Context) (string, error) {
		l.mu.Lock()
		token := l.token
		l.mu.Unlock()
		if token != old {
			return token, nil
		}
		return l.login(ctx)
	})
}

func (l *ownLogin) login(ctx context.Context) (string, error) {
	result := tokens.Create(ctx, l.client, &l.options)
	id, err := result.ExtractTokenID()
	if err == nil && id == "" {
		err = errors.New("the answer to the login has no X-Subject-Token")
	}
	if err != nil {
		return "", errors.Join(errors.New("log in"), err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token, l.expires, l.renewAt = id, time.Time{}, time.Time{}
	// Without a time that can be read, the first refusal tells that the token has ended.
	if document, err := result.ExtractToken(); err == nil && !document.ExpiresAt.IsZero() {
		l.expires = document.ExpiresAt
		l.renewAt = l.expires.Add(-min(renewAhead, l.expires.Sub(l.clock.Now())/10))
	}
	return id, nil
}

// forbidden notes that a validation with a token fresh from a login was forbidden: so it
// was about the token that was to be validated.
func (l *ownLogin) forbidden(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forbiddenAt, l.forbiddenWith = l.clock.Now(), token
}

// justReplaced tells whether forbidden was told of the token a moment ago.
func (l *ownLogin) justReplaced(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forbiddenWith == token && l.clock.Now().Before(l.forbiddenAt.Add(forbiddenPause))
}
