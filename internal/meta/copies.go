package meta

import "time"

// The states of a copy of a backup.
const (
	CopyQueued    = "queued"
	CopyCopying   = "copying"
	CopyAvailable = "available"
	CopyError     = "error"
	CopyRemoving  = "removing" // what it has made is being removed; the backup does not know of it any more
)

// Copy is a row of copies: a backup and its copy at another backend. A backup has at most one
// row for each backend besides those that are being removed.
type Copy struct {
	ID       string // by [driver.Copier.NewID]
	BackupID string
	Backend  string
	State    string
	CopyID   string // of the backup at the backend; "": there is none yet
	// Started says that there may be something at the backend that the copy has made.
	Started  bool
	Failures int // in a row
	// Misconfigured says that the copy failed for a reason that a new configuration may mend.
	Misconfigured bool
	CreatedAt     time.Time
}

var copies = table[Copy]{name: "copies", key: func(c *Copy) string { return c.ID }, columns: []column[Copy]{
	{"id", func(c *Copy) any { return &c.ID }},
	{"backup_id", func(c *Copy) any { return &c.BackupID }},
	{"backend", func(c *Copy) any { return &c.Backend }},
	{"state", func(c *Copy) any { return &c.State }},
	{"copy_id", func(c *Copy) any { return text{&c.CopyID} }},
	{"started", func(c *Copy) any { return &c.Started }},
	{"failures", func(c *Copy) any { return &c.Failures }},
	{"misconfigured", func(c *Copy) any { return &c.Misconfigured }},
	{"created_at", func(c *Copy) any { return micros{&c.CreatedAt} }},
}}

// Copy returns a copy; nil if there is none of that id.
func (tx *Tx) Copy(id string) (*Copy, error) { return copies.get(tx.ctx, tx.q, id) }

// CopiesOf returns the copies of a backup, those that are being removed as well.
func (tx *Tx) CopiesOf(backupID string) ([]*Copy, error) {
	return copies.find(tx.ctx, tx.q, "WHERE backup_id = $1 ORDER BY created_at, id", backupID)
}

// CopiesIn returns the copies that have one of the states.
func (tx *Tx) CopiesIn(states ...string) (all []*Copy, err error) {
	for _, state := range states {
		rows, err := copies.find(tx.ctx, tx.q, "WHERE state = $1 ORDER BY created_at, id", state)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// PutCopy inserts or replaces a copy.
func (tx *Tx) PutCopy(c *Copy) error { return copies.put(tx.ctx, tx.q, c) }

// RemoveCopy deletes a copy's row.
func (tx *Tx) RemoveCopy(id string) error { return copies.remove(tx.ctx, tx.q, id) }
