package meta

import (
	"context"
	"time"
)

// Trust is a row of trusts: the right of a backup store's user to use the account of a
// project. Account is the key. ID is the trust's id at Keystone, which is useless without
// the login of the store's user, but must not be shown.
type Trust struct {
	Account   string // the store's name, a slash, and the id of the project
	ID        string
	CreatedAt time.Time
}

var trusts = table[Trust]{name: "trusts", key: func(t *Trust) string { return t.Account }, columns: []column[Trust]{
	{"id", func(t *Trust) any { return &t.Account }},
	{"trust", func(t *Trust) any { return &t.ID }},
	{"created_at", func(t *Trust) any { return micros{&t.CreatedAt} }},
}}

// Trust returns the trust for an account; nil if there is none.
func (db *DB) Trust(ctx context.Context, account string) (*Trust, error) {
	return trusts.get(ctx, db.reader, account)
}

// PutTrust inserts or replaces a row.
func (tx *Tx) PutTrust(t *Trust) error { return trusts.put(tx.ctx, tx.q, t) }
