package backups

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// Results of [Scrubbed].
const (
	ScrubOK         = "ok"
	ScrubDamaged    = "damaged"    // the backup cannot be restored
	ScrubRepaired   = "repaired"   // an earlier scrub found damage, which is gone
	ScrubUnreadable = "unreadable" // the store did not answer, so nothing is known
)

// ScrubResults are all results.
var ScrubResults = []string{ScrubOK, ScrubDamaged, ScrubRepaired, ScrubUnreadable}

// damagedPrefix begins the fail_reason of a backup in which a scrub found damage. Users
// cannot change a fail_reason, so it also tells a later scrub which backups it may make
// available again.
const damagedPrefix = "Scrub found damage: "

// DamagedSince is the metadata key of a backup in which a scrub found damage. Its value is
// the time, in UTC.
const DamagedSince = "cindergate:damaged"

// Scrubbed is what a scrub found out about one backup.
type Scrubbed struct {
	BackupID  string `json:"backup_id"`
	ProjectID string `json:"project_id"`
	Result    string `json:"result"`           // one of the constants
	Reason    string `json:"reason,omitempty"` // unless the result is ok or repaired
	Objects   int    `json:"objects"`          // data objects whose bytes were read
	Bytes     int64  `json:"bytes"`            // of the volume, in these objects
}

// ScrubOptions tune [Backups.Scrub].
type ScrubOptions struct {
	Store   string  // the backup store to read, by its configured name; "": all
	Sample  float64 // share of the data objects whose bytes are read, above 0 and up to 1; 0: 1
	Workers int     // chains that are read at once; 0: 1
	// After skips the chains up to this one. It is the id of a full backup. The chains are
	// in the order of these ids.
	After string
	// Report is called for each backup, by one goroutine at a time; nil: by none.
	Report func(Scrubbed)
	// Finished is called after each chain, with the id of its full backup, unless an earlier
	// chain is still being read; nil: never.
	Finished func(full string) error
}

// Scrub reads the stored backups of all projects and records what it finds: a damaged
// backup gets the status error, a fail_reason, the metadata [DamagedSince], and its project
// a message. It deletes nothing. A backup whose damage is gone becomes available again,
// if all of its objects have been read.
//
// A backup counts as damaged if a restore of it would fail. So damage in a full backup
// damages those incremental backups that still need the damaged object.
//
// Backups in a store that does not answer stay as they are; Scrub reads the others and
// returns an error.
func (bs *Backups) Scrub(ctx context.Context, o ScrubOptions) error {
	if o.Store != "" && bs.core.Stores.Named(o.Store) == nil {
		return core.Reasonf("The backup store %s is not configured.", o.Store)
	}
	all, err := bs.chains(ctx)
	if err != nil {
		return err
	}
	chains := slices.DeleteFunc(all, func(chain []*meta.Backup) bool {
		s := bs.core.Stores.Named(o.Store)
		return chain[0].ID <= o.After || s != nil && chain[0].Store != s.Row()
	})
	var mu sync.Mutex
	report := func(s Scrubbed) {
		bs.scrubs.Observe(s.Result, s.Bytes)
		if o.Report != nil {
			mu.Lock()
			defer mu.Unlock()
			o.Report(s)
		}
	}
	sample := func() bool { return rand.Float64() < o.Sample } //nolint:gosec // no secret
	if o.Sample == 0 || o.Sample == 1 {
		sample = nil
	}
	var away awayStores
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(o.Workers, 1))
	for _, chain := range chains {
		group.Go(func() error {
			err := bs.scrubChain(ctx, chain, sample, report)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				if err := away.add(err); err != nil {
					return err
				}
			}
			if o.Finished == nil || o.Workers > 1 {
				return nil
			}
			return o.Finished(chain[0].ID)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return away.err
}

// awayStores collects the errors of stores that do not answer.
type awayStores struct {
	mu  sync.Mutex
	err error
}

// errAway is the cause of an error that says that a store does not answer.
var errAway = errors.New("the store does not answer")

// add keeps the error of a store that is away, and returns any other error.
func (a *awayStores) add(err error) error {
	if !errors.Is(err, errAway) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = cmp.Or(a.err, err)
	return nil
}

// chains returns the backups that have data, by their full backup, parents first. A backup
// whose parent has no row is the first of a chain of its own.
func (bs *Backups) chains(ctx context.Context) ([][]*meta.Backup, error) {
	rows, err := bs.core.DB.AllBackups(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[string]*meta.Backup{}
	for view := range rows.All() {
		b, err := bs.core.DB.Backup(ctx, view.ID)
		if err != nil {
			return nil, err
		}
		if b != nil && b.ServiceMetadata != "" {
			byID[b.ID] = b
		}
	}
	depth := map[string]int{}
	byRoot := map[string][]*meta.Backup{}
	for _, b := range byID {
		root := b
		for range len(byID) { // a damaged row may be its own ancestor
			parent := byID[root.ParentID]
			if parent == nil {
				break
			}
			depth[b.ID]++
			root = parent
		}
		byRoot[root.ID] = append(byRoot[root.ID], b)
	}
	var chains [][]*meta.Backup
	for _, chain := range byRoot {
		slices.SortFunc(chain, func(a, b *meta.Backup) int {
			return cmp.Or(depth[a.ID]-depth[b.ID], strings.Compare(a.ID, b.ID))
		})
		chains = append(chains, chain)
	}
	slices.SortFunc(chains, func(a, b []*meta.Backup) int { return strings.Compare(a[0].ID, b[0].ID) })
	return chains, nil
}

// damages are the damages of the backups of one chain, by their [dataID].
type damages map[string][]chunked.Damage

// scrubChain reads the backups of a chain, parents first, and records the results. If their
// store does not answer, the error is errAway.
func (bs *Backups) scrubChain(ctx context.Context, chain []*meta.Backup, sample func() bool, report func(Scrubbed)) error {
	store, err := bs.core.Stores.Of(chain[0].Store, chain[0].ProjectID)
	if err == nil {
		err = bs.core.Ready(ctx, store)
	}
	found := damages{}
	for _, b := range chain {
		s := Scrubbed{BackupID: b.ID, ProjectID: b.ProjectID, Result: ScrubOK}
		if err == nil {
			s, err = bs.scrubBackup(ctx, store, b, sample, found)
			if err == nil && s.Result != ScrubOK {
				// A store that has been unmounted meanwhile looks damaged as well.
				err = bs.core.Ready(ctx, store)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.Result, s.Reason = ScrubUnreadable, core.ReasonOf(err)
		}
		if err := bs.recordScrub(ctx, &s, sample == nil); err != nil {
			return err
		}
		if s.Result != "" {
			report(s)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errAway, err)
	}
	return nil
}

// scrubBackup reads one backup and adds its damages to found. Those of its ancestors are
// there already. It reads the backup again if its chain was rebased meanwhile, because the objects that it was to
// read may be gone.
func (bs *Backups) scrubBackup(ctx context.Context, store *core.Store, b *meta.Backup, sample func() bool, found damages) (s Scrubbed, err error) {
	unsound := errors.New("the backup is not sound")
	chainErr := bs.withChain(ctx, store, b, func(levels []chunked.Level) error {
		if s, err = bs.scrubLevels(ctx, store, b, levels, sample, found); err == nil && s.Result != ScrubOK {
			return unsound
		}
		return err
	})
	if chainErr != nil && err == nil && !errors.Is(chainErr, unsound) {
		return Scrubbed{BackupID: b.ID, ProjectID: b.ProjectID}.of(ctx, chainErr)
	}
	return s, err
}

// scrubLevels is scrubBackup for a chain.
func (bs *Backups) scrubLevels(ctx context.Context, store *core.Store, b *meta.Backup, levels []chunked.Level, sample func() bool, found damages) (Scrubbed, error) {
	s := Scrubbed{BackupID: b.ID, ProjectID: b.ProjectID, Result: ScrubOK}
	delete(found, dataID(b))
	own := levels[len(levels)-1]
	var parent *chunked.Location
	if len(levels) > 1 {
		parent = &levels[len(levels)-2].Location
	}
	got, err := chunked.Scrub(ctx, store.Store, own, parent, bs.core.Bytes(b.Size), chunked.ScrubOptions{Sample: sample})
	s.Objects, s.Bytes = got.Objects, got.Bytes
	if err != nil {
		return s.of(ctx, err)
	}
	if len(got.Damaged) > 0 && !got.Damaged[0].Inherited {
		found[own.BackupID] = got.Damaged
		s.Result, s.Reason = ScrubDamaged, got.Damaged[0].Reason
		if n := len(got.Damaged) - 1; n > 0 {
			s.Reason += fmt.Sprintf(" (and %d more)", n)
		}
		return s, nil
	}
	why, err := bs.needs(ctx, store, b, levels, found, len(got.Damaged) > 0)
	if err != nil {
		return s.of(ctx, err)
	}
	if why != "" {
		s.Result, s.Reason = ScrubDamaged, why
	}
	return s, nil
}

// needs returns why a backup, whose own objects are not damaged, cannot be restored: "" if
// it can. doubt says that its digests are not those of its parent.
func (bs *Backups) needs(ctx context.Context, store *core.Store, b *meta.Backup, levels []chunked.Level, found damages, doubt bool) (why string, err error) {
	objects := false
	for _, level := range levels {
		for _, d := range found[level.BackupID] {
			objects = true
			doubt = doubt || d.Object == ""
		}
	}
	size := bs.core.Bytes(b.Size)
	if doubt {
		// Only a restore shows whether the damaged metadata or digests matter to this backup.
		err := chunked.Restorable(ctx, store.Store, size, levels)
		if ctx.Err() == nil && chunked.IsDamage(err) {
			return core.ReasonOf(err), nil
		}
		return "", err
	}
	if !objects {
		return "", nil
	}
	_, err = chunked.Uses(ctx, store.Store, size, levels, func(backupID, object string) bool {
		for _, d := range found[backupID] {
			if d.Object == object {
				why = fmt.Sprintf("Backup %s, which it depends on, is damaged: %s", backupID, d.Reason)
			}
		}
		return why != ""
	})
	return why, err
}

// of returns s with the result of an error. It returns the error if ctx has ended.
func (s Scrubbed) of(ctx context.Context, err error) (Scrubbed, error) {
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	s.Result, s.Reason = ScrubUnreadable, core.ReasonOf(err)
	if chunked.IsDamage(err) || errors.As(err, new(*brokenChain)) {
		s.Result = ScrubDamaged
	}
	return s, nil
}

// recordScrub stores the result with the backup. It clears the result of a backup that is
// no longer what was read: deleted, being deleted, or restored to right now. all says that
// all of the backup's objects have been read.
func (bs *Backups) recordScrub(ctx context.Context, s *Scrubbed, all bool) error {
	result := s.Result
	return bs.core.Write(ctx, func(tx *meta.Tx) error {
		s.Result = result
		b, err := tx.Backup(s.BackupID)
		if err != nil {
			return err
		}
		if b == nil {
			s.Result = ""
			return nil
		}
		known := b.Status == driver.BackupError && strings.HasPrefix(b.FailReason, damagedPrefix)
		switch {
		case b.Status == driver.BackupAvailable && result == ScrubDamaged:
			b.Status, b.FailReason = driver.BackupError, damagedPrefix+s.Reason
			b.Metadata = core.With(b.Metadata, DamagedSince, tx.Now.UTC().Format(time.RFC3339))
			if err := tx.TouchBackup(b); err != nil {
				return err
			}
			return bs.core.AddMessage(tx, driver.Caller{ProjectID: b.ProjectID}, core.ActionRestoreBackup, core.DetailUnknown,
				core.BackupResource, b.ID, b.FailReason)
		case known && result == ScrubOK && all:
			s.Result = ScrubRepaired
			b.Status, b.FailReason = driver.BackupAvailable, ""
			b.Metadata = core.Without(b.Metadata, DamagedSince)
			return tx.TouchBackup(b)
		case b.Status == driver.BackupAvailable, b.Status == driver.BackupRestoring, known:
			return nil
		}
		s.Result = ""
		return nil
	})
}
