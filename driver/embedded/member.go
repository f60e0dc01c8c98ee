package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/marker"
	"cindergate/internal/meta"
)

// Several gateways share a database of PostgreSQL. Each is a row with its host and the id of its
// data directory, which a marker in it repeats: neither can be taken for another one.

// idDirectory is the directory whose marker is the id of a gateway's data directory.
const idDirectory = "gateway"

// sharedInstallation returns the installation of a shared database. The first gateway makes it. It
// takes the id of its directory, if the rows of an installation with a file were copied to
// PostgreSQL.
func (d *Driver) sharedInstallation(ctx context.Context) (*meta.Installation, error) {
	marked, err := d.markedID()
	if err != nil {
		return nil, err
	}
	var installation *meta.Installation
	err = d.core.DB.Write(ctx, func(tx *meta.Tx) error {
		all, err := tx.Installations()
		if err != nil {
			return err
		}
		if len(all) > 0 {
			installation = all[0]
			return nil
		}
		if marked != "" {
			return fmt.Errorf("the database is new, but the directory has data of the installation %s. Copy its database first: cindergate db copy", marked)
		}
		installation = &meta.Installation{ID: uuid.NewString(), Ready: true}
		return tx.PutInstallation(installation)
	})
	return installation, err
}

// join makes this gateway one of those that share the database. It returns an error unless the
// directory is the one that the gateway had before: a mount that is missing leaves an empty
// directory, and two gateways of one name would take each other's jobs.
func (d *Driver) join(ctx context.Context, installation *meta.Installation) error {
	marked, err := d.markedID()
	if err != nil {
		return err
	}
	if marked != "" && marked != installation.ID {
		return fmt.Errorf("it belongs to the installation %s, but the database to %s", marked, installation.ID)
	}
	id, err := d.directoryID()
	if err != nil {
		return err
	}
	own, known, err := d.member(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case d.core.Host == core.SharedHost:
		return fmt.Errorf("embedded.host: %s stands for all gateways, none can have this name", core.SharedHost)
	case own != nil && own.Directory != id:
		return fmt.Errorf("the gateway %s has another directory: is it mounted? If this is another gateway, give it a name of its own: embedded.host", d.core.Host)
	case own == nil && id != "":
		return fmt.Errorf("it is the directory of a gateway that the database does not know: it is another database, or one that has lost rows")
	case own == nil && d.core.SharedVolumes && marked == "" && known > 0:
		return fmt.Errorf("%s has no data, but the database knows of other gateways: is it mounted?", d.o.SharedVolumes)
	case own == nil:
		if id, err = d.newDirectory(ctx, marked); err != nil {
			return err
		}
	}
	if err := d.openFiles(ctx); err != nil {
		return err
	}
	d.directory = id
	return d.report(ctx, id)
}

// member returns the row of this gateway, nil if there is none, and the number of all gateways. A
// directory of another gateway is an error.
func (d *Driver) member(ctx context.Context, directory string) (own *meta.Gateway, known int, err error) {
	err = d.core.DB.Read(ctx, func(tx *meta.Tx) error {
		all, err := tx.Gateways()
		if err != nil {
			return err
		}
		known = len(all)
		for _, g := range all {
			switch {
			case g.Host == d.core.Host:
				own = g
			case g.Directory == directory:
				return fmt.Errorf("it is the directory of the gateway %s, not of %s: set embedded.host", g.Host, d.core.Host)
			}
		}
		return nil
	})
	return own, known, err
}

// othersUp reports whether another gateway is up.
func (d *Driver) othersUp(ctx context.Context) (yes bool, err error) {
	err = d.core.Read(ctx, func(tx *meta.Tx) error {
		all, err := d.core.Gateways(tx)
		yes = slices.ContainsFunc(all, func(g core.Gateway) bool { return g.Up && g.Host != d.core.Host })
		return err
	})
	return yes, err
}

// directoryID returns the id of the data directory; "" if it has none yet.
func (d *Driver) directoryID() (string, error) { return marker.Read(d.idDirectory()) }

func (d *Driver) idDirectory() string { return filepath.Join(d.o.DataDir, idDirectory) }

// newDirectory gives the data directory of a new gateway an id. marked is the installation of the
// volumes that it may have from before the rows were copied to PostgreSQL.
func (d *Driver) newDirectory(ctx context.Context, marked string) (string, error) {
	if marked == "" {
		if found, err := d.remains(); err != nil || found != "" {
			return "", errors.Join(err, fmt.Errorf("the gateway %s is new, but there is %s", d.core.Host, found))
		}
		if err := d.core.Files.Create(); err != nil {
			return "", err
		}
	}
	id := uuid.NewString()
	// The row comes first. If only the row is there, the next start finds out.
	if err := d.report(ctx, id); err != nil {
		return "", err
	}
	if err := os.MkdirAll(d.idDirectory(), 0o750); err != nil {
		return "", err
	}
	return id, marker.Write(d.idDirectory(), id)
}

// beat reports until ctx ends that this gateway runs, and then that it does not.
func (d *Driver) beat(ctx context.Context) {
	for ctx.Err() == nil {
		if err := d.report(ctx, d.directory); err != nil && ctx.Err() == nil {
			d.core.Log.Error("the heartbeat failed", zap.Error(err))
		}
		d.core.Wait(ctx, d.o.Lease/3)
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	if err := d.put(ctx, d.directory, func(g *meta.Gateway, _ *meta.Tx) { g.SeenAt = time.Time{} }); err != nil {
		d.core.Log.Warn("other gateways notice late that this one is stopped", zap.Error(err))
	}
}

// report stores a heartbeat.
func (d *Driver) report(ctx context.Context, directory string) error {
	return d.put(ctx, directory, func(g *meta.Gateway, tx *meta.Tx) { g.SeenAt = tx.Now })
}

func (d *Driver) put(ctx context.Context, directory string, change func(*meta.Gateway, *meta.Tx)) error {
	total, free, err := d.core.Space()
	if err != nil {
		return err
	}
	return d.core.Lease(ctx, func(tx *meta.Tx) error {
		g := &meta.Gateway{Host: d.core.Host, Directory: directory, AvailabilityZone: d.core.AvailabilityZone, TotalBytes: total, FreeBytes: free}
		change(g, tx)
		return tx.PutGateway(g)
	})
}

// localOnly is why a shared database does not go with the store in the data directory.
func localStoreAlone() error {
	return fmt.Errorf("the store %s is in the data directory of one gateway. With PostgreSQL, name one that all gateways reach: default_store", core.LocalStore)
}
