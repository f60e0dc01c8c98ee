package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/marker"
	"cindergate/internal/meta"
)

// settleFiles compares rows with files. It moves a file to lost+found that no row names: its
// request was not committed, or the database is older than the file. The files of unfinished
// jobs stay, the jobs remove them. A volume or snapshot without a file gets the status error.
func (d *Driver) settleFiles(ctx context.Context) error {
	if d.core.SharedVolumes {
		if others, err := d.othersUp(ctx); err != nil || others {
			return err // they work on the files
		}
	}
	pending, err := d.pendingFiles(ctx)
	if err != nil {
		return err
	}
	for _, kind := range []struct {
		sub, prefix string
		known       func(name string) (bool, error)
	}{
		{core.VolumesDir, core.VolumePrefix, func(name string) (bool, error) {
			id, _ := core.FileOwner(name, core.VolumePrefix)
			v, err := d.core.DB.Volume(ctx, id)
			return v != nil && core.VolumeName(v) == name, err
		}},
		{core.VolumesDir, core.UploadPrefix, func(name string) (bool, error) {
			u, err := d.core.DB.Upload(ctx, strings.TrimPrefix(name, core.UploadPrefix))
			return u != nil, err
		}},
		{core.SnapshotsDir, core.SnapshotPrefix, func(name string) (bool, error) {
			id, _ := core.FileOwner(name, core.SnapshotPrefix)
			s, err := d.core.DB.Snapshot(ctx, id)
			return s != nil && core.SnapshotName(s) == name, err
		}},
	} {
		dir := filepath.Join(d.core.Files.Dir, kind.sub)
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), kind.prefix) || pending[e.Name()] {
				continue
			}
			if known, err := kind.known(e.Name()); err != nil || known {
				if err != nil {
					return err
				}
				continue
			}
			d.setAside(strings.TrimSuffix(kind.prefix, "-"), filepath.Join(dir, e.Name()))
		}
	}
	return d.failMissing(ctx)
}

// pendingFiles returns the names of the files that unfinished jobs write or remove.
func (d *Driver) pendingFiles(ctx context.Context) (map[string]bool, error) {
	pending := map[string]bool{}
	err := d.core.DB.Read(ctx, func(tx *meta.Tx) error {
		all, err := tx.Jobs()
		for _, j := range all {
			for _, name := range volumes.FilesOf(j) {
				pending[name] = true
			}
		}
		return err
	})
	return pending, err
}

// setAside moves a file to lost+found. If that fails, the file stays, which is harmless
// because no other file uses its name.
func (d *Driver) setAside(kind, path string) {
	to, err := d.moveAside(path)
	if err != nil {
		d.core.Log.Error("a file without a row cannot be moved to lost+found, and stays", zap.String("file", path), zap.Error(err))
	} else {
		d.core.Log.Warn("moved a file without a row to lost+found; `cindergate adopt` makes rows for volumes",
			zap.String("file", path), zap.String("moved_to", to))
	}
	d.o.Observer.StrayFile(kind)
}

func (d *Driver) moveAside(path string) (string, error) {
	dir := filepath.Join(d.core.Files.Dir, core.LostFound)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	to := filepath.Join(dir, filepath.Base(path))
	for n := 1; ; n++ {
		err := os.Link(path, to) // unlike a rename, a link never replaces a file
		if errors.Is(err, fs.ErrExist) && n < 1000 {
			to = filepath.Join(dir, fmt.Sprintf("%s.%d", filepath.Base(path), n))
			continue
		}
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			return "", err
		}
		return to, errors.Join(marker.SyncDir(filepath.Dir(path)), marker.SyncDir(dir), marker.SyncDir(d.core.Files.Dir))
	}
}

// failMissing sets the status error of volumes and snapshots that should have data but have
// no file, and tells their owners.
func (d *Driver) failMissing(ctx context.Context) error {
	var volumes, snapshots []string
	err := d.core.DB.Read(ctx, func(tx *meta.Tx) error {
		volumes, snapshots = nil, nil
		shouldHave, err := tx.VolumesIn(core.Available, core.InUse)
		if err != nil {
			return err
		}
		for _, v := range shouldHave {
			if d.core.Here(v.Host) && !core.IsFile(d.core.Files.Volume(v)) {
				volumes = append(volumes, v.ID)
			}
		}
		taken, err := tx.SnapshotsIn(core.Available)
		if err != nil {
			return err
		}
		for _, s := range taken {
			v, err := tx.Volume(s.VolumeID)
			if err != nil {
				return err
			}
			if v != nil && d.core.Here(v.Host) && !core.IsFile(d.core.Files.Snapshot(s)) {
				snapshots = append(snapshots, s.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(volumes)+len(snapshots) == 0 {
		return nil
	}
	d.core.Log.Error("volumes or snapshots have no file", zap.Strings("volumes", volumes), zap.Strings("snapshots", snapshots))
	return d.core.Write(ctx, func(tx *meta.Tx) error {
		for _, id := range volumes {
			v, err := tx.Volume(id)
			if err != nil || v == nil {
				return err
			}
			v.Status = core.StatusError
			if err := tx.TouchVolume(v); err != nil {
				return err
			}
			who := driver.Caller{ProjectID: v.ProjectID}
			if err := d.core.AddMessage(tx, who, core.ActionCreateVolume, core.DetailUnknown, core.VolumeResource, id, core.MissingFile); err != nil {
				return err
			}
		}
		for _, id := range snapshots {
			s, err := tx.Snapshot(id)
			if err != nil || s == nil {
				return err
			}
			s.Status = core.StatusError
			if err := tx.TouchSnapshot(s); err != nil {
				return err
			}
			who := driver.Caller{ProjectID: s.ProjectID}
			if err := d.core.AddMessage(tx, who, core.ActionSnapshot, core.DetailUnknown, core.SnapshotResource, id, core.MissingFile); err != nil {
				return err
			}
		}
		return nil
	})
}
