package accounts

import (
	"context"
	"fmt"

	"cindergate/internal/database"
)

// tables are those that [Copy] copies. The last one has a single row.
var tables = []string{"projects", "users", "grants", "tokens", "login_failures", "identity_head"}

// Copy copies all rows of the database from to the new database to, which are named as in [Open].
// A file that is missing has no rows. It returns the number of rows by table.
func Copy(ctx context.Context, from, to string) (counts map[string]int, err error) {
	if there, err := database.FileExists(from); !database.IsPostgres(from) && (err != nil || !there) {
		return nil, err
	}
	source, err := Open(ctx, from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Close() }() // it was only read
	target, err := Open(ctx, to)
	if err != nil {
		return nil, err
	}
	err = source.snapshot(ctx, func(r *database.Tx) error {
		return target.sql.Write(ctx, func(w *database.Tx) error {
			counts = map[string]int{}
			if _, err := w.ExecContext(ctx, "DELETE FROM identity_head"); err != nil {
				return err
			}
			for _, table := range tables {
				n, err := database.CopyTable(ctx, r, w, table)
				if err != nil {
					return fmt.Errorf("copy %s: %w", table, err)
				}
				counts[table] = n
			}
			delete(counts, "identity_head")
			return nil
		})
	})
	if closing := target.Close(); err == nil {
		err = closing
	}
	return counts, err
}
