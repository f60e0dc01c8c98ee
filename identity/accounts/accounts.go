// Package accounts keeps the projects, users and role assignments that were made through the
// identity API, tokens by their hashes, and what is known of failed logins: in a SQLite
// database of their own, or in a PostgreSQL database that several gateways share.
package accounts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"cindergate/identity"
	"cindergate/internal/database"
	"cindergate/internal/filelock"
)

// DB is the database. One process at a time has a SQLite database open.
type DB struct {
	sql  *database.DB
	lock *os.File // of a SQLite database
}

var _ identity.Store = (*DB)(nil)

// Open opens or creates the database that url names: the path of a SQLite file, readable by
// its owner only, or postgres://….
func Open(ctx context.Context, url string) (*DB, error) {
	db := &DB{}
	name := "PostgreSQL"
	if !database.IsPostgres(url) {
		name = url
		var err error
		// No other process may have it open: tokens are in memory as well.
		if db.lock, err = filelock.Lock(url+".lock", 0o600); err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
	}
	var err error
	if db.sql, err = database.Open(url); err == nil {
		err = db.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), db.Close())
	}
	return db, nil
}

// Close closes the database; nil has none.
func (db *DB) Close() (err error) {
	if db == nil {
		return nil
	}
	if db.sql != nil {
		err = db.sql.Close()
	}
	if db.lock != nil {
		err = errors.Join(err, db.lock.Close())
	}
	return err
}

// Shared implements identity.Store.
func (db *DB) Shared() bool { return db.sql.Shared }

// sqliteVersion is the user_version of SQLite databases since the table identity_schema. The
// programs before it refuse it, and so does this one any other.
const sqliteVersion = 2

func (db *DB) migrate(ctx context.Context) error {
	if db.sql.Shared {
		return db.sql.Migrate(ctx, schema)
	}
	var version int
	if err := db.sql.Writer.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > sqliteVersion {
		return fmt.Errorf("schema version %d is newer than this program's, %d", version, sqliteVersion)
	}
	if err := db.sql.Migrate(ctx, schema); err != nil {
		return err
	}
	return db.sql.Write(ctx, func(tx *database.Tx) error {
		// The order of those from before there was the column.
		_, err := tx.ExecContext(ctx, `UPDATE projects SET place = rowid WHERE place = 0;
			UPDATE users SET place = rowid WHERE place = 0;
			UPDATE grants SET place = rowid WHERE place = 0`)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", sqliteVersion))
		return err
	})
}

// snapshot reads as of one moment.
func (db *DB) snapshot(ctx context.Context, do func(*database.Tx) error) error {
	tx, err := db.sql.BeginRead(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	return do(tx)
}

// Load implements identity.Store. Accounts are in order of creation.
func (db *DB) Load(ctx context.Context) (all identity.Accounts, err error) {
	err = db.snapshot(ctx, func(tx *database.Tx) error {
		all = identity.Accounts{}
		return errors.Join(loadVersion(ctx, tx, &all), loadProjects(ctx, tx, &all), loadUsers(ctx, tx, &all), loadGrants(ctx, tx, &all))
	})
	if !db.sql.Shared {
		all.Version = "" // nobody else changes it
	}
	return all, err
}

func loadVersion(ctx context.Context, tx *database.Tx, all *identity.Accounts) error {
	return tx.QueryRowContext(ctx, "SELECT accounts FROM identity_head").Scan(&all.Version)
}

func loadProjects(ctx context.Context, tx *database.Tx, all *identity.Accounts) error {
	return each(ctx, tx, "SELECT id, name, description, enabled, tags, extra FROM projects ORDER BY place, id", func(scan func(...any) error) error {
		var p identity.Project
		var tags, extra string
		if err := scan(&p.ID, &p.Name, &p.Description, &p.Enabled, &tags, &extra); err != nil {
			return err
		}
		err := errors.Join(json.Unmarshal([]byte(tags), &p.Tags), json.Unmarshal([]byte(extra), &p.Extra))
		all.Projects = append(all.Projects, p)
		return err
	})
}

func loadUsers(ctx context.Context, tx *database.Tx, all *identity.Accounts) error {
	return each(ctx, tx, "SELECT id, name, password_hash, default_project, enabled, generation, extra FROM users ORDER BY place, id", func(scan func(...any) error) error {
		var u identity.Account
		var extra string
		if err := scan(&u.ID, &u.Name, &u.PasswordHash, &u.DefaultProject, &u.Enabled, &u.Generation, &extra); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(extra), &u.Extra)
		all.Users = append(all.Users, u)
		return err
	})
}

func loadGrants(ctx context.Context, tx *database.Tx, all *identity.Accounts) error {
	return each(ctx, tx, "SELECT user_id, project_id, role FROM grants ORDER BY place, user_id, project_id, role", func(scan func(...any) error) error {
		var g identity.Grant
		err := scan(&g.UserID, &g.ProjectID, &g.Role)
		all.Grants = append(all.Grants, g)
		return err
	})
}

func each(ctx context.Context, tx *database.Tx, query string, row func(scan func(...any) error) error) error {
	rows, err := tx.QueryContext(ctx, query)
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

// changes are changes of the accounts of a version.
type changes struct {
	db      *DB
	version string
}

// At implements identity.Store.
func (db *DB) At(version string) identity.Changes { return changes{db, version} }

// change makes one transaction, if the accounts still have the version.
func (c changes) change(ctx context.Context, do func(*database.Tx) error) error {
	return c.db.sql.Write(ctx, func(tx *database.Tx) error {
		if c.db.sql.Shared {
			result, err := tx.ExecContext(ctx, "UPDATE identity_head SET accounts = $1 WHERE accounts = $2", rand.Text(), c.version)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); err != nil || n == 0 {
				return errors.Join(err, identity.ErrStale)
			}
		}
		return do(tx)
	})
}

// SaveProject implements identity.Changes.
func (c changes) SaveProject(ctx context.Context, p identity.Project) error {
	tags, err := json.Marshal(append([]string{}, p.Tags...))
	if err != nil {
		return err
	}
	extra, err := json.Marshal(p.Extra)
	if err != nil {
		return err
	}
	return c.change(ctx, func(tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO projects (id, name, description, enabled, tags, extra, place)
			VALUES ($1, $2, $3, $4, $5, $6, (SELECT COALESCE(MAX(place), 0) + 1 FROM projects))
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, enabled = excluded.enabled,
			tags = excluded.tags, extra = excluded.extra`, p.ID, p.Name, p.Description, p.Enabled, string(tags), string(extra))
		return err
	})
}

// SaveUser implements identity.Changes.
func (c changes) SaveUser(ctx context.Context, u identity.Account) error {
	extra, err := json.Marshal(u.Extra)
	if err != nil {
		return err
	}
	return c.change(ctx, func(tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (id, name, password_hash, default_project, enabled, generation, extra, place)
			VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT COALESCE(MAX(place), 0) + 1 FROM users))
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash, default_project = excluded.default_project,
			enabled = excluded.enabled, generation = excluded.generation, extra = excluded.extra`,
			u.ID, u.Name, u.PasswordHash, u.DefaultProject, u.Enabled, u.Generation, string(extra))
		return err
	})
}

// DeleteProject implements identity.Changes.
func (c changes) DeleteProject(ctx context.Context, id string) error {
	return c.delete(ctx, id, "DELETE FROM grants WHERE project_id = $1", "DELETE FROM projects WHERE id = $1")
}

// DeleteUser implements identity.Changes.
func (c changes) DeleteUser(ctx context.Context, id string) error {
	return c.delete(ctx, id, "DELETE FROM grants WHERE user_id = $1", "DELETE FROM users WHERE id = $1")
}

func (c changes) delete(ctx context.Context, id string, statements ...string) error {
	return c.change(ctx, func(tx *database.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// SaveGrant implements identity.Changes.
func (c changes) SaveGrant(ctx context.Context, g identity.Grant) error {
	return c.change(ctx, func(tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO grants (user_id, project_id, role, place)
			VALUES ($1, $2, $3, (SELECT COALESCE(MAX(place), 0) + 1 FROM grants)) ON CONFLICT DO NOTHING`,
			g.UserID, g.ProjectID, g.Role)
		return err
	})
}

// DeleteGrant implements identity.Changes.
func (c changes) DeleteGrant(ctx context.Context, g identity.Grant) error {
	return c.change(ctx, func(tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM grants WHERE user_id = $1 AND project_id = $2 AND role = $3", g.UserID, g.ProjectID, g.Role)
		return err
	})
}
