package backups

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// Finding says where [Backups.Adopt] looks, and who becomes the owner.
type Finding struct {
	Store *core.Store
	// Container limits the search to one container; "": the default container of a store
	// that has buckets, and all of a directory.
	Container string
	// ProjectID is the owner of all; "": the project that owned the volume, which the
	// backup's objects say.
	ProjectID string
}

// Adopt creates a row for each backup whose metadata is in a store but that has no row. It
// calls report for each: with the row, or with the prefix of the objects and the reason why
// there is no row. It changes neither objects nor rows that exist.
func (bs *Backups) Adopt(ctx context.Context, f Finding, report func(b *meta.Backup, at string, err error)) error {
	if err := bs.core.Ready(ctx, f.Store); err != nil {
		return err
	}
	within := ""
	if f.Container != "" {
		within = f.Container + "/"
	}
	found := map[string]*meta.Backup{}
	for key, err := range f.Store.List(ctx, within) {
		if err != nil {
			return fmt.Errorf("list the backup store: %w", err)
		}
		at, ok := chunked.LocationOf(f.Store.Layout(), key)
		if !ok {
			continue
		}
		b, err := bs.describe(ctx, f, at)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			report(nil, at.Prefix, err)
			continue
		}
		row, err := bs.core.DB.Backup(ctx, b.ID)
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
	// Parents first, because the chain of each backup is looked up among the rows.
	slices.SortFunc(rows, func(a, b *meta.Backup) int { return a.CreatedAt.Compare(b.CreatedAt) })
	if err := bs.putAdopted(ctx, rows); err != nil {
		return err
	}
	for _, b := range rows {
		err := bs.checkData(ctx, b)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.Status, b.FailReason = driver.BackupAvailable, ""
		if err != nil {
			b.Status, b.FailReason = driver.BackupError, core.ReasonOf(err)
		}
		if err := bs.putAdopted(ctx, []*meta.Backup{b}); err != nil {
			return err
		}
		report(b, b.ServiceMetadata, nil)
	}
	return nil
}

func (bs *Backups) putAdopted(ctx context.Context, rows []*meta.Backup) error {
	return bs.core.Write(ctx, func(tx *meta.Tx) error {
		for _, b := range rows {
			if err := tx.PutBackup(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// projectID matches a project id in a path of the API (cinder/api/openstack/__init__.py).
var projectID = regexp.MustCompile(`^[0-9a-f-]{1,255}$`)

// ownerOf returns the project that owned a backup's volume; "" if volume_meta does not say,
// or if it is no id.
func ownerOf(volumeMeta *string) string {
	var v struct {
		Base struct {
			ProjectID *string `json:"project_id"`
		} `json:"volume-base-metadata"`
	}
	if volumeMeta == nil || json.Unmarshal([]byte(*volumeMeta), &v) != nil || !projectID.MatchString(deref(v.Base.ProjectID)) {
		return ""
	}
	return *v.Base.ProjectID
}

// describe returns a row, with the status error, from the description in a backup's
// objects.
func (bs *Backups) describe(ctx context.Context, f Finding, at chunked.Location) (*meta.Backup, error) {
	found, err := chunked.Describe(ctx, f.Store.Store, at)
	if err != nil {
		return nil, err
	}
	owner := cmp.Or(f.ProjectID, ownerOf(found.VolumeMeta))
	switch {
	case owner == "":
		return nil, core.Reasonf("Its metadata does not say which project it belongs to. Name a project.")
	case !core.IsUUID(found.BackupID) || found.ParentID != "" && !core.IsUUID(found.ParentID):
		return nil, core.Reasonf("The ids in its metadata are not UUIDs.")
	case isEncrypted(found.VolumeMeta):
		return nil, core.Reasonf("%s", volumes.Encrypted)
	}
	created, ok := driver.ParseISOTime(found.CreatedAt)
	if !ok {
		created = bs.core.Clock.Now().UTC().Truncate(time.Microsecond)
	}
	return &meta.Backup{
		Backup: driver.Backup{
			ID: strings.ToLower(found.BackupID), ProjectID: owner, VolumeID: found.VolumeID,
			ParentID: strings.ToLower(found.ParentID), Name: found.Name, Description: found.Description,
			Status: driver.BackupError, FailReason: "The backup has not been checked.",
			Size: max(1, int((found.Bytes+bs.core.Unit-1)/bs.core.Unit)), ObjectCount: found.Objects, Container: at.Container,
			AvailabilityZone: bs.core.AvailabilityZone, CreatedAt: created, DataTimestamp: created,
		},
		Service: f.Store.Layout().Service(), Store: f.Store.Row(), ServiceMetadata: at.Prefix, Host: bs.core.Host, Imported: true, DataBytes: &found.DataBytes,
	}, nil
}
