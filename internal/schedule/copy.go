package schedule

import (
	"context"
	"errors"
	"fmt"

	"cindergate/internal/database"
)

// tables are those that [Copy] copies.
var tables = []string{"schedule_volumes", "schedule_runs", "schedule_backends"}

// Copy copies all rows of the database from to the database to, which are named as in [OpenRows] and which
// nobody uses meanwhile. A file that is missing has no rows. It returns the number of rows by table.
func Copy(ctx context.Context, from, to string) (counts map[string]int, err error) {
	if there, err := database.FileExists(from); !database.IsPostgres(from) && (err != nil || !there) {
		return nil, err
	}
	source, err := OpenRows(ctx, from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Close() }() // it was only read
	target, err := OpenRows(ctx, to)
	if err != nil {
		return nil, err
	}
	r, err := source.db.BeginRead(ctx)
	if err != nil {
		return nil, errors.Join(err, target.Close())
	}
	defer func() { _ = r.Rollback() }() // it has changed nothing
	counts = map[string]int{}
	err = target.write(ctx, func(w *database.Tx) error {
		for _, table := range tables {
			n, err := database.CopyTable(ctx, r, w, table)
			if err != nil {
				return fmt.Errorf("copy %s: %w", table, err)
			}
			counts[table] = n
		}
		return nil
	})
	return counts, errors.Join(err, target.Close())
}
