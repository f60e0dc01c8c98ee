package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"cindergate/driver"
)

// maxTokens bounds memory: beyond it the oldest go.
const maxTokens = 100_000

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
}

// tokens are those that live, in memory: a restart ends them, and clients log in
// again as they do when one expires.
type tokens struct {
	mu     sync.RWMutex
	byHash map[tokenHash]*token
	oldest []*token // in order of issue
}

// issue makes a token and returns its text.
func (ts *tokens) issue(t *token) string {
	text := random()
	t.hash = sha256.Sum256([]byte(text))
	t.audit = random()[:22]
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for len(ts.oldest) > 0 && (len(ts.byHash) >= maxTokens || ts.oldest[0].expires.Before(t.issuedAt)) {
		delete(ts.byHash, ts.oldest[0].hash)
		ts.oldest = ts.oldest[1:]
	}
	ts.byHash[t.hash] = t
	ts.oldest = append(ts.oldest, t)
	return text
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
	delete(ts.byHash, t.hash)
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// NewPassword makes a random password.
func NewPassword() string { return random() }
