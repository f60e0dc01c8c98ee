package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk"
	"cindergate/internal/chunk/dir"
	"cindergate/internal/chunked"
	"cindergate/internal/database"
	"cindergate/internal/marker"
	"cindergate/internal/meta"
)

// backupsDir is the default store's directory below the data directory.
const backupsDir = "backups"

// databaseFile is the database's name in the data directory.
const databaseFile = "cindergate.db"

// openInstallation opens the database and the directories that it describes. If they do not
// belong together, it returns an error and changes nothing: a lost database or a missing
// mount looks the same as a new installation.
func (d *Driver) openInstallation(ctx context.Context) error {
	installation, err := d.openDatabase(ctx)
	if err != nil {
		return err
	}
	if want := d.o.Installation; want != "" && want != installation.ID {
		return fmt.Errorf("it belongs to the installation %s, not to %s as configured: is the right directory mounted?", installation.ID, want)
	}
	d.core.Files.ID = installation.ID
	if d.core.Several() {
		return d.join(ctx, installation)
	}
	if !installation.Ready {
		return d.makeInstallation(ctx, installation)
	}
	return d.openFiles(ctx)
}

// openDatabase opens the database and returns its installation. A new database gets one.
func (d *Driver) openDatabase(ctx context.Context) (*meta.Installation, error) {
	where := d.o.Database
	if where == "" {
		where = filepath.Join(d.o.DataDir, databaseFile)
	}
	if !d.core.Several() {
		exists, err := database.FileExists(where)
		if err != nil {
			return nil, err
		}
		if !exists {
			if err := d.refuseNewDatabase(); err != nil {
				return nil, err
			}
		}
	}
	var err error
	if d.core.DB, err = meta.Open(ctx, meta.Options{Database: where, Now: d.core.Clock.Now, Rehearse: d.o.rehearse}); err != nil {
		return nil, err
	}
	d.owned = append(d.owned, d.core.DB)
	if d.core.Several() {
		return d.sharedInstallation(ctx)
	}
	installation, err := d.core.DB.Installation(ctx)
	if err != nil || installation != nil {
		return installation, err
	}
	return d.newInstallation(ctx)
}

// openFiles checks the marked directories and opens the stores.
func (d *Driver) openFiles(ctx context.Context) error {
	if err := d.core.Files.Check(); err != nil {
		return err
	}
	if err := chunked.RemoveSpills(d.core.DataDir); err != nil {
		return err
	}
	if !d.core.Several() || d.o.Store != nil {
		if err := d.openStore(func(path string) (*dir.Store, error) { return dir.OpenMarked(path, d.core.Files.ID) }); err != nil {
			return err
		}
	}
	return d.openStores(ctx)
}

// refuseNewDatabase returns an error if there is no database, but there is data that a
// database must have described.
func (d *Driver) refuseNewDatabase() error {
	if want := d.o.Installation; want != "" && d.o.Adopt == nil {
		return fmt.Errorf("it has no database, but the installation %s is configured: is the directory mounted?", want)
	}
	found, err := d.remains()
	if err != nil || found == "" || d.o.Adopt != nil {
		return err
	}
	return fmt.Errorf("%s is missing or empty, but there is %s. Put the database back. "+
		"If it is lost, `cindergate adopt --data %s --project ID` makes rows for the volumes and backups that are there "+
		"(or start once with `serve --adopt ID`)", databaseFile, found, d.o.DataDir)
}

// remains describes what an installation has left in the data directory; "" if nothing.
func (d *Driver) remains() (string, error) {
	for _, sub := range []string{core.VolumesDir, core.SnapshotsDir} {
		entries, err := os.ReadDir(filepath.Join(d.o.DataDir, sub))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		n := 0
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), strings.TrimSuffix(sub, "s")+"-") {
				n++
			}
		}
		if n > 0 {
			return fmt.Sprintf("data of an earlier installation: %d in %s/", n, sub), nil
		}
	}
	id, err := d.markedID()
	if err != nil || id == "" {
		return "", err
	}
	return "the marker of the installation " + id, nil
}

// markedID returns the id in the first marker found; "" if there is no marker.
func (d *Driver) markedID() (string, error) {
	for _, dir := range append(d.core.Files.Directories(), filepath.Join(d.o.DataDir, backupsDir)) {
		if id, err := marker.Read(dir); err != nil || id != "" {
			return id, err
		}
	}
	return "", nil
}

// newInstallation stores the row of a database that has none. Such a database is new, or
// comes from a version without markers.
func (d *Driver) newInstallation(ctx context.Context) (*meta.Installation, error) {
	if err := d.refuseOtherData(ctx); err != nil {
		return nil, err
	}
	id, err := d.markedID()
	if err != nil {
		return nil, err
	}
	if id == "" {
		id = uuid.NewString()
	}
	installation := &meta.Installation{ID: id}
	return installation, d.core.DB.Write(ctx, func(tx *meta.Tx) error { return tx.PutInstallation(installation) })
}

// refuseOtherData returns an error if a database without an installation row and the data
// on disk do not match: one describes data that the other lacks.
func (d *Driver) refuseOtherData(ctx context.Context) error {
	volumes, err := d.core.DB.AllVolumes(ctx)
	if err != nil {
		return err
	}
	snapshots, err := d.core.DB.AllSnapshots(ctx)
	if err != nil {
		return err
	}
	backups, err := d.core.DB.AllBackups(ctx)
	if err != nil {
		return err
	}
	if volumes.Len()+snapshots.Len()+backups.Len() == 0 {
		return d.refuseNewDatabase()
	}
	stored := 0 // backups that have objects
	for b := range backups.All() {
		if b.ObjectCount > 0 {
			stored++
		}
	}
	for _, known := range []struct {
		sub  string
		rows int
	}{{core.VolumesDir, volumes.Len()}, {backupsDir, stored}} {
		if known.rows == 0 || known.sub == backupsDir && d.o.Store != nil {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(d.o.DataDir, known.sub))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(entries) == 0 {
			return fmt.Errorf("the database knows of %d in %s/, which is empty: is it mounted?", known.rows, known.sub)
		}
	}
	return nil
}

// makeInstallation creates and marks the missing directories. It can be repeated: the row
// says Ready only when everything is on disk.
func (d *Driver) makeInstallation(ctx context.Context, installation *meta.Installation) error {
	if err := d.core.Files.Create(); err != nil {
		return err
	}
	if err := d.openStore(func(path string) (*dir.Store, error) { return dir.Create(path, installation.ID) }); err != nil {
		return err
	}
	if err := marker.SyncDir(d.o.DataDir); err != nil {
		return err
	}
	installation.Ready = true
	d.core.Log.Info("new installation", zap.String("id", installation.ID))
	if err := d.core.DB.Write(ctx, func(tx *meta.Tx) error { return tx.PutInstallation(installation) }); err != nil {
		return err
	}
	return d.openStores(ctx)
}

// openStore opens the default store, unless Options.Store is set.
func (d *Driver) openStore(open func(path string) (*dir.Store, error)) error {
	if d.o.Store != nil {
		d.core.Stores.Add(core.LocalStore, d.wrap(d.o.Store))
		return nil
	}
	store, err := open(filepath.Join(d.o.DataDir, backupsDir))
	if err != nil {
		return err
	}
	d.owned = append(d.owned, store)
	d.core.Stores.Add(core.LocalStore, d.wrap(store))
	return nil
}

func (d *Driver) wrap(s chunk.Store) chunk.Store {
	if d.o.WrapStore == nil {
		return s
	}
	return d.o.WrapStore(s)
}
