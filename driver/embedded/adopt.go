package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// Adoption says who gets the volumes and backups that are found without a row.
type Adoption struct {
	ProjectID string
	// Report, if set, is called with what became of each.
	Report func(Adopted)
}

// Adopted is one volume, snapshot or backup that had no row.
type Adopted struct {
	Kind   string // volume, snapshot or backup
	ID     string
	Status string // that it has now; "" if it has no row
	Reason string // in words, unless it is available
}

// adopt makes rows for files and objects that have none. Names, types and metadata
// of volumes are lost with the old database; backups have theirs in the store.
func (d *Driver) adopt(ctx context.Context) error {
	report := d.o.Adopt.Report
	if report == nil {
		report = func(Adopted) {}
	}
	if err := d.adoptVolumes(ctx, report); err != nil {
		return err
	}
	if err := d.reportSnapshots(ctx, report); err != nil {
		return err
	}
	return d.adoptBackups(ctx, report)
}

// adoptVolumes makes a row for each file of a volume, also in lost+found, whose name
// ends in an id.
func (d *Driver) adoptVolumes(ctx context.Context, report func(Adopted)) error {
	for _, sub := range []string{core.VolumesDir, core.LostFound} {
		ids, err := d.strays(sub, "volume-")
		if err != nil {
			return err
		}
		for _, id := range ids {
			row, err := d.core.DB.Volume(ctx, id)
			if err != nil {
				return err
			}
			if row != nil {
				continue
			}
			if sub == core.LostFound {
				if err := d.core.Files.RestoreLost(id); err != nil {
					report(Adopted{Kind: "volume", ID: id, Reason: err.Error()})
					continue
				}
			}
			if err := d.adoptVolume(ctx, id); err != nil {
				return fmt.Errorf("adopt volume %s: %w", id, err)
			}
			report(Adopted{Kind: "volume", ID: id, Status: core.Available})
		}
	}
	return nil
}

// strays returns the ids in the names of regular files in a directory.
func (d *Driver) strays(sub, prefix string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.core.Files.Dir, sub))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Name(), prefix); ok && core.IsUUID(id) && e.Type().IsRegular() {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// adoptVolume makes the row. A file whose length is not whole GiB is made longer.
func (d *Driver) adoptVolume(ctx context.Context, id string) error {
	path := d.core.Files.Volume(id)
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	size := max(1, int((st.Size()+d.core.Unit-1)/d.core.Unit))
	if st.Size() != d.core.Bytes(size) {
		if err := d.core.Files.Resize(path, d.core.Bytes(size)); err != nil {
			return err
		}
	}
	return d.core.Write(ctx, func(tx *meta.Tx) error {
		who := driver.Caller{ProjectID: d.o.Adopt.ProjectID}
		t, err := d.volumeType(tx, who, "")
		if err != nil {
			return err
		}
		v := d.newVolume(tx, who, id, t, size)
		v.CreatedAt, v.LaunchedAt, v.UpdatedAt = st.ModTime().UTC().Truncate(time.Microsecond), tx.Now, tx.Now
		return tx.PutVolume(v)
	})
}

// reportSnapshots names the snapshots that have no row: which volume they are of is
// lost.
func (d *Driver) reportSnapshots(ctx context.Context, report func(Adopted)) error {
	for _, sub := range []string{core.SnapshotsDir, core.LostFound} {
		ids, err := d.strays(sub, "snapshot-")
		if err != nil {
			return err
		}
		for _, id := range ids {
			row, err := d.core.DB.Snapshot(ctx, id)
			if err != nil {
				return err
			}
			if row != nil {
				continue
			}
			report(Adopted{Kind: "snapshot", ID: id, Reason: "which volume it is of is lost. It stays in " + core.LostFound +
				"; renamed to volume-" + id + " there, it can be adopted as a volume"})
		}
	}
	return nil
}

// adoptBackups makes a row for each backup whose metadata is in the store.
func (d *Driver) adoptBackups(ctx context.Context, report func(Adopted)) error {
	found := map[string]*meta.Backup{}
	for key, err := range d.core.Store.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("list the backup store: %w", err)
		}
		at, ok := chunked.LocationOf(d.core.Store.Layout(), key)
		if !ok {
			continue
		}
		b, err := d.describe(ctx, at)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			report(Adopted{Kind: "backup", ID: at.Prefix, Reason: core.ReasonOf(err)})
			continue
		}
		row, err := d.core.DB.Backup(ctx, b.ID)
		if err != nil {
			return err
		}
		if row == nil {
			found[b.ID] = b
		}
	}
	rows := make([]*meta.Backup, 0, len(found))
	for _, b := range found {
		rows = append(rows, b)
	}
	// Parents first: the chain of each is looked up among the rows.
	slices.SortFunc(rows, func(a, b *meta.Backup) int { return a.CreatedAt.Compare(b.CreatedAt) })
	if err := d.putAdopted(ctx, rows); err != nil {
		return err
	}
	for _, b := range rows {
		err := d.checkData(ctx, b)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.Status, b.FailReason = driver.BackupAvailable, ""
		if err != nil {
			b.Status, b.FailReason = driver.BackupError, core.ReasonOf(err)
		}
		if err := d.putAdopted(ctx, []*meta.Backup{b}); err != nil {
			return err
		}
		report(Adopted{Kind: "backup", ID: b.ID, Status: string(b.Status), Reason: b.FailReason})
	}
	return nil
}

func (d *Driver) putAdopted(ctx context.Context, rows []*meta.Backup) error {
	return d.core.Write(ctx, func(tx *meta.Tx) error {
		for _, b := range rows {
			if err := tx.PutBackup(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// describe makes a row, in error, from what the objects of a backup say.
func (d *Driver) describe(ctx context.Context, at chunked.Location) (*meta.Backup, error) {
	found, err := chunked.Describe(ctx, d.core.Store, at)
	if err != nil {
		return nil, err
	}
	switch {
	case !core.IsUUID(found.BackupID) || found.ParentID != "" && !core.IsUUID(found.ParentID):
		return nil, core.Reasonf("The ids in its metadata are not UUIDs.")
	case isEncrypted(found.VolumeMeta):
		return nil, core.Reasonf("%s", encrypted)
	}
	created, ok := driver.ParseISOTime(found.CreatedAt)
	if !ok {
		created = d.core.Now().UTC().Truncate(time.Microsecond)
	}
	return &meta.Backup{
		Backup: driver.Backup{
			ID: strings.ToLower(found.BackupID), ProjectID: d.o.Adopt.ProjectID, VolumeID: found.VolumeID,
			ParentID: strings.ToLower(found.ParentID), Name: found.Name, Description: found.Description,
			Status: driver.BackupError, FailReason: "The backup has not been checked.",
			Size: max(1, int((found.Bytes+d.core.Unit-1)/d.core.Unit)), ObjectCount: found.Objects, Container: at.Container,
			AvailabilityZone: d.core.AvailabilityZone, CreatedAt: created, DataTimestamp: created,
		},
		Service: d.core.Store.Layout().Service(), ServiceMetadata: at.Prefix, Host: d.core.Host, Imported: true,
	}, nil
}
