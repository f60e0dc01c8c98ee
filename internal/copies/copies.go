// Package copies makes copies of backups in other clouds, for a backend that asks for them by
// [driver.Copier]. A copy is a move of one backup (package move): its journal is a directory of
// this machine, so that it goes on after any end of the process.
package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
	"cindergate/internal/move/content"
	"cindergate/internal/move/paths"
)

// Options configure a Copier.
type Options struct {
	// Dir is the directory of the copies' journals. It is made when the first one is.
	Dir string
	// Backends are all backends by name: the login at those that take copies, nil for the others.
	Backends map[string]*cloud.Access
	Log      *zap.Logger // nil: none
	// Report is the time between two calls of [driver.Copy.Progress]; 0: 10 s.
	Report time.Duration
}

// Copier copies backups to the backends of a configuration. It is safe for concurrent use.
type Copier struct{ o Options }

var _ driver.Copier = (*Copier)(nil)

// New returns a Copier. It sends no request.
func New(o Options) *Copier {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Report <= 0 {
		o.Report = 10 * time.Second
	}
	return &Copier{o}
}

// Check implements [driver.Copier].
func (c *Copier) Check(backend string) error {
	access, known := c.o.Backends[backend]
	var takers []string
	for _, name := range slices.Sorted(maps.Keys(c.o.Backends)) {
		if c.o.Backends[name] != nil {
			takers = append(takers, name)
		}
	}
	why := "there is no backend %q"
	switch {
	case access != nil:
		return nil
	case known:
		why = "the backend %q has no credential for copies"
	}
	have := "no backend takes copies"
	if len(takers) > 0 {
		have = "these take copies: " + strings.Join(takers, ", ")
	}
	return driver.Errorf(driver.InvalidInput, "Invalid input received: metadata %s: "+why+"; %s.", driver.CopyTo, backend, have)
}

// NewID implements [driver.Copier].
func (c *Copier) NewID() string { return move.NewID() }

// Login logs in at a backend that takes copies.
func (c *Copier) Login(ctx context.Context, backend string) (*cloud.Cloud, error) {
	if err := c.Check(backend); err != nil {
		return nil, err
	}
	access := *c.o.Backends[backend]
	access.Name = backend
	to, err := cloud.Connect(ctx, access)
	if refused := (*cloud.Refusal)(nil); errors.As(err, &refused) && !cloud.Passing(err) {
		return nil, driver.Wrap(driver.Unauthorized, err, "The login at backend %s was refused with %d: the application credential for copies in the gateway's configuration is wrong, has expired or was deleted.", backend, refused.Status)
	}
	return to, classify(backend, err)
}

// Probe says how copies would be written to a backend. It makes nothing.
func (c *Copier) Probe(ctx context.Context, backend string) (string, error) {
	to, err := c.Login(ctx, backend)
	if err != nil {
		return "", err
	}
	name, as, problems, err := paths.ChooseTarget(ctx, paths.Request{To: backend}, to, move.Job{Volume: move.Volume{Size: cloud.GiB}, Chain: []move.Point{{Size: cloud.GiB}}})
	switch {
	case err != nil:
		return "", err
	case len(problems) > 0:
		return "", fmt.Errorf("backups cannot be copied to backend %s: %s", backend, strings.Join(problems, "; "))
	}
	return fmt.Sprintf("takes copies in project %s (%s) by path %s: %s", to.Project, to.ProjectID, name, as.Why), nil
}

// Copy implements [driver.Copier].
func (c *Copier) Copy(ctx context.Context, job driver.Copy) (driver.Copied, error) {
	if job.Backup.EncryptionKeyID != "" {
		return driver.Copied{}, driver.Errorf(driver.InvalidState, "The backup is of an encrypted volume: its bytes can only be read with a key that is not copied.")
	}
	to, err := c.Login(ctx, job.To)
	if err != nil {
		return driver.Copied{}, err
	}
	if job.Known != "" {
		there, err := complete(ctx, to, job.Known)
		if err != nil {
			return driver.Copied{}, classify(job.To, err)
		}
		if there {
			return driver.Copied{ID: job.Known}, nil
		}
	}
	if j, err := move.Read(c.o.Dir, job.ID); err == nil && (j.Phase == move.Aborting || j.Phase == move.Aborted) { // and begun again
		if err := c.abort(ctx, to, job.ID); err != nil {
			return driver.Copied{}, classify(job.To, err)
		}
		c.Forget(job.ID)
	}
	_, err = move.Read(c.o.Dir, job.ID)
	resumed := err == nil
	copied, err := c.run(ctx, to, job)
	noBase := errors.Is(err, move.ErrNoBase)
	// What the backend had of the copy may be gone: an upload expires after some time.
	if stale := resumed && !cloud.Passing(err); noBase || stale {
		if err := c.abort(ctx, to, job.ID); err != nil {
			return driver.Copied{}, classify(job.To, err)
		}
		c.Forget(job.ID)
		if noBase { // as a whole, then
			job.Parent = nil
		}
		copied, err = c.run(ctx, to, job)
	}
	return copied, classify(job.To, err)
}

// complete reports whether a backup is there and can be restored.
func complete(ctx context.Context, to *cloud.Cloud, id string) (bool, error) {
	b, err := to.Backup(ctx, id)
	if errors.Is(err, cloud.ErrGone) {
		return false, nil
	}
	return err == nil && (b.Status == "available" || b.Status == "restoring"), err
}

// run begins a copy, or goes on with it.
func (c *Copier) run(ctx context.Context, to *cloud.Cloud, job driver.Copy) (copied driver.Copied, err error) {
	s, err := c.open(ctx, to, job)
	if err != nil {
		return copied, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m, err := moveOf(s, to)
	if err != nil {
		return copied, err
	}
	m.From = &source{job: job}
	reported := c.report(ctx, m, job.Progress)
	err = m.Run(ctx)
	reported()
	if err != nil {
		return copied, err
	}
	last := m.Rounds[len(m.Rounds)-1]
	return driver.Copied{ID: last.Result, Incremental: m.Job.Base != nil, Bytes: last.Changed, Lost: m.Lost}, nil
}

// open opens the journal of a copy. One that has none yet gets it when the backend has been
// found fit.
func (c *Copier) open(ctx context.Context, to *cloud.Cloud, job driver.Copy) (*move.Store, error) {
	if j, err := move.Read(c.o.Dir, job.ID); err == nil {
		return move.Ensure(c.o.Dir, j)
	}
	plan := move.Job{Volume: volumeOf(job), Chain: []move.Point{pointOf(job.Backup, job.Content.Size())}}
	r := paths.Request{To: job.To, Backup: job.Backup.ID, Block: job.Content.BlockSize()}
	name, as, problems, err := paths.ChooseTarget(ctx, r, to, plan)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, driver.Errorf(driver.InvalidState, "The backup cannot be copied to backend %s: %s", job.To, strings.Join(problems, "; "))
	}
	r.WritePath = name
	if name == content.Path && job.Parent != nil && job.Parent.Backup.Size == job.Backup.Size {
		there, err := complete(ctx, to, job.Parent.Copy)
		if err != nil {
			return nil, err
		}
		if there {
			base := pointOf(job.Parent.Backup, job.Content.Size())
			plan.Base, r.Base = &base, job.Parent.Copy
		}
	}
	plan.Chain = nil // the engine asks the source
	if err := job.Begin(ctx); err != nil {
		return nil, err
	}
	request, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return move.Ensure(c.o.Dir, move.Journal{ID: job.ID, Created: time.Now().UTC(), Request: request, Job: &plan, Lost: as.Lost,
		Options: move.Options{Verify: move.VerifyDigests}})
}

// moveOf makes the move of a journal, without its source.
func moveOf(s *move.Store, to *cloud.Cloud) (*move.Move, error) {
	var r paths.Request
	if err := json.Unmarshal(s.Request, &r); err != nil {
		return nil, fmt.Errorf("copy %s: request: %w", s.ID, err)
	}
	m := &move.Move{Store: s}
	var err error
	m.To, err = paths.OpenTarget(r, to, s.TargetEnv(m.Status))
	return m, err
}

// report tells the progress of a move until it is called back.
func (c *Copier) report(ctx context.Context, m *move.Move, tell func(driver.CopyingProgress)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(c.o.Report)
		defer tick.Stop()
		var said driver.CopyingProgress
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			p := m.Progress()
			now := driver.CopyingProgress{Waits: p.Status}
			if p.Total > 0 {
				now.Percent = int(min(100*p.Done/p.Total, 100))
			}
			if now != said {
				said = now
				tell(now)
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// Abort implements [driver.Copier].
func (c *Copier) Abort(ctx context.Context, id, backend string) error {
	if err := move.CheckID(id); err != nil {
		return err
	}
	to, err := c.Login(ctx, backend)
	if err != nil {
		return err
	}
	return classify(backend, c.abort(ctx, to, id))
}

// abort removes what a copy has made. If its journal is lost, all that has its name is found in
// the backend's lists.
func (c *Copier) abort(ctx context.Context, to *cloud.Cloud, id string) (err error) {
	j, err := move.Read(c.o.Dir, id)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return errors.Join(to.AbortUpload(ctx, move.Prefix+id+"-"), to.RemoveNamed(ctx, move.Prefix+id+"-"))
	}
	s, err := move.Ensure(c.o.Dir, j)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.Phase == move.Done || s.Phase == move.Aborted {
		return nil
	}
	m, err := moveOf(s, to)
	if err != nil {
		return err
	}
	m.From = &source{}
	return m.Abort(ctx)
}

// Forget implements [driver.Copier]. The journal of a copy that has not ended stays: without it
// nobody would know what the copy has made.
func (c *Copier) Forget(id string) {
	s, err := move.Open(c.o.Dir, id)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		if err = move.Remove(s); err == nil {
			return
		}
		err = errors.Join(err, s.Close())
	}
	c.o.Log.Warn("the journal of a copy stays", zap.String("copy", filepath.Join(c.o.Dir, id)), zap.Error(err))
}
