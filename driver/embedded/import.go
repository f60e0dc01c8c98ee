package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/driver/embedded/meta"
)

// maxMetadata bounds what is read of a backup's metadata object, in bytes.
const maxMetadata = 1 << 30

// chunkedServices are Cinder's drivers that write the objects of its
// ChunkedBackupDriver (cinder/backup/chunkeddriver.py), whatever they keep them in.
var chunkedServices = []string{
	posixService,
	"cinder.backup.drivers.swift.SwiftBackupDriver",
	"cinder.backup.drivers.s3.S3BackupDriver",
	"cinder.backup.drivers.gcs.GoogleBackupDriver",
	"cinder.backup.drivers.nfs.NFSBackupDriver",
	"cinder.backup.drivers.glusterfs.GlusterfsBackupDriver",
}

// readable tells whether a service's objects can be read here once they are in the
// backup store. As in Cinder the beginning of a driver's name is enough; unlike a
// Cinder, which has but its own driver, all that write the format are taken.
func readable(service string) bool {
	return slices.ContainsFunc(chunkedServices, func(s string) bool { return strings.HasPrefix(s, service) })
}

// importTask checks a record and takes it over (cinder/backup/manager.py
// import_record). Unlike Cinder it also looks whether the data is here: a backup
// that cannot be restored is never available.
func (d *Driver) importTask(j *meta.Job) task {
	var rec record
	dataID := ""  // that the objects name
	lost := false // not a record of ours: Cinder forgets its size
	return task{
		do: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			a, err := argumentsOf(j)
			if err != nil {
				return 0, nil, err
			}
			if !readable(a.Service) {
				lost = true
				return 0, nil, reasonf("Import record failed, cannot find backup service to perform the import. "+
					"Request service %s.", a.Service)
			}
			if err := checkFields(a.Record); err != nil {
				return 0, nil, err
			}
			if err := json.Unmarshal(a.Record, &rec); err != nil {
				return 0, nil, because(err, "The record has a field of the wrong type.")
			}
			var why *reason // it cannot be restored
			dataID, err = d.findData(ctx, j.BackupID, &rec)
			if err != nil && !errors.As(err, &why) {
				return 0, nil, because(err, "The backup store could not be read.")
			}
			return 0, func(tx *meta.Tx) error { return d.takeOver(tx, j, &rec, dataID, why) }, nil
		},
		fail: func(tx *meta.Tx, reason string) error {
			b, err := tx.Backup(j.BackupID)
			if err != nil || b == nil || b.Status != driver.BackupCreating {
				return err
			}
			b.Status, b.FailReason = driver.BackupError, reason
			if lost {
				b.Size = 0
			}
			return tx.TouchBackup(b)
		},
	}
}

func checkFields(raw json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return because(err, "The record is not a JSON object.")
	}
	var missing []string
	for _, key := range []string{"display_name", "display_description", "container", "size", "service_metadata", "object_count", "id"} {
		if _, ok := fields[key]; !ok {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		return reasonf("Driver successfully decoded imported backup data, but there are missing fields (%s).",
			strings.Join(missing, ", "))
	}
	return nil
}

// findData returns the backup id that the objects name. A [reason] is why the
// backup cannot be restored from what is here; it comes with the id if the objects
// themselves are right. Only the metadata object and the listing are read, not the
// data.
func (d *Driver) findData(ctx context.Context, id string, rec *record) (dataID string, err error) {
	container, prefix := deref(rec.Container), deref(rec.ServiceMetadata)
	if container == "" || prefix == "" {
		return "", reasonf("The record does not say where the data is.")
	}
	if err := errors.Join(checkContainer(container), checkContainer(prefix)); err != nil {
		return "", because(err, "The record names a place outside of the backup store.")
	}
	metadata, err := d.readMetadata(ctx, container, prefix)
	if err != nil {
		return "", err
	}
	if err := d.compareListing(ctx, container, prefix, metadata.objects()); err != nil {
		return "", err
	}
	return metadata.BackupID, d.checkParent(id, deref(rec.ParentID))
}

// storedMetadata is what the check needs of a metadata object.
type storedMetadata struct {
	Version  string                       `json:"version"`
	BackupID string                       `json:"backup_id"`
	Objects  []map[string]json.RawMessage `json:"objects"`
}

func (m storedMetadata) objects() map[string]bool {
	names := map[string]bool{}
	for _, entry := range m.Objects {
		for name := range entry {
			names[name] = true
		}
	}
	return names
}

func (d *Driver) readMetadata(ctx context.Context, container, prefix string) (storedMetadata, error) {
	var m storedMetadata
	name := prefix + "_metadata"
	body, err := d.store.Get(ctx, container+"/"+name)
	if errors.Is(err, fs.ErrNotExist) {
		return m, because(err, "The data of the backup is not in the backup store: object "+name+" is missing.")
	}
	if err != nil {
		return m, err
	}
	err = json.NewDecoder(io.LimitReader(body, maxMetadata)).Decode(&m)
	_ = body.Close()
	switch {
	case ctx.Err() != nil:
		return m, ctx.Err()
	case err != nil:
		return m, because(err, "The object "+name+" is not valid JSON.")
	case m.Version != "1.0.0":
		return m, reasonf("No support to restore backup version %s", m.Version)
	case m.BackupID == "":
		return m, reasonf("The object %s does not say of which backup it is.", name)
	}
	return m, nil
}

// compareListing refuses a difference between the objects that are here and those
// that are wanted, as a restore does.
func (d *Driver) compareListing(ctx context.Context, container, prefix string, wanted map[string]bool) error {
	for key, err := range d.store.List(ctx, container+"/"+prefix) {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(key, container+"/")
		if name == prefix+"_metadata" || name == prefix+"_sha256file" {
			continue
		}
		if !wanted[name] {
			return reasonf("The object %s in the backup store is not in the metadata of the backup.", name)
		}
		delete(wanted, name)
	}
	if len(wanted) > 0 {
		return reasonf("The data of the backup is not in the backup store: object %s is missing.",
			slices.Min(slices.Collect(maps.Keys(wanted))))
	}
	return nil
}

// checkParent checks that the chain above is here and complete.
func (d *Driver) checkParent(id, parentID string) error {
	if parentID == "" {
		return nil
	}
	if parentID == id {
		return reasonf("Backup %s is its own ancestor.", id)
	}
	parent, ok := d.db.Backups.Get(parentID)
	if !ok {
		return reasonf("Backup %s depends on backup %s, which is not here. Import the parents first.", id, parentID)
	}
	if parent.Status != driver.BackupAvailable && parent.Status != driver.BackupRestoring {
		return reasonf("Backup %s depends on backup %s, whose status is %s.", id, parentID, parent.Status)
	}
	_, err := d.chain(parent)
	return err
}

// takeOver gives the backup what is in the record. Owner, service, host, zone and
// status are ours.
func (d *Driver) takeOver(tx *meta.Tx, j *meta.Job, rec *record, dataID string, why *reason) error {
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil || b.Status != driver.BackupCreating {
		return err
	}
	b.Name, b.Description, b.Size, b.ObjectCount = rec.DisplayName, rec.DisplayDescription, rec.Size, rec.ObjectCount
	if dataID != "" {
		// Only what was seen to be exactly this backup's: a delete goes by it.
		b.Container, b.ServiceMetadata = deref(rec.Container), deref(rec.ServiceMetadata)
	}
	b.ParentID, b.SnapshotID, b.RestoreVolumeID = deref(rec.ParentID), deref(rec.SnapshotID), deref(rec.RestoreVolumeID)
	b.DataBackupID = dataID
	b.EncryptionKeyID, b.Metadata = deref(rec.EncryptionKeyID), rec.Metadata
	if rec.VolumeID != "" {
		b.VolumeID = rec.VolumeID
	}
	if !rec.CreatedAt.IsZero() {
		b.CreatedAt = rec.CreatedAt.Time
	}
	// Without it the next incremental would have no parent to choose; Cinder
	// leaves it null and fails then.
	b.DataTimestamp = rec.DataTimestamp.Time
	if b.DataTimestamp.IsZero() {
		b.DataTimestamp = b.CreatedAt
	}
	b.Service, b.Host, b.AvailabilityZone = posixService, d.o.Host, d.o.AvailabilityZone
	b.Status, b.FailReason = driver.BackupAvailable, ""
	if why != nil {
		b.Status, b.FailReason = driver.BackupError, why.text
	}
	if own, err := isAncestor(tx, b.ID, b.ParentID); err != nil {
		return err
	} else if own {
		b.ParentID = "" // else none of the circle could ever be deleted
	}
	return tx.TouchBackup(b)
}

// isAncestor tells whether the backup id is from or one of its ancestors.
func isAncestor(tx *meta.Tx, id, from string) (bool, error) {
	for from != "" && from != id {
		b, err := tx.Backup(from)
		if err != nil || b == nil {
			return false, err
		}
		from = b.ParentID
	}
	return from == id, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
