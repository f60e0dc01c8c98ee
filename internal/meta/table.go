package meta

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode/utf8"
)

// table maps a row type to its columns. Every statement uses this list.
type table[T any] struct {
	name    string
	key     func(*T) string
	columns []column[T]
	derive  func(*T) // sets the fields that are no columns; may be nil
}

// column binds a database column to a field. ref returns the pointer to scan into, which is
// also the statement's argument.
type column[T any] struct {
	name string
	ref  func(*T) any
}

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (t *table[T]) refs(row *T) []any {
	refs := make([]any, len(t.columns))
	for i, c := range t.columns {
		refs[i] = c.ref(row)
	}
	return refs
}

func (t *table[T]) names() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// find returns the rows that a clause ("WHERE … ORDER BY …") selects.
func (t *table[T]) find(ctx context.Context, q querier, clause string, args ...any) ([]*T, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+t.names()+" FROM "+t.name+" "+clause, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	defer func() { _ = rows.Close() }()
	var all []*T
	for rows.Next() {
		row := new(T)
		if err := rows.Scan(t.refs(row)...); err != nil {
			return nil, fmt.Errorf("read %s: %w", t.name, err)
		}
		if t.derive != nil {
			t.derive(row)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	return all, nil
}

// get returns the row with the id; nil if there is none. It ignores the case of the id, as
// MariaDB does for Cinder; the ids that we generate are lower case.
func (t *table[T]) get(ctx context.Context, q querier, id string) (*T, error) {
	if strings.ContainsRune(id, 0) || !utf8.ValidString(id) {
		return nil, nil // PostgreSQL would refuse the question
	}
	rows, err := t.find(ctx, q, "WHERE id = $1", id)
	if err == nil && len(rows) == 0 && strings.ToLower(id) != id {
		rows, err = t.find(ctx, q, "WHERE id = $1", strings.ToLower(id))
	}
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// put inserts the row or replaces the row with the same id.
func (t *table[T]) put(ctx context.Context, q querier, row *T) error {
	marks := make([]string, len(t.columns))
	sets := make([]string, 0, len(t.columns))
	for i, c := range t.columns {
		marks[i] = fmt.Sprintf("$%d", i+1)
		if c.name != "id" {
			sets = append(sets, c.name+" = excluded."+c.name)
		}
	}
	_, err := q.ExecContext(ctx, "INSERT INTO "+t.name+" ("+t.names()+") VALUES ("+strings.Join(marks, ", ")+
		") ON CONFLICT (id) DO UPDATE SET "+strings.Join(sets, ", "), t.refs(row)...)
	if err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	return nil
}

func (t *table[T]) remove(ctx context.Context, q querier, id string) error {
	if _, err := q.ExecContext(ctx, "DELETE FROM "+t.name+" WHERE id = $1", id); err != nil {
		return fmt.Errorf("delete from %s: %w", t.name, err)
	}
	return nil
}
