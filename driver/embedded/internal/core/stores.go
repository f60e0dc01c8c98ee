package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"cindergate/driver"
	"cindergate/internal/chunk"
	"cindergate/internal/meta"
)

// LocalStore is the name of the store in the data directory. Rows have "" in its place.
const LocalStore = "local"

// Store is a backup store with its name, or the part of one that is in the account of a
// project.
type Store struct {
	chunk.Store
	Name string
	// ProjectID is the project whose account it is; "": it has the backups of all projects.
	ProjectID string

	accounts *accounts // of a store that has one for each project; nil: it has none
	mu       sync.Mutex
	claimed  bool // the marker is known
	access   access
}

// key is the store's key in the tables stores and trusts.
func (s *Store) key() string {
	if s.ProjectID == "" {
		return s.Name
	}
	return s.Name + "/" + s.ProjectID
}

// Remote reports whether the store is on the network.
func (s *Store) Remote() bool {
	_, remote := s.Store.(chunk.Remote)
	return remote || s.accounts != nil
}

// Row returns the store's name as rows of backups have it.
func (s *Store) Row() string {
	if s.Name == LocalStore {
		return ""
	}
	return s.Name
}

// Stores are the backup stores by name. They do not change after the driver has been
// opened.
type Stores struct {
	Default string // of new backups
	byName  map[string]*Store
	order   []string
}

// Add adds a store.
func (s *Stores) Add(name string, store chunk.Store) {
	if s.byName == nil {
		s.byName = map[string]*Store{}
	}
	s.byName[name] = &Store{Store: store, Name: name}
	s.order = append(s.order, name)
}

// AddAccounts adds a store that has an account for each project. trust returns the id of the
// trust of an account, and searches for one if none is known.
func (s *Stores) AddAccounts(name string, a chunk.Accounts, trust func(ctx context.Context, account *Store) (string, error)) {
	s.Add(name, nameless{layout: a.Layout(), name: name})
	s.byName[name].accounts = &accounts{Accounts: a, trust: trust}
}

// Named returns a store by the name that its configuration gives it; nil if there is none.
// A store that has an account for each project can only be used through [Stores.Of].
func (s *Stores) Named(name string) *Store { return s.byName[name] }

// Of returns the store of a row of backups of a project. A store that is no longer
// configured is an error: its backups are kept, but cannot be read, continued or deleted.
func (s *Stores) Of(row, projectID string) (*Store, error) {
	name := row
	if name == "" {
		name = LocalStore
	}
	if store := s.byName[name]; store != nil {
		return store.In(projectID)
	}
	return nil, Reasonf("The backup is in the backup store %s, which is not configured.", name)
}

// Configured reports whether the store of a row of backups is configured.
func (s *Stores) Configured(row string) bool { return row == "" || s.byName[row] != nil }

// Local returns the store in the data directory.
func (s *Stores) Local() *Store { return s.byName[LocalStore] }

// All returns the stores in the order in which they were added.
func (s *Stores) All() []*Store {
	all := make([]*Store, len(s.order))
	for i, name := range s.order {
		all[i] = s.byName[name]
	}
	return all
}

// Choose finds the store that the container of a request names: "STORE" or
// "STORE:CONTAINER". It returns nil if it names none, and the container without the store.
func (s *Stores) Choose(container string) (store *Store, rest string) {
	if store := s.byName[container]; store != nil {
		return store, ""
	}
	name, rest, found := strings.Cut(container, ":")
	if store := s.byName[name]; found && store != nil {
		return store, rest
	}
	return nil, container
}

// Ready returns an error unless the store is there and is the one that was used before. A
// store that is not mounted or was emptied must not be taken for an empty one. The first
// use of a store on the network marks it, and stores the id of the marker.
func (c *Core) Ready(ctx context.Context, s *Store) error {
	err := c.claim(ctx, s)
	if err == nil {
		err = s.Check(ctx)
	}
	if err == nil || ctx.Err() != nil || errors.As(err, new(*chunk.Failure)) {
		return err // a Failure names the store and says more
	}
	if s.Name == LocalStore {
		return Because(err, "The backup store is not there: its directory is not mounted or is another one.")
	}
	return Because(err, fmt.Sprintf("The backup store %s is not there: it is not mounted or is another one.", s.Name))
}

func (c *Core) claim(ctx context.Context, s *Store) error {
	remote, ok := s.Store.(chunk.Remote)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claimed {
		return nil
	}
	row, err := c.DB.Store(ctx, s.key())
	if err != nil {
		return err
	}
	if row == nil {
		id, err := remote.Claim(ctx, c.Files.ID)
		if err != nil {
			return err
		}
		if id == "" {
			return Reasonf("The marker of the backup store %s could not be read back.", s.Name)
		}
		row = &meta.Store{Name: s.key(), Marker: id}
		if err := c.DB.Write(ctx, func(tx *meta.Tx) error { return tx.PutStore(row) }); err != nil {
			return err
		}
	}
	remote.Expect(row.Marker)
	s.claimed = true
	return nil
}

// lookPatience is how long [Core.Look] repeats a request that fails, so that it can say why before
// its caller stops to wait.
const lookPatience = time.Second

// Look returns an error unless the store answers and is the one that was used before. Unlike
// [Core.Ready] it changes nothing: it does not mark a store that has never been used. Of a store
// that has an account for each project, it tries the login.
func (c *Core) Look(ctx context.Context, s *Store) error {
	patient := chunk.WithPatience(ctx, lookPatience)
	if s.accounts != nil {
		_, err := s.accounts.Probe(patient)
		return unavailable(err, s)
	}
	used := true
	if remote, ok := s.Store.(chunk.Remote); ok {
		row, err := c.DB.Store(ctx, s.key())
		if err != nil {
			return Classify(err)
		}
		if used = row != nil; used {
			remote.Expect(row.Marker)
		}
	}
	err := s.Check(patient)
	if !used && errors.Is(err, chunk.ErrNoContainer) {
		return nil // the first backup makes it
	}
	return unavailable(err, s)
}

func unavailable(err error, s *Store) error {
	var failure *chunk.Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failure):
		return driver.Wrap(driver.Unavailable, err, "%s", failure.Text)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return err
	}
	return driver.Wrap(driver.Unavailable, err, "The backup store %s is not there: it is not mounted or is another one.", s.Name)
}
