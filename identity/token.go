package identity

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"cindergate/driver"
)

// maxTokens bounds memory. Beyond it the user with most tokens loses the oldest one.
const maxTokens = 100_000

// DefaultTokensPerUser is for [Options] without TokensPerUser.
const DefaultTokensPerUser = 5000

type tokenHash [sha256.Size]byte

// token is what a token stands for. Only its hash is kept.
type token struct {
	hash              tokenHash
	methods           []string
	user              *user
	project           project // zero: unscoped
	role              driver.Role
	audit             string
	issuedAt, expires time.Time

	at *list.Element // in the list of its user
}

// tokens are the valid tokens, in memory. A restart ends them, and clients log in
// again as they do when a token expires. Each user has a share of its own, so that nobody
// pushes out the tokens of others.
type tokens struct {
	perUser, most int

	mu     sync.RWMutex
	byHash map[tokenHash]*token
	byUser map[string]*list.List // of *token, in order of issue, by the user's id
}

func newTokens(perUser int) tokens {
	if perUser == 0 {
		perUser = DefaultTokensPerUser
	}
	return tokens{perUser: perUser, most: maxTokens, byHash: map[tokenHash]*token{}, byUser: map[string]*list.List{}}
}

// issue makes a token and returns its text.
func (ts *tokens) issue(t *token) string {
	text := random()
	t.hash = sha256.Sum256([]byte(text))
	t.audit = random()[:22]
	ts.mu.Lock()
	defer ts.mu.Unlock()
	own := ts.byUser[t.user.id]
	for own != nil && own.Len() > 0 && (own.Len() >= ts.perUser || oldest(own).expires.Before(t.issuedAt)) {
		ts.drop(oldest(own))
	}
	for len(ts.byHash) >= ts.most {
		ts.drop(oldest(ts.longest()))
	}
	if own = ts.byUser[t.user.id]; own == nil {
		own = list.New()
		ts.byUser[t.user.id] = own
	}
	ts.byHash[t.hash] = t
	t.at = own.PushBack(t)
	return text
}

func oldest(of *list.List) *token { return of.Front().Value.(*token) }

// longest is the list of the user with most tokens.
func (ts *tokens) longest() *list.List {
	var longest *list.List
	for _, l := range ts.byUser {
		if longest == nil || l.Len() > longest.Len() {
			longest = l
		}
	}
	return longest
}

// drop removes a token.
func (ts *tokens) drop(t *token) {
	delete(ts.byHash, t.hash)
	own := ts.byUser[t.user.id]
	own.Remove(t.at)
	if own.Len() == 0 {
		delete(ts.byUser, t.user.id)
	}
}

func (ts *tokens) get(text string, now time.Time) *token {
	hash := sha256.Sum256([]byte(text))
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	t := ts.byHash[hash]
	if t == nil || !now.Before(t.expires) {
		return nil
	}
	return t
}

func (ts *tokens) revoke(t *token) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if own := ts.byHash[t.hash]; own != nil { // t may be a copy
		ts.drop(own)
	}
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// NewPassword makes a random password.
func NewPassword() string { return random() }
