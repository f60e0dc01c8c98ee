package accounts

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cindergate/identity"
	"cindergate/internal/database"
)

// batch bounds the rows that one login removes because they have expired or are too many.
const batch = 100

// SaveToken implements identity.TokenStore. Logins of all gateways take turns, because all of
// them change the row of identity_head first. Each login adds one row and removes up to a
// hundred that have expired, so expired tokens do not pile up.
func (db *DB) SaveToken(ctx context.Context, t *identity.Token, limits identity.TokenLimits) (ended []identity.TokenHash, err error) {
	methods, err := json.Marshal(t.Methods)
	if err != nil {
		return nil, err
	}
	err = db.sql.Write(ctx, func(tx *database.Tx) error {
		ended = nil
		var count int
		if err := tx.QueryRowContext(ctx, "UPDATE identity_head SET count = count + 1 RETURNING count").Scan(&count); err != nil {
			return err
		}
		expired, err := removed(ctx, tx, `DELETE FROM tokens WHERE hash IN
			(SELECT hash FROM tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING hash`, t.IssuedAt.UnixMicro(), batch)
		if err != nil {
			return err
		}
		ended, err = removed(ctx, tx, `DELETE FROM tokens WHERE hash IN
			(SELECT hash FROM tokens WHERE user_id = $1 ORDER BY issued_at DESC, hash LIMIT $2 OFFSET $3) RETURNING hash`,
			t.UserID, batch, max(0, limits.PerUser-1))
		if err != nil {
			return err
		}
		if count -= len(expired) + len(ended); count > limits.All {
			more, err := removed(ctx, tx, `DELETE FROM tokens WHERE hash IN
				(SELECT hash FROM tokens WHERE user_id = (SELECT user_id FROM tokens GROUP BY user_id ORDER BY COUNT(*) DESC LIMIT 1)
				ORDER BY issued_at, hash LIMIT $1) RETURNING hash`, min(batch, count-limits.All))
			if err != nil {
				return err
			}
			ended = append(ended, more...)
			count -= len(more)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO tokens (hash, user_id, project_id, role, methods, credential_id, stamp, audit_id, issued_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, hex.EncodeToString(t.Hash[:]), t.UserID, t.ProjectID, t.Role, string(methods),
			t.CredentialID, t.Stamp, t.AuditID, t.IssuedAt.UnixMicro(), t.Expires.UnixMicro())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE identity_head SET count = $1", count); err != nil || len(ended) == 0 {
			return err
		}
		return tokensEnded(ctx, tx)
	})
	return ended, err
}

// removed runs a statement that removes tokens, and returns their hashes.
func removed(ctx context.Context, tx *database.Tx, statement string, arguments ...any) (hashes []identity.TokenHash, err error) {
	rows, err := tx.QueryContext(ctx, statement, arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		hash, err := parseHash(text)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, rows.Err()
}

func parseHash(text string) (hash identity.TokenHash, err error) {
	if n, err := hex.Decode(hash[:], []byte(text)); err != nil || n != len(hash) {
		return hash, fmt.Errorf("the hash of a token is not %d hexadecimal bytes", len(hash))
	}
	return hash, nil
}

// tokensEnded tells the other gateways that tokens have ended which they may have in memory.
func tokensEnded(ctx context.Context, tx *database.Tx) error {
	_, err := tx.ExecContext(ctx, "UPDATE identity_head SET tokens = $1", rand.Text())
	return err
}

// Token implements identity.TokenStore.
func (db *DB) Token(ctx context.Context, hash identity.TokenHash) (*identity.Token, error) {
	t := &identity.Token{Hash: hash}
	var methods string
	var issued, expires int64
	err := db.sql.Reader.QueryRowContext(ctx, `SELECT user_id, project_id, role, methods, credential_id, stamp, audit_id, issued_at, expires_at
		FROM tokens WHERE hash = $1`, hex.EncodeToString(hash[:])).
		Scan(&t.UserID, &t.ProjectID, &t.Role, &methods, &t.CredentialID, &t.Stamp, &t.AuditID, &issued, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.IssuedAt, t.Expires = time.UnixMicro(issued).UTC(), time.UnixMicro(expires).UTC()
	return t, json.Unmarshal([]byte(methods), &t.Methods)
}

// DeleteToken implements identity.TokenStore.
func (db *DB) DeleteToken(ctx context.Context, hash identity.TokenHash) error {
	return db.sql.Write(ctx, func(tx *database.Tx) error {
		// As in SaveToken, the head comes first, so that the two do not wait for each other.
		if _, err := tx.ExecContext(ctx, "UPDATE identity_head SET count = count"); err != nil {
			return err
		}
		gone, err := removed(ctx, tx, "DELETE FROM tokens WHERE hash = $1 RETURNING hash", hex.EncodeToString(hash[:]))
		if err != nil || len(gone) == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE identity_head SET count = count - 1"); err != nil {
			return err
		}
		return tokensEnded(ctx, tx)
	})
}

// Versions implements identity.Store.
func (db *DB) Versions(ctx context.Context) (v identity.Versions, err error) {
	err = db.sql.Reader.QueryRowContext(ctx, "SELECT accounts, tokens FROM identity_head").Scan(&v.Accounts, &v.Tokens)
	return v, err
}
