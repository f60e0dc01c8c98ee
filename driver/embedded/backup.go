package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// backupTask writes a volume or snapshot into the store and publishes the backup.
func (d *Driver) backupTask(j *meta.Job) task {
	return task{
		do: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			b, err := d.db.Backup(ctx, j.BackupID)
			if err != nil {
				return 0, nil, err
			}
			if b == nil {
				return 0, nil, reasonf("The backup is gone.")
			}
			if err := d.storeReady(ctx); err != nil {
				return 0, nil, err
			}
			at := d.attempt(b, j)
			// An earlier attempt may have got anywhere.
			if err := d.sweep(ctx, b); err != nil {
				return 0, nil, because(err, "The objects of an earlier attempt could not be deleted.")
			}
			result, err := d.writeBackup(ctx, b, at)
			if err != nil {
				return 0, nil, err
			}
			return d.bytes(b.Size), func(tx *meta.Tx) error { return publish(tx, j, at, result) }, nil
		},
		fail: func(tx *meta.Tx, reason string) error { return d.failBackup(tx, j, reason) },
		undo: func(ctx context.Context) error {
			b, err := d.db.Backup(ctx, j.BackupID)
			if err != nil {
				return err
			}
			if b == nil {
				return nil
			}
			return chunked.Delete(ctx, d.store, d.attempt(b, j))
		},
		abandon: func(ctx context.Context) error {
			b, err := d.db.Backup(ctx, j.BackupID)
			if err != nil {
				return err
			}
			if b == nil {
				return nil
			}
			return d.sweep(ctx, b)
		},
	}
}

// attempt is where the objects of this attempt are.
func (d *Driver) attempt(b *meta.Backup, j *meta.Job) chunked.Location {
	return chunked.Location{Container: d.container(b), Prefix: d.store.Layout().Prefix(d.names(b), j.Attempts)}
}

// names is what the names of a backup's objects depend on.
func (d *Driver) names(b *meta.Backup) layout.Backup {
	return layout.Backup{ID: b.ID, VolumeID: b.VolumeID, AvailabilityZone: d.o.AvailabilityZone, CreatedAt: b.CreatedAt}
}

// container returns where a backup's objects are: what the user asked for, or what the
// store's layout chooses.
func (d *Driver) container(b *meta.Backup) string {
	if b.Container != "" {
		return b.Container
	}
	return d.store.Layout().Container(d.names(b))
}

func (d *Driver) writeBackup(ctx context.Context, b *meta.Backup, at chunked.Location) (chunked.Result, error) {
	var parent *chunked.Location
	parentID := ""
	if b.ParentID != "" {
		p, err := d.db.Backup(ctx, b.ParentID)
		if err != nil {
			return chunked.Result{}, err
		}
		if p == nil || p.ServiceMetadata == "" {
			return chunked.Result{}, reasonf("The parent backup %s is gone.", b.ParentID)
		}
		parent, parentID = &chunked.Location{Container: d.container(p), Prefix: p.ServiceMetadata}, dataID(p)
	}
	path := d.files.volume(b.VolumeID)
	if b.SnapshotID != "" {
		path = d.files.snapshot(b.SnapshotID)
	}
	source, err := openData(path, os.O_RDONLY)
	if err != nil {
		return chunked.Result{}, err
	}
	defer func() { _ = source.Close() }()
	volumeMeta, err := d.volumeMeta(ctx, b.VolumeID)
	if err != nil {
		return chunked.Result{}, err
	}
	return chunked.Write(ctx, d.store, source, d.bytes(b.Size), chunked.Spec{
		Location: at, BackupID: b.ID, VolumeID: b.VolumeID, Name: b.Name, Description: b.Description,
		CreatedAt: b.CreatedAt, ParentID: parentID, Parent: parent, VolumeMeta: volumeMeta,
		Compression: chunked.Compression(d.o.Compression), ChunkSize: d.o.ChunkSize, BlockSize: d.o.BlockSize,
		SpillDir: d.files.dir,
	})
}

// openData opens the file of a volume or snapshot.
func openData(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag, 0)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, because(err, "The file of the volume or snapshot is missing.")
	}
	return nil, because(err, "The file of the volume or snapshot could not be opened.")
}

// publish makes a written backup available.
func publish(tx *meta.Tx, j *meta.Job, at chunked.Location, result chunked.Result) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil {
		return err
	}
	if b != nil && b.Status == driver.BackupCreating {
		b.Status, b.FailReason, b.ObjectCount = driver.BackupAvailable, "", result.Objects
		b.Container, b.ServiceMetadata = at.Container, at.Prefix
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
	}
	return freeSource(tx, j)
}

func (d *Driver) failBackup(tx *meta.Tx, j *meta.Job, reason string) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil {
		return err
	}
	if b != nil && b.Status == driver.BackupCreating {
		b.Status, b.FailReason, b.Container = driver.BackupError, reason, d.container(b)
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
		if err := d.tell(tx, requester(j), actionBackup, detailBackup, backupResource, b.ID, reason); err != nil {
			return err
		}
	}
	return freeSource(tx, j)
}

// freeSource gives the volume or snapshot that was backed up its status back.
func freeSource(tx *meta.Tx, j *meta.Job) error {
	if j.SnapshotID != "" {
		s, err := tx.Snapshot(j.SnapshotID)
		if err != nil || s == nil || s.Status != backingUp {
			return err
		}
		s.Status = available
		return tx.TouchSnapshot(s)
	}
	v, err := tx.Volume(j.VolumeID)
	if err != nil || v == nil || v.Status != backingUp {
		return err
	}
	a, err := argumentsOf(j)
	if err != nil {
		return err
	}
	// PreviousStatus, for an attachment may have been deleted meanwhile.
	v.Status, v.PreviousStatus = cmp.Or(v.PreviousStatus, a.Previous), ""
	return tx.TouchVolume(v)
}

// sweep deletes the objects of earlier attempts at a backup that is not published.
func (d *Driver) sweep(ctx context.Context, b *meta.Backup) error {
	prefixes, err := d.attempts(ctx, b)
	if err != nil {
		return err
	}
	for prefix := range prefixes {
		if err := chunked.Delete(ctx, d.store, chunked.Location{Container: d.container(b), Prefix: prefix}); err != nil {
			return err
		}
	}
	return nil
}

// attempts finds the prefixes of all attempts at a backup. It goes by what is in the
// store, so that it also finds attempts that no row or job mentions.
func (d *Driver) attempts(ctx context.Context, b *meta.Backup) (map[string]bool, error) {
	prefixes := map[string]bool{}
	base, names, is := d.container(b)+"/", d.store.Layout(), d.names(b)
	for key, err := range d.store.List(ctx, base+names.Attempts(is)) {
		if err != nil {
			return nil, err
		}
		if prefix, ok := names.Attempt(is, strings.TrimPrefix(key, base)); ok {
			prefixes[prefix] = true
		}
	}
	return prefixes, nil
}

// volumeMeta is a backup's volume_meta, as JSON: the volume's row in Cinder's
// column names, its metadata and its image metadata (cinder/backup/driver.py
// BackupMetadataAPI). A volume that is bootable without image metadata gets an
// empty object, from which Cinder and we make a bootable volume again. It is nil if
// the volume is gone: the backup of a snapshot may be of one.
func (d *Driver) volumeMeta(ctx context.Context, volumeID string) (*string, error) {
	v, err := d.db.Volume(ctx, volumeID)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	all := map[string]any{"version": 2, "volume-base-metadata": baseMetadata(v)}
	if len(v.Metadata) > 0 {
		all["volume-metadata"] = v.Metadata
	}
	if v.Bootable || len(v.ImageMetadata) > 0 {
		image := v.ImageMetadata
		if image == nil {
			image = map[string]string{}
		}
		all["volume-glance-metadata"] = image
	}
	raw, err := json.Marshal(all)
	text := string(raw)
	return &text, err
}

// baseMetadata is the volume's row as Cinder has it (cinder/db/sqlalchemy/models.py
// Volume). Status is what the volume has while it is backed up from an idle state:
// available.
func baseMetadata(v *meta.Volume) map[string]any {
	return map[string]any{
		"id": v.ID, "_name_id": nil, "ec2_id": nil, "use_quota": true,
		"user_id": orNull(v.UserID), "project_id": v.ProjectID, "snapshot_id": orNull(v.SnapshotID),
		"cluster_name": nil, "host": orNull(v.Host), "size": v.Size, "availability_zone": orNull(v.AvailabilityZone),
		"status": v.Status, "attach_status": v.AttachStatus, "migration_status": orNull(v.MigrationStatus),
		"previous_status": orNull(v.PreviousStatus), "display_name": v.Name, "display_description": v.Description,
		"created_at": timeOrNull(v.CreatedAt), "updated_at": timeOrNull(v.UpdatedAt), "deleted_at": nil, "deleted": false,
		"scheduled_at": timeOrNull(v.CreatedAt), "launched_at": timeOrNull(v.LaunchedAt), "terminated_at": nil,
		"provider_location": nil, "provider_auth": nil, "provider_geometry": nil, "provider_id": nil,
		"volume_type_id": orNull(v.VolumeTypeID), "source_volid": orNull(v.SourceVolumeID), "encryption_key_id": nil,
		"consistencygroup_id": nil, "group_id": orNull(v.GroupID), "bootable": v.Bootable, "multiattach": v.Multiattach,
		"replication_status": nil, "replication_extended_status": nil, "replication_driver_data": nil,
		"service_uuid": nil, "shared_targets": false,
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000")
}
