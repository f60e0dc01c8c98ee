package backups

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// Adopt creates a row, owned by the project, for each backup whose metadata is in the store
// of the data directory but that has no row. It calls report for each: with the row, or with the prefix of the
// objects and the reason why there is no row.
func (bs *Backups) Adopt(ctx context.Context, projectID string, report func(b *meta.Backup, at string, err error)) error {
	found := map[string]*meta.Backup{}
	for key, err := range bs.core.Stores.Local().List(ctx, "") {
		if err != nil {
			return fmt.Errorf("list the backup store: %w", err)
		}
		at, ok := chunked.LocationOf(bs.core.Stores.Local().Layout(), key)
		if !ok {
			continue
		}
		b, err := bs.describe(ctx, projectID, at)
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

// describe returns a row, with the status error, from the description in a backup's
// objects.
func (bs *Backups) describe(ctx context.Context, projectID string, at chunked.Location) (*meta.Backup, error) {
	found, err := chunked.Describe(ctx, bs.core.Stores.Local().Store, at)
	if err != nil {
		return nil, err
	}
	switch {
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
			ID: strings.ToLower(found.BackupID), ProjectID: projectID, VolumeID: found.VolumeID,
			ParentID: strings.ToLower(found.ParentID), Name: found.Name, Description: found.Description,
			Status: driver.BackupError, FailReason: "The backup has not been checked.",
			Size: max(1, int((found.Bytes+bs.core.Unit-1)/bs.core.Unit)), ObjectCount: found.Objects, Container: at.Container,
			AvailabilityZone: bs.core.AvailabilityZone, CreatedAt: created, DataTimestamp: created,
		},
		Service: bs.core.Stores.Local().Layout().Service(), ServiceMetadata: at.Prefix, Host: bs.core.Host, Imported: true,
	}, nil
}
