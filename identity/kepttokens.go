package identity

import (
	"context"
	"sync"
	"time"
)

// keptTokens are the tokens of a service with a store. Those that were used are in memory as
// well. An entry is valid until this process ends the token, or until [keptTokens.forget],
// which is called before a request is answered if another process has ended tokens.
type keptTokens struct {
	store  TokenStore
	limits TokenLimits

	mu     sync.RWMutex
	byHash map[TokenHash]*Token
	era    int // changes when what is being read from the store may be outdated
}

func newKeptTokens(store TokenStore, limits TokenLimits) *keptTokens {
	return &keptTokens{store: store, limits: limits, byHash: map[TokenHash]*Token{}}
}

func (ts *keptTokens) issue(ctx context.Context, t *Token) error {
	ts.mu.RLock()
	era := ts.era
	ts.mu.RUnlock()
	ended, err := ts.store.SaveToken(ctx, t, ts.limits)
	if err != nil {
		return err
	}
	ts.remember(t, era, t.IssuedAt)
	if len(ended) > 0 {
		ts.drop(ended...)
	}
	return nil
}

func (ts *keptTokens) find(ctx context.Context, hash TokenHash, now time.Time) (*Token, error) {
	ts.mu.RLock()
	t, era := ts.byHash[hash], ts.era
	ts.mu.RUnlock()
	if t == nil {
		var err error
		if t, err = ts.store.Token(ctx, hash); err != nil || t == nil {
			return nil, err
		}
		ts.remember(t, era, now)
	}
	if !now.Before(t.Expires) {
		return nil, nil
	}
	return t, nil
}

// remember keeps a token that was read or made in an era in memory, unless it may have ended since.
func (ts *keptTokens) remember(t *Token, era int, now time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.era != era {
		return
	}
	if len(ts.byHash) >= ts.limits.All {
		for hash, each := range ts.byHash {
			if !now.Before(each.Expires) {
				delete(ts.byHash, hash)
			}
		}
	}
	if len(ts.byHash) < ts.limits.All {
		ts.byHash[t.Hash] = t
	}
}

func (ts *keptTokens) revoke(ctx context.Context, hash TokenHash) error {
	err := ts.store.DeleteToken(ctx, hash)
	ts.drop(hash) // also after an error: it may have ended
	return err
}

func (ts *keptTokens) drop(hashes ...TokenHash) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.era++
	for _, hash := range hashes {
		delete(ts.byHash, hash)
	}
}

// forget drops all tokens in memory.
func (ts *keptTokens) forget() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.era++
	ts.byHash = map[TokenHash]*Token{}
}
