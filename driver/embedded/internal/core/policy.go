package core

import (
	"cindergate/driver"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// CheckPolicy refuses metadata of a volume, or extra specs of a type, that ask for a policy which
// cannot be understood, or for copies at a backend that takes none.
func (c *Core) CheckPolicy(what string, values map[string]string) error {
	if err := c.Policies.Check(what, values); err != nil {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: %s.", err)
	}
	found, err := c.Policies.Of(values, nil, "")
	if err == nil && found != nil && found.Copy != "" {
		return c.Copier.Check(found.Copy)
	}
	return nil
}

// CheckExpiry refuses metadata of a backup with a time of expiry that cannot be understood.
func CheckExpiry(b *meta.Backup) error {
	value, ok := b.Metadata[policy.ExpiresKey]
	if !ok || value == "" {
		return nil
	}
	if _, err := policy.ParseExpiry(value, b.CreatedAt); err != nil {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: metadata %s: %s.", policy.ExpiresKey, err)
	}
	return nil
}

// KeepPolicy returns the metadata that a volume gets by a restore: that of the backup, but with the
// volume's own policy if it has one or had a content before. A restore must not change when a
// volume is backed up.
func KeepPolicy(own, restored map[string]string, blank bool) map[string]string {
	if blank && !policy.Has(own) {
		return restored
	}
	next := make(map[string]string, len(restored))
	for key, value := range restored {
		if key != policy.Key && key != policy.NameKey {
			next[key] = value
		}
	}
	for _, key := range []string{policy.Key, policy.NameKey} {
		if value, ok := own[key]; ok {
			next[key] = value
		}
	}
	return next
}

// HoldPolicy makes a new volume that a restore has filled wait with its policy until a user sets it: a
// copy of a volume that is looked at once should not be backed up every night.
func HoldPolicy(tx *meta.Tx, volumeID string) error {
	p, err := tx.Protection(volumeID)
	if err != nil {
		return err
	}
	if p == nil {
		p = &meta.Protection{VolumeID: volumeID}
	}
	p.Held = true
	return tx.PutProtection(p)
}

// ConfirmPolicy ends that wait.
func ConfirmPolicy(tx *meta.Tx, volumeID string) error {
	p, err := tx.Protection(volumeID)
	if err != nil || p == nil || !p.Held {
		return err
	}
	p.Held = false
	return tx.PutProtection(p)
}
