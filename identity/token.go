package identity

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"slices"
	"sync"
	"time"

	"cindergate/driver"
)

// maxTokens bounds what is kept. Beyond it the user with most tokens loses the oldest one.
const maxTokens = 100_000

// DefaultTokensPerUser is for [Options] without TokensPerUser.
const DefaultTokensPerUser = 5000

// token is a caller, as a token and the present accounts describe it.
type token struct {
	hash              TokenHash
	methods           []string
	user              *user
	project           project // zero: unscoped
	role              driver.Role
	credential        *appCredential // nil: none
	audit             string
	issuedAt, expires time.Time
}

// kept is what a store keeps of the token.
func (t *token) kept() *Token {
	k := &Token{
		Hash: t.hash, UserID: t.user.id, ProjectID: t.project.id, Role: roleName(t.role), Methods: slices.Clone(t.methods),
		Stamp: t.user.stamp, AuditID: t.audit, IssuedAt: t.issuedAt, Expires: t.expires,
	}
	if c := t.credential; c != nil {
		k.CredentialID, k.Stamp = c.id, k.Stamp+" "+c.secret.stamp
	}
	return k
}

// tokens issues tokens and finds them again.
type tokens interface {
	issue(context.Context, *Token) error
	// find returns a token that has not expired; nil if there is none.
	find(ctx context.Context, hash TokenHash, now time.Time) (*Token, error)
	revoke(context.Context, TokenHash) error
}

// memoryTokens are the tokens of a service without a store: a restart ends them. Each user has
// a share of its own, so that nobody pushes out the tokens of others.
type memoryTokens struct {
	limits TokenLimits

	mu     sync.RWMutex
	byHash map[TokenHash]*list.Element // of *Token, in the list of its user
	byUser map[string]*list.List       // in order of issue, by the user's id
}

func newMemoryTokens(limits TokenLimits) *memoryTokens {
	return &memoryTokens{limits: limits, byHash: map[TokenHash]*list.Element{}, byUser: map[string]*list.List{}}
}

func (ts *memoryTokens) issue(_ context.Context, t *Token) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	own := ts.byUser[t.UserID]
	for own != nil && own.Len() > 0 && (own.Len() >= ts.limits.PerUser || oldest(own).Expires.Before(t.IssuedAt)) {
		ts.drop(oldest(own))
	}
	for len(ts.byHash) >= ts.limits.All {
		ts.drop(oldest(ts.longest()))
	}
	if own = ts.byUser[t.UserID]; own == nil {
		own = list.New()
		ts.byUser[t.UserID] = own
	}
	ts.byHash[t.Hash] = own.PushBack(t)
	return nil
}

func oldest(of *list.List) *Token { return of.Front().Value.(*Token) }

// longest is the list of the user with most tokens.
func (ts *memoryTokens) longest() *list.List {
	var longest *list.List
	for _, l := range ts.byUser {
		if longest == nil || l.Len() > longest.Len() {
			longest = l
		}
	}
	return longest
}

// drop removes a token.
func (ts *memoryTokens) drop(t *Token) {
	own := ts.byUser[t.UserID]
	own.Remove(ts.byHash[t.Hash])
	delete(ts.byHash, t.Hash)
	if own.Len() == 0 {
		delete(ts.byUser, t.UserID)
	}
}

func (ts *memoryTokens) find(_ context.Context, hash TokenHash, now time.Time) (*Token, error) {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	e := ts.byHash[hash]
	if e == nil || !now.Before(e.Value.(*Token).Expires) {
		return nil, nil
	}
	return e.Value.(*Token), nil
}

func (ts *memoryTokens) revoke(_ context.Context, hash TokenHash) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if e := ts.byHash[hash]; e != nil {
		ts.drop(e.Value.(*Token))
	}
	return nil
}

// random returns 256 random bits as text. The source never fails.
func random(from io.Reader) string {
	b := make([]byte, 32)
	_, _ = io.ReadFull(from, b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// NewPassword makes a random password.
func NewPassword() string { return random(rand.Reader) }
