package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/chunk"
	"cindergate/internal/meta"
)

// access is what is known about the trust for an account.
type access struct {
	requests sync.Mutex // one request at a time looks after the trust

	mu      sync.Mutex
	checked time.Time // when a request last looked after it
}

const (
	// trustAge is how long a request relies on an earlier check of a trust.
	trustAge = time.Minute
	// trustTime bounds what a request spends on one trust.
	trustTime = 20 * time.Second
)

// needsTrust stops the transaction of a request until [Core.Entrusting] has looked after the
// trust for the account.
type needsTrust struct{ account *Store }

func (n *needsTrust) Error() string { return "the trust for " + n.account.key() + " is to be checked" }

// Use returns an error for [Core.Entrusting] unless jobs of the request can use the part of a
// store that has the backups of a project. Requests that queue such jobs call it in their
// transaction, after the checks of their own.
func (c *Core) Use(row, projectID string) error {
	s, err := c.Stores.Of(row, projectID)
	if err != nil {
		return nil //nolint:nilerr // the job says that the store is not configured
	}
	if s.ProjectID == "" || c.trusted(s) {
		return nil
	}
	return &needsTrust{s}
}

// trusted reports whether the trust for an account was checked lately, and no job has found
// it invalid since.
func (c *Core) trusted(s *Store) bool {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	account, ok := s.Store.(chunk.Account)
	return ok && !account.Untrusted() && !s.access.checked.IsZero() && c.Clock.Now().Sub(s.access.checked) < trustAge
}

// maxTrusts bounds the accounts that one request uses.
const maxTrusts = 3

// Entrusting runs a request. Where the request stops because of [Core.Use], it makes sure
// that there is a trust for the account, and runs the request again. A trust is made with the
// caller's token, for jobs outlive the token. Nobody but a user of the project can make one.
func (c *Core) Entrusting(ctx context.Context, who driver.Caller, run func() error) error {
	for range maxTrusts {
		err := run()
		var needs *needsTrust
		if !errors.As(err, &needs) {
			return err
		}
		if err := c.entrust(ctx, who, needs.account); err != nil {
			return err
		}
	}
	return driver.Errorf(driver.Unavailable, "The trust for the account of the project could not be kept. Try again.")
}

func (c *Core) entrust(ctx context.Context, who driver.Caller, s *Store) error {
	account, ok := s.Store.(chunk.Account)
	if !ok {
		return driver.Errorf(driver.Internal, "The backup store %s has no account of the project.", s.Name)
	}
	s.access.requests.Lock()
	defer s.access.requests.Unlock()
	if c.trusted(s) {
		return nil // another request has just done it
	}
	ctx, cancel := context.WithTimeout(ctx, trustTime)
	defer cancel()
	row, err := c.DB.Trust(ctx, s.key())
	if err != nil {
		return Classify(err)
	}
	why := account.Login(ctx)
	switch {
	case why == nil:
	case !errors.Is(why, chunk.ErrNoTrust):
		if row == nil || ctx.Err() != nil {
			return unentrusted(ctx, why)
		}
		// The identity service is away. The job waits for it.
	case who.ProjectID != s.ProjectID || who.Token == "":
		return unentrusted(ctx, why) // only a user of the project can make a trust
	default:
		if err := c.renewTrust(ctx, who, s, account, row); err != nil {
			return err
		}
	}
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	s.access.checked = c.Clock.Now()
	return nil
}

// renewTrust makes a trust with the caller's token, stores it and tries it.
func (c *Core) renewTrust(ctx context.Context, who driver.Caller, s *Store, account chunk.Account, row *meta.Trust) error {
	old := ""
	if row != nil {
		old = row.ID
	}
	id, err := s.accounts.Entrust(ctx, s.ProjectID, string(who.Token), old)
	if err != nil {
		return unentrusted(ctx, err)
	}
	err = c.keepTrust(context.WithoutCancel(ctx), s, id)
	if err != nil {
		return Classify(err)
	}
	c.Log.Info("a trust was made", zap.String("store", s.Name), zap.String("project_id", s.ProjectID), zap.String("user_id", who.UserID),
		zap.String("request_id", who.RequestID))
	if err := account.Login(ctx); err != nil {
		return unentrusted(ctx, err)
	}
	return nil
}

func (c *Core) keepTrust(ctx context.Context, s *Store, id string) error {
	return c.DB.Write(ctx, func(tx *meta.Tx) error { return tx.PutTrust(&meta.Trust{Account: s.key(), ID: id, CreatedAt: tx.Now}) })
}

// unentrusted returns the error for a request that cannot use an account.
func unentrusted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return Classify(ctx.Err())
	}
	if errors.Is(err, chunk.ErrNoTrust) {
		return driver.Wrap(driver.Forbidden, err, "%s", ReasonOf(err))
	}
	return driver.Wrap(driver.Unavailable, err, "%s", ReasonOf(err))
}

// Trust returns the id of the trust for an account. If none is stored, because the database
// was lost, it searches for one at the identity service. "": there is none.
func (c *Core) Trust(ctx context.Context, s *Store) (string, error) {
	row, err := c.DB.Trust(ctx, s.key())
	if err != nil {
		return "", err
	}
	if row != nil {
		return row.ID, nil
	}
	id, err := s.accounts.FindTrust(ctx, s.ProjectID)
	if err != nil || id == "" {
		return "", err
	}
	return id, c.keepTrust(ctx, s, id)
}
