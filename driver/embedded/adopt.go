package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/backups"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// Adoption says who becomes the owner of volumes and backups that have no row.
type Adoption struct {
	ProjectID string
	// Report, if set, is called for each of them.
	Report func(Adopted)
}

// Adopted is one volume, snapshot or backup that had no row.
type Adopted struct {
	Kind   string // volume, snapshot or backup
	ID     string
	Status string // its status now; "" if it still has no row
	Reason string // the reason, unless the status is available
}

// adopt creates rows for files and objects that have none. The names, types and metadata of
// volumes are lost with the old database. Those of backups are in the store.
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
	return d.adoptBackups(ctx, backups.Finding{Store: d.core.Stores.Local(), ProjectID: d.o.Adopt.ProjectID}, report)
}

func (d *Driver) adoptBackups(ctx context.Context, f backups.Finding, report func(Adopted)) error {
	return d.backups.Adopt(ctx, f, func(b *meta.Backup, prefix string, err error) {
		if err != nil {
			report(Adopted{Kind: "backup", ID: prefix, Reason: core.ReasonOf(err)})
			return
		}
		report(Adopted{Kind: "backup", ID: b.ID, Status: string(b.Status), Reason: b.FailReason})
	})
}

// adoptVolumes creates a row for each volume that has one file, which may be in lost+found,
// and no row. If a volume has several files, because the service died during a restore to
// it, the lost database alone knew which one has the data. None is adopted then.
func (d *Driver) adoptVolumes(ctx context.Context, report func(Adopted)) error {
	for _, sub := range []string{core.VolumesDir, core.LostFound} {
		ids, files, err := d.strays(sub, core.VolumePrefix)
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
			if names := files[id]; len(names) > 1 {
				report(Adopted{Kind: "volume", ID: id, Reason: "it has several files, and which one has its data is not known: " +
					strings.Join(names, ", ") + ". Rename all but one, and adopt again"})
				continue
			}
			if err := d.core.Files.Place(d.core.Files.Path(filepath.Join(sub, files[id][0])), id); err != nil {
				report(Adopted{Kind: "volume", ID: id, Reason: err.Error()})
				continue
			}
			if err := d.adoptVolume(ctx, id); err != nil {
				return fmt.Errorf("adopt volume %s: %w", id, err)
			}
			report(Adopted{Kind: "volume", ID: id, Status: core.Available})
		}
	}
	return nil
}

// strays returns the ids in the names of regular files in a directory, and the names for
// each of them.
func (d *Driver) strays(sub, prefix string) (ids []string, names map[string][]string, err error) {
	entries, err := os.ReadDir(filepath.Join(d.core.Files.Dir, sub))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	names = map[string][]string{}
	for _, e := range entries {
		id, ours := core.FileOwner(e.Name(), prefix)
		if !ours || !core.IsUUID(id) || !e.Type().IsRegular() {
			continue
		}
		if names[id] == nil {
			ids = append(ids, id)
		}
		names[id] = append(names[id], e.Name())
	}
	return ids, names, nil
}

// adoptVolume creates the row. It extends a file whose length is not a whole number of GiB.
func (d *Driver) adoptVolume(ctx context.Context, id string) error {
	path := d.core.Files.Volume(&meta.Volume{Volume: driver.Volume{ID: id}})
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
		t, err := d.volumes.VolumeType(tx, who, "")
		if err != nil {
			return err
		}
		v := d.volumes.NewVolume(tx, who, id, t, size, volumes.Place{Gateway: d.core.Host, AvailabilityZone: d.core.AvailabilityZone})
		v.CreatedAt, v.LaunchedAt, v.UpdatedAt = st.ModTime().UTC().Truncate(time.Microsecond), tx.Now, tx.Now
		return tx.PutVolume(v)
	})
}

// reportSnapshots reports the snapshots that have no row. It is not known which volumes
// they belong to.
func (d *Driver) reportSnapshots(ctx context.Context, report func(Adopted)) error {
	for _, sub := range []string{core.SnapshotsDir, core.LostFound} {
		ids, _, err := d.strays(sub, core.SnapshotPrefix)
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
