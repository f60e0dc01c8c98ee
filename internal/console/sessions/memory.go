package sessions

import (
	"context"
	"sync"
	"time"
)

// Memory keeps sessions until the process ends.
type Memory struct {
	mu  sync.Mutex
	all map[Hash]Session
}

var _ Store = (*Memory)(nil)

// NewMemory makes a Memory without sessions.
func NewMemory() *Memory { return &Memory{all: map[Hash]Session{}} }

// Add implements Store.
func (m *Memory) Add(_ context.Context, s *Session, limits Limits) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var idlest, own *Session
	mine := 0
	for key, other := range m.all {
		if other.Over(s.Used, limits.Idle) {
			delete(m.all, key)
			continue
		}
		idlest = idler(idlest, &other)
		if other.User == s.User {
			mine++
			own = idler(own, &other)
		}
	}
	switch {
	case mine >= limits.PerUser:
		delete(m.all, own.Key)
	case len(m.all) >= limits.All:
		delete(m.all, idlest.Key)
	}
	m.all[s.Key] = *s
	return nil
}

// idler returns the one that is without use longer; a may be nil.
func idler(a, b *Session) *Session {
	if a == nil || b.Used.Before(a.Used) {
		return b
	}
	return a
}

// Find implements Store.
func (m *Memory) Find(_ context.Context, key Hash) (*Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.all[key]
	if !ok {
		return nil, ErrNone
	}
	return &s, nil
}

// Change implements Store.
func (m *Memory) Change(_ context.Context, key Hash, change func(*Session) ([]byte, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.all[key]
	if !ok {
		return ErrNone
	}
	sealed, err := change(&s)
	if err != nil {
		return err
	}
	s.Sealed = sealed
	m.all[key] = s
	return nil
}

// Touch implements Store.
func (m *Memory) Touch(_ context.Context, key Hash, used time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.all[key]; ok && used.After(s.Used) {
		s.Used = used
		m.all[key] = s
	}
	return nil
}

// Remove implements Store.
func (m *Memory) Remove(_ context.Context, key Hash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, key)
	return nil
}
