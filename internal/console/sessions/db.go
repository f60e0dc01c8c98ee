package sessions

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"cindergate/internal/database"
)

// DB keeps sessions in a database. Several gateways may share one of PostgreSQL.
type DB struct{ sql *database.DB }

var _ Store = (*DB)(nil)

// connections bounds each of the two pools of connections to PostgreSQL. Statements are short.
const connections = 2

// Open opens the database that url names: postgres://… or the path of a SQLite file. A migration is made
// if it is needed.
func Open(ctx context.Context, url string) (*DB, error) {
	db, err := database.Open(url)
	if err != nil {
		return nil, err
	}
	if db.Shared {
		db.Writer.SetMaxOpenConns(connections)
		db.Reader.SetMaxOpenConns(connections)
	}
	if err := db.Migrate(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &DB{db}, nil
}

// Close closes the database; nil has none.
func (db *DB) Close() error {
	if db == nil {
		return nil
	}
	return db.sql.Close()
}

// batch is how many rows a login removes because they are over, and as many because they are too many.
const batch = 100

func (h Hash) text() string { return hex.EncodeToString(h[:]) }

// Add implements Store.
func (db *DB) Add(ctx context.Context, s *Session, limits Limits) error {
	return db.sql.Write(ctx, func(tx *database.Tx) error {
		run := func(statement string, arguments ...any) error {
			_, err := tx.ExecContext(ctx, statement, arguments...)
			return err
		}
		if err := run("UPDATE console_head SET logins = logins + 1"); err != nil {
			return err
		}
		err := run("DELETE FROM console_sessions WHERE key IN (SELECT key FROM console_sessions WHERE ends <= $1 OR used <= $2 LIMIT $3)",
			s.Used.UnixMicro(), s.Used.Add(-limits.Idle).UnixMicro(), batch)
		if err != nil {
			return err
		}
		err = run("DELETE FROM console_sessions WHERE key IN (SELECT key FROM console_sessions WHERE user_id = $1 ORDER BY used DESC, key DESC LIMIT $2 OFFSET $3)",
			s.User.text(), batch, limits.PerUser-1)
		if err != nil {
			return err
		}
		err = run("DELETE FROM console_sessions WHERE key IN (SELECT key FROM console_sessions ORDER BY used DESC, key DESC LIMIT $1 OFFSET $2)", batch, limits.All-1)
		if err != nil {
			return err
		}
		return run("INSERT INTO console_sessions (key, user_id, used, ends, sealed) VALUES ($1, $2, $3, $4, $5)",
			s.Key.text(), s.User.text(), s.Used.UnixMicro(), s.Ends.UnixMicro(), base64.StdEncoding.EncodeToString(s.Sealed))
	})
}

// columns are those that scan reads. What is longer than anything that this program writes is not read.
const columns = "user_id, used, ends, CASE WHEN LENGTH(sealed) <= $2 THEN sealed ELSE '' END"

// scan reads a row. What is no base64 is nothing that can be opened, and so is left empty.
func scan(key Hash, row *sql.Row) (*Session, error) {
	s := &Session{Key: key}
	var user, sealed string
	var used, ends int64
	switch err := row.Scan(&user, &used, &ends, &sealed); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNone
	case err != nil:
		return nil, err
	}
	s.Used, s.Ends = time.UnixMicro(used).UTC(), time.UnixMicro(ends).UTC()
	if b, err := hex.DecodeString(user); err == nil {
		copy(s.User[:], b)
	}
	if b, err := base64.StdEncoding.DecodeString(sealed); err == nil {
		s.Sealed = b
	}
	return s, nil
}

// Find implements Store.
func (db *DB) Find(ctx context.Context, key Hash) (*Session, error) {
	return scan(key, db.sql.Reader.QueryRowContext(ctx, "SELECT "+columns+" FROM console_sessions WHERE key = $1", key.text(), base64.StdEncoding.EncodedLen(MaxSealed)))
}

// Change implements Store.
func (db *DB) Change(ctx context.Context, key Hash, change func(*Session) ([]byte, error)) error {
	return db.sql.Write(ctx, func(tx *database.Tx) error {
		// It changes nothing, and locks the row until the end of the transaction.
		s, err := scan(key, tx.QueryRowContext(ctx, "UPDATE console_sessions SET used = used WHERE key = $1 RETURNING "+columns, key.text(), base64.StdEncoding.EncodedLen(MaxSealed)))
		if err != nil {
			return err
		}
		sealed, err := change(s)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE console_sessions SET sealed = $2 WHERE key = $1", key.text(), base64.StdEncoding.EncodeToString(sealed))
		return err
	})
}

// Touch implements Store.
func (db *DB) Touch(ctx context.Context, key Hash, used time.Time) error {
	_, err := db.sql.Writer.ExecContext(ctx, "UPDATE console_sessions SET used = $2 WHERE key = $1 AND used < $2", key.text(), used.UnixMicro())
	return err
}

// Remove implements Store.
func (db *DB) Remove(ctx context.Context, key Hash) error {
	_, err := db.sql.Writer.ExecContext(ctx, "DELETE FROM console_sessions WHERE key = $1", key.text())
	return err
}
