package embedded

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.uber.org/zap"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/dir"
	"cindergate/internal/marker"
	"cindergate/internal/meta"
)

// openStores opens the configured stores. A directory must be there, for a mount that is
// missing looks like an empty one. A store on the network may be away: the first job that
// uses it finds out.
func (d *Driver) openStores(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(d.o.Stores)) {
		o := d.o.Stores[name]
		if name == core.LocalStore {
			return fmt.Errorf("the name of the backup store %s is reserved for the one in the data directory", name)
		}
		switch {
		case o.Accounts != nil:
			d.core.Stores.AddAccounts(name, o.Accounts, d.core.Trust)
			continue
		case o.Remote != nil:
			d.core.Stores.Add(name, o.Remote)
			continue
		}
		if err := d.openDirectory(ctx, name, o.Dir); err != nil {
			return fmt.Errorf("backup store %s: %w", name, err)
		}
	}
	if d.core.Stores.Named(d.core.Stores.Default) == nil {
		return fmt.Errorf("the default backup store %s is not configured", d.core.Stores.Default)
	}
	return d.warnOfLostStores(ctx)
}

// openDirectory opens a store in a directory, which must exist. The first time, it takes
// the marker that is there, or writes one. Later the marker must be the same.
func (d *Driver) openDirectory(ctx context.Context, name, path string) error {
	row, err := d.core.DB.Store(ctx, name)
	if err != nil {
		return err
	}
	if row == nil {
		id, err := marker.Read(path)
		if err != nil {
			return err
		}
		if id == "" {
			id = d.core.Files.ID
			if err := marker.Write(path, id); err != nil {
				return err
			}
		}
		row = &meta.Store{Name: name, Marker: id}
		if err := d.core.DB.Write(ctx, func(tx *meta.Tx) error { return tx.PutStore(row) }); err != nil {
			return err
		}
	}
	store, err := dir.OpenMarked(path, row.Marker)
	if err != nil {
		return err
	}
	d.owned = append(d.owned, store)
	d.core.Stores.Add(name, store)
	return nil
}

// warnOfLostStores logs the stores that backups are in and that are not configured.
func (d *Driver) warnOfLostStores(ctx context.Context) error {
	used, err := d.core.DB.StoresInUse(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if !d.core.Stores.Configured(name) {
			d.core.Log.Error("backups are in a backup store that is not configured", zap.String("store", name), zap.Int("backups", used[name]))
		}
	}
	return nil
}
