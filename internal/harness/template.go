package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cindergate/identity/accounts"
	"cindergate/internal/meta"
)

// The databases in a data directory.
const (
	rowsFile     = "cindergate.db"
	accountsFile = "identity.db"
)

// emptyDatabases are databases with tables and without rows. Making the tables takes half of the
// time until a cloud is ready, so each process does it once. A database from here is brought up to
// date as any other is.
var emptyDatabases struct {
	sync.Mutex
	files map[string][]byte // by name
}

// layDatabases writes empty databases into a new data directory.
func layDatabases(ctx context.Context, dir string) error {
	e := &emptyDatabases
	e.Lock()
	defer e.Unlock()
	if e.files == nil {
		files, err := makeDatabases(ctx, dir)
		e.files = files
		return err // they are there
	}
	for name, content := range e.files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func makeDatabases(ctx context.Context, dir string) (map[string][]byte, error) {
	rows, err := meta.Open(ctx, meta.Options{Database: filepath.Join(dir, rowsFile), Now: time.Now})
	if err != nil {
		return nil, err
	}
	kept, err := accounts.Open(ctx, filepath.Join(dir, accountsFile))
	if err := errors.Join(err, rows.Close(), kept.Close()); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range []string{rowsFile, accountsFile} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
}
