package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/database"
	"cindergate/internal/meta"
)

// DatabaseCopy says what [CopyDatabase] copies.
type DatabaseCopy struct {
	// From and To are databases, as in [Options.Database]: one is a file of SQLite.
	From, To string
	// Host is the name of the gateway that has the data directory.
	Host string
	// LocalStore is the name by which the configuration for PostgreSQL knows the store in the data
	// directory; "": no backups are in it.
	LocalStore string
}

// CopyDatabase copies the rows of an installation to a new database, from SQLite to PostgreSQL or
// back. No gateway may use either. It returns the number of rows by table.
func CopyDatabase(ctx context.Context, o DatabaseCopy) (counts map[string]int, err error) {
	var opened []interface{ Close() error }
	defer func() {
		for _, c := range opened {
			err = errors.Join(err, c.Close())
		}
	}()
	open := func(where string, mustExist bool) (*meta.DB, error) {
		if !database.IsPostgres(where) {
			there, err := database.FileExists(where)
			if err != nil || there != mustExist {
				return nil, errors.Join(err, fmt.Errorf("%s: to copy from it, the file must be there, and to copy to it, it must not", where))
			}
			lock, err := core.LockDir(filepath.Dir(where))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Dir(where), err)
			}
			opened = append(opened, lock)
		}
		db, err := meta.Open(ctx, meta.Options{Database: where, Now: time.Now})
		if err == nil {
			opened = append([]interface{ Close() error }{db}, opened...)
		}
		return db, err
	}
	from, err := open(o.From, true)
	if err != nil {
		return nil, err
	}
	to, err := open(o.To, false)
	if err != nil {
		return nil, err
	}
	counts, err = meta.CopyAll(ctx, from, to, meta.CopyOptions{LocalStore: o.LocalStore, Host: o.Host})
	if err != nil && !database.IsPostgres(o.To) {
		err = errors.Join(err, os.Remove(o.To)) // it was made here
	}
	return counts, err
}
