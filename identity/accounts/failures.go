package accounts

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"cindergate/identity"
	"cindergate/internal/database"
)

// A key may fail as often a minute as its limit says, and as often at once. That takes one
// number: the time at which all failures are forgotten, which each failure moves on by its
// share of a minute (the generic cell rate algorithm, ITU-T I.371).

func failureID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func share(k identity.LoginKey) time.Duration { return time.Minute / time.Duration(k.PerMinute) }

// LoginsRefused implements identity.Store.
func (db *DB) LoginsRefused(ctx context.Context, now time.Time, keys ...identity.LoginKey) (wait time.Duration, err error) {
	for _, k := range keys {
		var until int64
		err := db.sql.Reader.QueryRowContext(ctx, "SELECT until FROM login_failures WHERE id = $1", failureID(k.Key)).Scan(&until)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return 0, err
		}
		// As many as are allowed at once take a minute. There must be room for one more.
		wait = max(wait, time.UnixMicro(until).Sub(now)-(time.Minute-share(k)))
	}
	return wait, nil
}

// LoginFailed implements identity.Store. It also removes some of the rows that are of no use.
func (db *DB) LoginFailed(ctx context.Context, now time.Time, keys ...identity.LoginKey) error {
	keys = slices.Clone(keys)
	// In one order, so that no two transactions wait for each other.
	slices.SortFunc(keys, func(a, b identity.LoginKey) int { return strings.Compare(failureID(a.Key), failureID(b.Key)) })
	return db.sql.Write(ctx, func(tx *database.Tx) error {
		for _, k := range keys {
			_, err := tx.ExecContext(ctx, `INSERT INTO login_failures (id, until) VALUES ($1, CAST($2 AS BIGINT) + CAST($3 AS BIGINT))
				ON CONFLICT (id) DO UPDATE SET until = CASE WHEN login_failures.until > CAST($2 AS BIGINT) THEN login_failures.until ELSE CAST($2 AS BIGINT) END + CAST($3 AS BIGINT)`,
				failureID(k.Key), now.UnixMicro(), share(k).Microseconds())
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM login_failures WHERE id IN (SELECT id FROM login_failures WHERE until < $1 ORDER BY until LIMIT $2)",
			now.Add(-time.Minute).UnixMicro(), batch)
		return err
	})
}
