package identity

import (
	"context"
	"time"
)

// currentTime bounds the question whether what is in memory is current.
const currentTime = 10 * time.Second

// current waits until accounts and tokens in memory are those of the store, as of this call or
// later. Requests in flight share the question. Without other gateways, they always are.
func (s *Service) current(ctx context.Context) error {
	if s.store == nil || !s.store.Shared() {
		return nil
	}
	return s.question.Do(ctx)
}

// catchUp makes accounts and tokens in memory current.
func (s *Service) catchUp(ctx context.Context) error {
	now, err := s.store.Versions(ctx)
	if err != nil {
		return err
	}
	if now.Tokens != s.tokensVersion {
		s.cached.forget()
		s.tokensVersion = now.Tokens
	}
	if now.Accounts == s.directory.Load().made.Version {
		return nil
	}
	made, err := s.store.Load(ctx)
	if err != nil {
		return err
	}
	d, err := s.build(made)
	if err != nil {
		return err
	}
	s.directory.Store(d)
	return nil
}
