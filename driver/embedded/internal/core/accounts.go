package core

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
)

// maxAccounts bounds the accounts of one store that are kept ready. One that is dropped while
// a job uses it goes on working.
const maxAccounts = 256

// accounts are the accounts of a store, by project. The least recently used ones are dropped.
type accounts struct {
	chunk.Accounts
	trust func(ctx context.Context, account *Store) (string, error)

	mu        sync.Mutex
	byProject map[string]*list.Element // of *Store
	recent    list.List                // most recently used first
}

// In returns the part of the store that has the backups of a project: the project's account,
// or the whole store.
func (s *Store) In(projectID string) (*Store, error) {
	if s.accounts == nil || s.ProjectID != "" && s.ProjectID == projectID {
		return s, nil
	}
	if projectID == "" {
		return nil, Reasonf("The backup store %s keeps the backups of each project in the project's account. Name the project.", s.Name)
	}
	return s.accounts.of(s.Name, projectID), nil
}

func (a *accounts) of(name, projectID string) *Store {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.byProject[projectID]; e != nil {
		a.recent.MoveToFront(e)
		return e.Value.(*Store)
	}
	s := &Store{Name: name, ProjectID: projectID, accounts: a}
	s.Store = a.Account(projectID, func(ctx context.Context) (string, error) { return a.trust(ctx, s) })
	if a.byProject == nil {
		a.byProject = map[string]*list.Element{}
	}
	a.byProject[projectID] = a.recent.PushFront(s)
	if a.recent.Len() > maxAccounts {
		last := a.recent.Back()
		a.recent.Remove(last)
		delete(a.byProject, last.Value.(*Store).ProjectID)
	}
	return s
}

// nameless is a store of accounts whose account is not known: it only has the layout.
type nameless struct {
	layout layout.Layout
	name   string
}

var _ chunk.Store = nameless{}

func (n nameless) Layout() layout.Layout { return n.layout }

func (n nameless) err() error {
	return fmt.Errorf("backup store %s: %w", n.name, errNameless)
}

var errNameless = errors.New("the project whose account is meant is not known")

func (n nameless) Put(context.Context, string, chunk.Body, int64) error { return n.err() }

func (n nameless) Get(context.Context, string) (io.ReadCloser, error) { return nil, n.err() }

func (n nameless) Delete(context.Context, ...string) error { return n.err() }

func (n nameless) List(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield("", n.err()) }
}

func (n nameless) Check(context.Context) error { return n.err() }
