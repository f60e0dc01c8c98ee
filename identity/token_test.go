package identity

import (
	"fmt"
	"testing"
	"time"
)

// A user who logs in again and again pushes out tokens of their own, nobody else's.
func TestEachUserHasTheirShareOfTokens(t *testing.T) {
	ts := newTokens(10)
	now := time.Unix(0, 0)
	hour := func(u *user) *token { return &token{user: u, issuedAt: now, expires: now.Add(time.Hour)} }
	quiet, busy := &user{id: "quiet"}, &user{id: "busy"}
	kept := ts.issue(hour(quiet))
	first := ts.issue(hour(busy))
	var last string
	for range 1000 {
		last = ts.issue(hour(busy))
	}
	if ts.get(kept, now) == nil {
		t.Error("the other user is logged out")
	}
	if ts.get(first, now) != nil || ts.get(last, now) == nil || len(ts.byHash) != 11 {
		t.Errorf("%d tokens are kept", len(ts.byHash))
	}
	ts.issue(&token{user: busy, issuedAt: now.Add(2 * time.Hour), expires: now.Add(3 * time.Hour)})
	if len(ts.byHash) != 2 || ts.byUser["busy"].Len() != 1 {
		t.Errorf("%d expired tokens are kept", len(ts.byHash)-2)
	}
}

// Where all users together have too many, those who have most lose theirs.
func TestAllTokensAreBounded(t *testing.T) {
	ts := newTokens(1000)
	ts.most = 100
	now := time.Unix(0, 0)
	few := &user{id: "few"}
	kept := ts.issue(&token{user: few, issuedAt: now, expires: now.Add(time.Hour)})
	for i := range 300 {
		ts.issue(&token{user: &user{id: fmt.Sprint(i % 3)}, issuedAt: now, expires: now.Add(time.Hour)})
	}
	if len(ts.byHash) != 100 || ts.get(kept, now) == nil {
		t.Errorf("%d tokens are kept", len(ts.byHash))
	}
}

func TestRevokedTokensAreForgotten(t *testing.T) {
	ts := newTokens(10)
	now := time.Unix(0, 0)
	tok := &token{user: &user{id: "u"}, issuedAt: now, expires: now.Add(time.Hour)}
	text := ts.issue(tok)
	ts.revoke(tok)
	ts.revoke(tok) // twice at the same time
	if ts.get(text, now) != nil || len(ts.byHash) != 0 || len(ts.byUser) != 0 {
		t.Errorf("%d tokens, %d users are kept", len(ts.byHash), len(ts.byUser))
	}
}
