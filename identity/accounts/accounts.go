// Package accounts keeps the projects, users and role assignments that were made
// through the identity API, in a SQLite database of their own.
package accounts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"cindergate/identity"
)

// DB is the database. One process at a time has it open.
type DB struct{ sql *sql.DB }

var _ identity.Store = (*DB)(nil)

// schemas bring a database from each version to the next.
var schemas = []string{`
	CREATE TABLE projects (
		id          TEXT PRIMARY KEY,
		name        TEXT NOT NULL,
		description TEXT NOT NULL,
		enabled     INTEGER NOT NULL,
		tags        TEXT NOT NULL, -- a JSON list
		extra       TEXT NOT NULL  -- a JSON object
	);
	CREATE TABLE users (
		id              TEXT PRIMARY KEY,
		name            TEXT NOT NULL,
		password_hash   TEXT NOT NULL,
		default_project TEXT NOT NULL,
		enabled         INTEGER NOT NULL,
		extra           TEXT NOT NULL -- a JSON object
	);
	-- Users and projects may be those of the configuration, which have no rows.
	CREATE TABLE grants (
		user_id    TEXT NOT NULL,
		project_id TEXT NOT NULL,
		role       TEXT NOT NULL,
		PRIMARY KEY (user_id, project_id, role)
	);
`}

// Open opens or creates the database, readable by its owner only.
func Open(ctx context.Context, path string) (*DB, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, err
	}
	// locking_mode: what this process has read of the file is not read again.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate&_pragma=busy_timeout(2000)" +
		"&_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	opened, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	opened.SetMaxOpenConns(1)
	db := &DB{opened}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return db, nil
}

// Close closes the database; nil has none.
func (db *DB) Close() error {
	if db == nil {
		return nil
	}
	return db.sql.Close()
}

func (db *DB) migrate(ctx context.Context) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(schemas) {
			return fmt.Errorf("schema version %d is newer than this program's, %d", version, len(schemas))
		}
		for _, schema := range schemas[version:] {
			if _, err := tx.ExecContext(ctx, schema); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(schemas)))
		return err
	})
}

// write makes one transaction.
func (db *DB) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Load reads all that is kept, in order of creation.
func (db *DB) Load(ctx context.Context) (identity.Accounts, error) {
	var all identity.Accounts
	err := db.each(ctx, "SELECT id, name, description, enabled, tags, extra FROM projects ORDER BY rowid", func(scan func(...any) error) error {
		var p identity.Project
		var tags, extra string
		if err := scan(&p.ID, &p.Name, &p.Description, &p.Enabled, &tags, &extra); err != nil {
			return err
		}
		all.Projects = append(all.Projects, p)
		last := &all.Projects[len(all.Projects)-1]
		return errors.Join(json.Unmarshal([]byte(tags), &last.Tags), json.Unmarshal([]byte(extra), &last.Extra))
	})
	if err != nil {
		return all, err
	}
	err = db.each(ctx, "SELECT id, name, password_hash, default_project, enabled, extra FROM users ORDER BY rowid", func(scan func(...any) error) error {
		var u identity.Account
		var extra string
		if err := scan(&u.ID, &u.Name, &u.PasswordHash, &u.DefaultProject, &u.Enabled, &extra); err != nil {
			return err
		}
		all.Users = append(all.Users, u)
		return json.Unmarshal([]byte(extra), &all.Users[len(all.Users)-1].Extra)
	})
	if err != nil {
		return all, err
	}
	err = db.each(ctx, "SELECT user_id, project_id, role FROM grants ORDER BY rowid", func(scan func(...any) error) error {
		var g identity.Grant
		err := scan(&g.UserID, &g.ProjectID, &g.Role)
		all.Grants = append(all.Grants, g)
		return err
	})
	return all, err
}

func (db *DB) each(ctx context.Context, query string, row func(scan func(...any) error) error) error {
	rows, err := db.sql.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// SaveProject implements identity.Store.
func (db *DB) SaveProject(ctx context.Context, p identity.Project) error {
	tags, err := json.Marshal(append([]string{}, p.Tags...))
	if err != nil {
		return err
	}
	extra, err := json.Marshal(p.Extra)
	if err != nil {
		return err
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO projects (id, name, description, enabled, tags, extra) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, enabled = excluded.enabled,
			tags = excluded.tags, extra = excluded.extra`, p.ID, p.Name, p.Description, p.Enabled, string(tags), string(extra))
		return err
	})
}

// SaveUser implements identity.Store.
func (db *DB) SaveUser(ctx context.Context, u identity.Account) error {
	extra, err := json.Marshal(u.Extra)
	if err != nil {
		return err
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (id, name, password_hash, default_project, enabled, extra) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash,
			default_project = excluded.default_project, enabled = excluded.enabled, extra = excluded.extra`,
			u.ID, u.Name, u.PasswordHash, u.DefaultProject, u.Enabled, string(extra))
		return err
	})
}

// DeleteProject implements identity.Store.
func (db *DB) DeleteProject(ctx context.Context, id string) error {
	return db.delete(ctx, id, "DELETE FROM grants WHERE project_id = ?", "DELETE FROM projects WHERE id = ?")
}

// DeleteUser implements identity.Store.
func (db *DB) DeleteUser(ctx context.Context, id string) error {
	return db.delete(ctx, id, "DELETE FROM grants WHERE user_id = ?", "DELETE FROM users WHERE id = ?")
}

func (db *DB) delete(ctx context.Context, id string, statements ...string) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// SaveGrant implements identity.Store.
func (db *DB) SaveGrant(ctx context.Context, g identity.Grant) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO grants (user_id, project_id, role) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			g.UserID, g.ProjectID, g.Role)
		return err
	})
}

// DeleteGrant implements identity.Store.
func (db *DB) DeleteGrant(ctx context.Context, g identity.Grant) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM grants WHERE user_id = ? AND project_id = ? AND role = ?", g.UserID, g.ProjectID, g.Role)
		return err
	})
}
