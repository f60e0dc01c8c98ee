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
	"cindergate/driver/embedded/internal/core"
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
	return d.backups.Adopt(ctx, d.o.Adopt.ProjectID, func(b *meta.Backup, prefix string, err error) {
		if err != nil {
			report(Adopted{Kind: "backup", ID: prefix, Reason: core.ReasonOf(err)})
			return
		}
		report(Adopted{Kind: "backup", ID: b.ID, Status: string(b.Status), Reason: b.FailReason})
	})
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
		t, err := d.volumes.VolumeType(tx, who, "")
		if err != nil {
			return err
		}
		v := d.volumes.NewVolume(tx, who, id, t, size)
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
