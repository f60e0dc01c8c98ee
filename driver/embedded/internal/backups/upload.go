package backups

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// An upload is a backup whose content a client sends. Its ranges are collected in a file
// beside the volumes, and in rows that say which bytes of the file count. A commit queues
// the job that makes a backup of the file, as of a volume.

// Bounds of an upload.
const (
	// maxPiece is the largest piece in bytes. It must arrive within the time of a request.
	maxPiece = 256 << 20
	// maxRanges bounds the rows of one upload: 32 TiB in pieces of the largest size.
	maxRanges = 128 << 10
	// granularity is what ranges begin and end at multiples of, in bytes: the smallest hole
	// of most file systems.
	granularity = 4 << 10
)

// uploads are the uploads to which this process writes, and what they have in common.
type uploads struct {
	expiry  time.Duration
	writing writing
}

// StartUpload implements [driver.ContentWriter].
func (bs *Backups) StartUpload(ctx context.Context, who driver.Caller, spec driver.UploadSpec) (driver.Backup, driver.Upload, error) {
	named, container := bs.core.Stores.Choose(spec.Container)
	u := &meta.Upload{BackupID: bs.core.NewID()}
	var b *meta.Backup
	err := bs.request(ctx, who, func(tx *meta.Tx) (err error) {
		if b, err = bs.newUpload(tx, who, u.BackupID, named, container, &spec); err != nil {
			return err
		}
		if u.VolumeMeta, err = uploadedVolume(b, spec.Volume); err != nil {
			return err
		}
		u.ExpiresAt = tx.Now.Add(bs.uploads.expiry)
		if err := bs.startCopy(tx, b); err != nil {
			return err
		}
		return errors.Join(tx.PutBackup(b), tx.PutUpload(u))
	})
	if err != nil {
		return driver.Backup{}, driver.Upload{}, err
	}
	if err := bs.core.Files.CreateBlank(bs.core.Files.Upload(b.ID), bs.core.Bytes(b.Size)); err != nil {
		// The client does not learn the id, so nobody else can end it.
		gone := bs.core.WriteFreeing(context.WithoutCancel(ctx), func(tx *meta.Tx) error { return bs.endUpload(tx, b.ID) })
		return driver.Backup{}, driver.Upload{}, errors.Join(diskFailure(err), gone)
	}
	return b.Backup, bs.uploadState(b, u), nil
}

// newUpload makes the row of the backup, with the checks of a new backup.
func (bs *Backups) newUpload(tx *meta.Tx, who driver.Caller, id string, named *core.Store, container string, spec *driver.UploadSpec) (*meta.Backup, error) {
	metadata, err := bs.copyTarget(spec.Metadata, &meta.Volume{})
	if err != nil {
		return nil, err
	}
	b := &meta.Backup{Backup: driver.Backup{
		ID: id, ProjectID: who.ProjectID, UserID: who.UserID, Name: spec.Name, Description: spec.Description,
		Status: driver.BackupCreating, Size: spec.Size, Metadata: metadata, CreatedAt: tx.Now,
		VolumeID: cmp.Or(spec.VolumeID, bs.core.NewID()), DataTimestamp: spec.DataTimestamp,
	}, Host: bs.core.Host}
	if b.DataTimestamp.IsZero() {
		b.DataTimestamp = tx.Now
	}
	store := cmp.Or(named, bs.core.Stores.Named(bs.core.Stores.Default))
	if spec.ParentID != "" {
		parent, err := bs.uploadParent(tx, who, spec)
		if err != nil {
			return nil, err
		}
		if store, err = bs.besideParent(named, parent); err != nil {
			return nil, err
		}
		b.ParentID, b.VolumeID, b.Size = parent.ID, parent.VolumeID, parent.Size
		if b.DataTimestamp.Before(parent.DataTimestamp) {
			return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: data_timestamp is before that of the parent backup %s.", parent.ID)
		}
	}
	switch {
	case b.DataTimestamp.After(tx.Now):
		return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: data_timestamp is in the future.")
	case b.Size <= 0:
		return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: size must be a number of GiB, at least 1.")
	}
	if err := checkContainer(store, container); err != nil {
		return nil, err
	}
	if err := bs.volumes.CheckBackupQuota(tx, who.ProjectID, 1, b.Size, 0); err != nil {
		return nil, err
	}
	b.Container, b.Service, b.Store = container, store.Layout().Service(), store.Row()
	return b, errors.Join(bs.checkMetadata(b, nil, tx.Now), checkSynthetic(b), bs.core.BackupServiceUp(tx, bs.core.Gateway), bs.core.Use(b.Store, b.ProjectID))
}

// uploadParent returns the parent of a new incremental upload.
func (bs *Backups) uploadParent(tx *meta.Tx, who driver.Caller, spec *driver.UploadSpec) (*meta.Backup, error) {
	parent, err := core.OwnBackup(tx, who, spec.ParentID)
	switch {
	case err != nil:
		return nil, err
	case parent.ProjectID != who.ProjectID:
		return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: the parent backup %s is of another project.", parent.ID)
	case parent.Status != driver.BackupAvailable || parent.ServiceMetadata == "":
		return nil, driver.BackupHasNoParent.Errorf("The parent backup must be available for incremental backup.")
	case spec.Size != 0 && spec.Size != parent.Size:
		return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: size is %d GiB, but the parent backup has %d GiB. Do a full backup.", spec.Size, parent.Size)
	case spec.VolumeID != "" && spec.VolumeID != parent.VolumeID:
		return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: volume_id is not that of the parent backup, %s.", parent.VolumeID)
	}
	return parent, nil
}

// uploadedVolume returns the volume_meta of a backup whose volume is elsewhere.
func uploadedVolume(b *meta.Backup, v *driver.UploadVolume) (*string, error) {
	if v == nil {
		return nil, nil
	}
	return describeVolume(&meta.Volume{Volume: driver.Volume{
		ID: b.VolumeID, ProjectID: b.ProjectID, UserID: b.UserID, Name: v.Name, Description: v.Description, Size: b.Size,
		Status: core.Available, AttachStatus: "detached", Bootable: v.Bootable, Metadata: v.Metadata, ImageMetadata: v.ImageMetadata,
		CreatedAt: b.CreatedAt,
	}})
}

// ShowUpload implements [driver.ContentWriter].
func (bs *Backups) ShowUpload(ctx context.Context, who driver.Caller, backupID string) (driver.Upload, error) {
	var b *meta.Backup
	var u *meta.Upload
	err := bs.core.Read(ctx, func(tx *meta.Tx) (err error) {
		b, u, err = ownUpload(tx, who, backupID)
		return err
	})
	if err != nil {
		return driver.Upload{}, err
	}
	return bs.uploadState(b, u), nil
}

func (bs *Backups) uploadState(b *meta.Backup, u *meta.Upload) driver.Upload {
	return driver.Upload{Size: bs.core.Bytes(b.Size), Granularity: granularity, MaxPiece: maxPiece, Received: u.Received, Committed: u.Committed,
		ExpiresAt: u.ExpiresAt, Ranges: func(ctx context.Context, offset int64) iter.Seq2[[2]int64, error] {
			return bs.received(ctx, b.ID, offset)
		}}
}

// ownUpload returns an upload that the caller may see, and its backup.
func ownUpload(tx *meta.Tx, who driver.Caller, backupID string) (*meta.Backup, *meta.Upload, error) {
	b, err := core.OwnBackup(tx, who, backupID)
	if err != nil {
		return nil, nil, err
	}
	u, err := tx.Upload(b.ID)
	if err == nil && u == nil {
		err = driver.Errorf(driver.NotFound, "Backup %s has no upload: its content was not sent by a client, or is complete.", b.ID)
	}
	return b, u, err
}

// received yields the ranges of an upload that end after offset. Neighbours are one range.
func (bs *Backups) received(ctx context.Context, id string, offset int64) iter.Seq2[[2]int64, error] {
	const page = 1000
	return func(yield func([2]int64, error) bool) {
		var open [2]int64
		for {
			rows, err := bs.core.DB.UploadRanges(ctx, id, offset, page)
			if err != nil {
				yield([2]int64{}, core.Classify(err))
				return
			}
			for _, r := range rows {
				if r.From == open[1] && open[1] > 0 {
					open[1] = r.To
				} else {
					if open[1] > open[0] && !yield(open, nil) {
						return
					}
					open = [2]int64{r.From, r.To}
				}
				offset = r.To
			}
			if len(rows) < page {
				break
			}
		}
		if open[1] > open[0] {
			yield(open, nil)
		}
	}
}

// diskFailure returns the error for a client when a file cannot be written.
func diskFailure(err error) error {
	return driver.Wrap(driver.Unavailable, err, "%s", core.ReasonOf(err))
}
