package accounts

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

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
	err = source.snapshot(ctx, func(r *sql.Tx) error {
		return target.write(ctx, func(w *sql.Tx) error {
			counts = map[string]int{}
			for _, table := range tables {
				n, err := copyTable(ctx, r, w, table)
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

func copyTable(ctx context.Context, r, w *sql.Tx, table string) (n int, err error) {
	if table == "identity_head" {
		_, err = w.ExecContext(ctx, "DELETE FROM identity_head")
	} else {
		err = w.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n)
		if err == nil && n > 0 {
			err = fmt.Errorf("the database to copy to has %d of them already: a copy begins with an empty database", n)
		}
	}
	if err != nil {
		return 0, err
	}
	rows, err := r.QueryContext(ctx, "SELECT * FROM "+table) //nolint:gosec // one of tables
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	marks, values, into := make([]string, len(names)), make([]any, len(names)), make([]any, len(names))
	for i, name := range names {
		marks[i], into[i] = fmt.Sprintf("$%d", i+1), &values[i]
		if name == "enabled" {
			into[i] = new(sql.NullBool) // a number in SQLite
			values[i] = into[i]
		}
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
