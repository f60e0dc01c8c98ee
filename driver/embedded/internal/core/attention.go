package core

import (
	"sync"

	"cindergate/internal/meta"
)

// Attention collects the volumes whose policy has to be looked at: something that it depends on
// has changed. It loses nothing, and a volume that is named twice is there once.
type Attention struct {
	// Bell rings after a volume has been named.
	Bell *Bell

	mu    sync.Mutex
	named map[AttentionKey]bool
}

// AttentionKey is a volume and the project whose backups of it are meant. The zero value stands for
// all volumes.
type AttentionKey struct{ ProjectID, VolumeID string }

// NewAttention returns an Attention without volumes.
func (c *Core) NewAttention() *Attention {
	return &Attention{Bell: c.NewBell(1), named: map[AttentionKey]bool{}}
}

// Call names a volume.
func (a *Attention) Call(key AttentionKey) {
	a.mu.Lock()
	a.named[key] = true
	a.mu.Unlock()
	a.Bell.Ring()
}

// CallAfter names a volume once the transaction is committed.
func (a *Attention) CallAfter(tx *meta.Tx, projectID, volumeID string) {
	tx.AfterCommit(func() { a.Call(AttentionKey{projectID, volumeID}) })
}

// Take returns the volumes that have been named since the last call.
func (a *Attention) Take() map[AttentionKey]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.named
	a.named = map[AttentionKey]bool{}
	return taken
}

// Waits reports whether volumes are named that have not been taken.
func (a *Attention) Waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.named) > 0
}
