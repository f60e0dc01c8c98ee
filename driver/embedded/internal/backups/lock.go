package backups

import (
	"errors"
	"fmt"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// checkMetadata refuses metadata of a backup whose times cannot be understood, and locks that are not allowed.
// old are the metadata before; nil: there were none.
func (bs *Backups) checkMetadata(b *meta.Backup, old map[string]string, now time.Time) error {
	if err := core.CheckExpiry(b); err != nil {
		return err
	}
	wrong := func(format string, args ...any) error {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: metadata "+policy.LockKey+": "+format+".", args...)
	}
	until, err := lockWanted(b)
	switch {
	case err != nil:
		return wrong("%s", err)
	case until.IsZero() || until.Equal(b.LockedUntil):
		return nil
	case b.LockedUntil.After(now) && until.Before(b.LockedUntil):
		return wrong("the backup is locked until %s, and a lock cannot be made shorter", at(b.LockedUntil))
	case !until.After(now) && b.Metadata[policy.LockKey] == old[policy.LockKey]: // it has ended: clients send all metadata to change one
		return nil
	case bs.deletes.MaxLock <= 0:
		return wrong("locks are switched off here (embedded.max_lock)")
	case !until.After(now):
		return wrong("%s is past", at(until))
	case until.After(now.Add(bs.deletes.MaxLock)):
		return wrong("a lock lasts at most %d hours from now (embedded.max_lock)", int(bs.deletes.MaxLock.Hours()))
	}
	return nil
}

// PolicyLock returns the metadata [policy.LockKey] of a backup that a policy locks for a span: for as long as the
// setting allows, and "" if it allows none. problem says in a sentence that this is less than the policy asks for.
func (bs *Backups) PolicyLock(span policy.Span, now time.Time) (value, problem string) {
	switch longest := now.Add(bs.deletes.MaxLock); {
	case span == policy.Span{}:
		return "", ""
	case bs.deletes.MaxLock <= 0:
		return "", "The backups are not locked: locks are switched off here (embedded.max_lock)."
	case span.After(now).After(longest):
		return longest.UTC().Format(time.RFC3339), fmt.Sprintf("The backups are locked for %d hours and not for %s: no lock lasts longer here (embedded.max_lock).", int(bs.deletes.MaxLock.Hours()), span)
	}
	return span.String(), ""
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// lockWanted returns the time until which the metadata of a backup ask for a lock; zero: they do not.
func lockWanted(b *meta.Backup) (time.Time, error) {
	value := b.Metadata[policy.LockKey]
	if value == "" {
		return time.Time{}, nil
	}
	until, err := policy.ParseExpiry(value, b.CreatedAt)
	return until.Truncate(time.Microsecond), err // the resolution of the database
}

// lock locks a complete backup as its metadata ask, and what it builds on for as long. The caller has
// checked the metadata, and stores the backup.
func (bs *Backups) lock(tx *meta.Tx, b *meta.Backup) error {
	until, err := lockWanted(b)
	if err != nil || !until.After(b.LockedUntil) || !until.After(tx.Now) {
		return err
	}
	lockUntil(b, until)
	seen := map[string]bool{b.ID: true} // rows that were found in a store may name each other
	for parent := b.ParentID; parent != "" && !seen[parent]; {
		seen[parent] = true
		p, err := tx.Backup(parent)
		if err != nil {
			return err
		}
		if p == nil { // the record of b was imported without its chain
			break
		}
		if p.LockedUntil.Before(until) {
			lockUntil(p, until)
			if err := tx.TouchBackup(p); err != nil {
				return err
			}
		}
		parent = p.ParentID
	}
	return bs.queueLock(tx, b)
}

func lockUntil(b *meta.Backup, until time.Time) {
	b.LockedUntil = until
	b.Metadata = core.With(core.With(b.Metadata, policy.LockedKey, at(until)), policy.LockedByKey, policy.LockedByGateway)
}

// withoutLockState returns metadata without what only the gateway sets.
func withoutLockState(metadata map[string]string) map[string]string {
	return core.Without(core.Without(metadata, policy.LockedKey), policy.LockedByKey)
}

// keepLock gives the new metadata of a backup what old ones say of its lock: a client that replaces all
// metadata does not know of it. A lock that has ended is forgotten.
func keepLock(b *meta.Backup, old map[string]string, now time.Time) {
	b.Metadata = withoutLockState(b.Metadata)
	if !b.LockedUntil.After(now) {
		b.LockedUntil = time.Time{}
		return
	}
	lockUntil(b, b.LockedUntil)
	if by, ok := old[policy.LockedByKey]; ok {
		b.Metadata[policy.LockedByKey] = by
	}
	if _, asked := b.Metadata[policy.LockKey]; !asked && old[policy.LockKey] != "" {
		b.Metadata[policy.LockKey] = old[policy.LockKey]
	}
}

// checkUnlocked refuses the delete of a backup that is locked, by whomever.
func checkUnlocked(tx *meta.Tx, b *meta.Backup) error {
	if b.LockedUntil.After(tx.Now) {
		return driver.InvalidBackup("Backup %s is locked until %s.", b.ID, at(b.LockedUntil))
	}
	return nil
}

// relock applies the metadata that a request has set.
func (bs *Backups) relock(tx *meta.Tx, b *meta.Backup, old map[string]string) error {
	keepLock(b, old, tx.Now)
	if err := bs.checkMetadata(b, old, tx.Now); err != nil {
		return err
	}
	if b.Status == driver.BackupCreating || b.ServiceMetadata == "" { // its end locks it
		return nil
	}
	if b.Status == driver.BackupDeleting { // its objects are going
		if until, err := lockWanted(b); err != nil || until.After(b.LockedUntil) && until.After(tx.Now) {
			return errors.Join(err, driver.InvalidBackup("Backup %s is being deleted, and cannot be locked any more.", b.ID))
		}
		return nil
	}
	return bs.lock(tx, b)
}
