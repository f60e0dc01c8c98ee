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
	// renewAhead is how long before its expiry a token is replaced. If a tenth of its
	// lifetime is shorter, that applies instead.
	renewAhead = 5 * time.Minute
	// renewAgain is the pause after an early login that failed.
	renewAgain = 30 * time.Second
	// loginTime limits a login. A login continues if the caller that began it leaves.
	loginTime = 30 * time.Second
	// forbiddenPause is the pause after a login that did not help: the validation was still
	// forbidden. It limits the logins that strangers' tokens can cause.
	forbiddenPause = 10 * time.Second
)

// ownLogin keeps a valid token for the gateway's own user. It is safe for concurrent use.
type ownLogin struct {
	client  *gophercloud.ServiceClient // sends no token itself
	options gophercloud.AuthOptions
	clock   clockwork.Clock
	flight  flight.Group[string]

	mu            sync.Mutex
	token         string
	expires       time.Time // zero: the identity service did not say
	renewAt       time.Time // zero: never early
	forbiddenAt   time.Time
	forbiddenWith string // the gateway's token at forbiddenAt
}

// get returns the token. It logs in on the first call and shortly before the token expires.
// If an early login fails, the old token is used until it expires.
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

// replace logs in, unless the current token is already newer than old. Concurrent callers
// share one login.
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
	// Without a readable expiry, the first refusal shows that the token has expired.
	if document, err := result.ExtractToken(); err == nil && !document.ExpiresAt.IsZero() {
		l.expires = document.ExpiresAt
		l.renewAt = l.expires.Add(-min(renewAhead, l.expires.Sub(l.clock.Now())/10))
	}
	return id, nil
}

// forbidden notes that a validation was forbidden although the gateway's token was new. So
// the cause was the token to validate, not the gateway's.
func (l *ownLogin) forbidden(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forbiddenAt, l.forbiddenWith = l.clock.Now(), token
}

// justReplaced reports whether forbidden was called for the token within forbiddenPause.
func (l *ownLogin) justReplaced(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forbiddenWith == token && l.clock.Now().Before(l.forbiddenAt.Add(forbiddenPause))
}
