package schedule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

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
	counts = map[string]int{}
	err = target.write(ctx, func(tx *sql.Tx) error {
		for _, table := range tables {
			n, err := copyTable(ctx, source.db.Reader, tx, table)
			if err != nil {
				return fmt.Errorf("copy %s: %w", table, err)
			}
			counts[table] = n
		}
		return nil
	})
	return counts, errors.Join(err, target.Close())
}

func copyTable(ctx context.Context, r *sql.DB, w *sql.Tx, table string) (n int, err error) {
	if err := w.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		return 0, err
	}
	if n > 0 {
		return 0, fmt.Errorf("the database to copy to has %d of them already: a copy begins with an empty database", n)
	}
	rows, err := r.QueryContext(ctx, "SELECT * FROM "+table) //nolint:gosec // one of tables
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	names, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	marks, values, into := make([]string, len(names)), make([]any, len(names)), make([]any, len(names))
	for i := range names {
		marks[i], into[i] = fmt.Sprintf("$%d", i+1), &values[i]
	}
	insert := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")" //nolint:gosec // one of tables
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		if _, err := w.ExecContext(ctx, insert, values...); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
