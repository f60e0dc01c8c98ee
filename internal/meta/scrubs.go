package meta

import (
	"context"
	"time"
)

// Scrub is the row of scrubs: the last scheduled scrub of the backup store.
type Scrub struct {
	ID         string // of the store
	StartedAt  time.Time
	FinishedAt time.Time // zero: it has not finished
}

var scrubs = table[Scrub]{name: "scrubs", key: func(s *Scrub) string { return s.ID }, columns: []column[Scrub]{
	{"id", func(s *Scrub) any { return &s.ID }},
	{"started_at", func(s *Scrub) any { return micros{&s.StartedAt} }},
	{"finished_at", func(s *Scrub) any { return micros{&s.FinishedAt} }},
}}

// Scrub returns the last scheduled scrub of a store; nil if there was none.
func (tx *Tx) Scrub(id string) (*Scrub, error) { return scrubs.get(tx.ctx, tx.q, id) }

// PutScrub inserts or replaces a row.
func (tx *Tx) PutScrub(s *Scrub) error { return scrubs.put(tx.ctx, tx.q, s) }

// Scrubs returns all rows.
func (db *DB) Scrubs(ctx context.Context) ([]*Scrub, error) { return scrubs.find(ctx, db.reader, "") }
