package identity

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"
)

// issued makes a token of a user.
func issued(t *testing.T, ts tokens, user string, at time.Time) TokenHash {
	t.Helper()
	k := &Token{UserID: user, IssuedAt: at, Expires: at.Add(time.Hour)}
	copy(k.Hash[:], random(rand.Reader))
	must(t, ts.issue(t.Context(), k))
	return k.Hash
}

func found(t *testing.T, ts tokens, hash TokenHash, now time.Time) bool {
	t.Helper()
	k, err := ts.find(context.Background(), hash, now)
	must(t, err)
	return k != nil
}

// A user who logs in again and again pushes out tokens of their own, nobody else's.
func TestEachUserHasTheirShareOfTokens(t *testing.T) {
	ts := newMemoryTokens(TokenLimits{PerUser: 10, All: 1000})
	now := time.Unix(0, 0)
	kept := issued(t, ts, "quiet", now)
	first := issued(t, ts, "busy", now)
	var last TokenHash
	for range 1000 {
		last = issued(t, ts, "busy", now)
	}
	if !found(t, ts, kept, now) {
		t.Error("the other user is logged out")
	}
	if found(t, ts, first, now) || !found(t, ts, last, now) || len(ts.byHash) != 11 {
		t.Errorf("%d tokens are kept", len(ts.byHash))
	}
	issued(t, ts, "busy", now.Add(2*time.Hour))
	if len(ts.byHash) != 2 || ts.byUser["busy"].Len() != 1 {
		t.Errorf("%d expired tokens are kept", len(ts.byHash)-2)
	}
}

// Where all users together have too many, those who have most lose theirs.
func TestAllTokensAreBounded(t *testing.T) {
	ts := newMemoryTokens(TokenLimits{PerUser: 1000, All: 100})
	now := time.Unix(0, 0)
	kept := issued(t, ts, "few", now)
	for i := range 300 {
		issued(t, ts, fmt.Sprint(i%3), now)
	}
	if len(ts.byHash) != 100 || !found(t, ts, kept, now) {
		t.Errorf("%d tokens are kept", len(ts.byHash))
	}
}

func TestRevokedTokensAreForgotten(t *testing.T) {
	ts := newMemoryTokens(TokenLimits{PerUser: 10, All: 1000})
	now := time.Unix(0, 0)
	hash := issued(t, ts, "u", now)
	must(t, ts.revoke(t.Context(), hash))
	must(t, ts.revoke(t.Context(), hash)) // twice at the same time
	if found(t, ts, hash, now) || len(ts.byHash) != 0 || len(ts.byUser) != 0 {
		t.Errorf("%d tokens, %d users are kept", len(ts.byHash), len(ts.byUser))
	}
}

// revokedMeanwhile is a store in which a token is revoked while it is being read.
type revokedMeanwhile struct {
	*shelf
	revoke func(TokenHash)
}

func (r *revokedMeanwhile) Token(ctx context.Context, hash TokenHash) (*Token, error) {
	t, err := r.shelf.Token(ctx, hash)
	if f := r.revoke; f != nil {
		r.revoke = nil
		f(hash)
	}
	return t, err
}

// A request that reads a token from the store while another one revokes it does not bring it
// back into memory.
func TestRevokedWhileItIsRead(t *testing.T) {
	for what, end := range map[string]func(ts *keptTokens, hash TokenHash){
		"here": func(ts *keptTokens, hash TokenHash) { must(t, ts.revoke(t.Context(), hash)) },
		"at another gateway": func(ts *keptTokens, hash TokenHash) {
			must(t, ts.store.DeleteToken(t.Context(), hash))
			ts.forget()
		},
	} {
		store := &revokedMeanwhile{shelf: newShelf()}
		ts := newKeptTokens(store, TokenLimits{PerUser: 10, All: 10})
		now := time.Unix(0, 0)
		hash := issued(t, ts, "u", now)
		ts.forget()
		store.revoke = func(hash TokenHash) { end(ts, hash) }
		if !found(t, ts, hash, now) {
			t.Errorf("%s: it was not there before", what)
		}
		if found(t, ts, hash, now) {
			t.Errorf("%s: it is valid afterwards", what)
		}
	}
}

// What is in memory is bounded.
func TestTokensInMemoryAreBounded(t *testing.T) {
	ts := newKeptTokens(newShelf(), TokenLimits{PerUser: 1000, All: 3})
	now := time.Unix(0, 0)
	for n := range 10 {
		if hash := issued(t, ts, "u", now.Add(time.Duration(n)*time.Minute)); !found(t, ts, hash, now) {
			t.Error("it is not valid")
		}
	}
	if n := len(ts.byHash); n != 3 {
		t.Errorf("%d tokens are in memory", n)
	}
	later := now.Add(65 * time.Minute) // the first six have expired
	if hash := issued(t, ts, "u", later); !found(t, ts, hash, later) || len(ts.byHash) != 1 {
		t.Errorf("%d tokens are in memory", len(ts.byHash))
	}
}
