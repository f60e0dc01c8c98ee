package database

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// CopyTable copies all rows of a table from the transaction r to the transaction w of another
// database, in which the table has the same columns and must be empty. It returns their number.
func CopyTable(ctx context.Context, r, w *Tx, table string) (n int, err error) {
	if err := w.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		return 0, err
	}
	if n > 0 {
		return 0, fmt.Errorf("the database to copy to has %d of them already: a copy begins with an empty database", n)
	}
	rows, err := r.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	columns, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	names, marks := make([]string, len(columns)), make([]string, len(columns))
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		names[i], marks[i], into[i] = c.Name(), fmt.Sprintf("$%d", i+1), &values[i]
		if strings.HasPrefix(c.DatabaseTypeName(), "BOOL") { // SQLite may hold a number
			into[i] = new(sql.NullBool)
			values[i] = into[i]
		}
	}
	insert := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
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
