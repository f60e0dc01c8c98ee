package core

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"cindergate/internal/meta"
)

// Output names the files that the attempts at a job write. Each attempt writes a new file,
// which no other attempt and no other job ever writes:
//
//   - A worker that was paused beyond its lease, and goes on, changes only its own file.
//   - The transaction that ends the job names the file in the row of the volume or
//     snapshot. It changes nothing if another worker has the job by then.
//   - No published file is renamed or replaced. A job removes the old one after the commit.
//
// So the row names a complete file at any time, and a job that fails leaves the old data.
type Output struct {
	VolumeID, SnapshotID string // one of them is set
	JobID                string
	// New says that the volume or snapshot has had no file. The first attempt then writes
	// volume-ID or snapshot-ID.
	New bool
}

// VolumeOutput is the output of a job that fills j's volume.
func VolumeOutput(j *meta.Job, isNew bool) Output {
	return Output{VolumeID: j.VolumeID, JobID: j.ID, New: isNew}
}

// SnapshotOutput is the output of a job that makes j's snapshot.
func SnapshotOutput(j *meta.Job) Output {
	return Output{SnapshotID: j.SnapshotID, JobID: j.ID, New: true}
}

// Name returns the name of an attempt's file.
func (o Output) Name(attempt int) string {
	name := VolumePrefix + o.VolumeID
	if o.SnapshotID != "" {
		name = SnapshotPrefix + o.SnapshotID
	}
	if o.New && attempt == 1 {
		return name
	}
	return name + "." + o.JobID + "-" + strconv.Itoa(attempt)
}

// File returns the path of an attempt's file relative to the data directory.
func (o Output) File(attempt int) string {
	if o.SnapshotID != "" {
		return filepath.Join(SnapshotsDir, o.Name(attempt))
	}
	return filepath.Join(VolumesDir, o.Name(attempt))
}

// FileOwner returns the id in the name of a file of a volume or snapshot, and whether the
// name is one that [Output] makes.
func FileOwner(name, prefix string) (id string, ours bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return "", false
	}
	id, attempt, dotted := strings.Cut(rest, ".")
	if !dotted {
		return id, true
	}
	at := strings.LastIndexByte(attempt, '-')
	if at < 0 {
		return id, false
	}
	_, err := strconv.ParseUint(attempt[at+1:], 10, 31)
	return id, err == nil && IsUUID(attempt[:at])
}

// DropAttempts removes the files of the attempts first to last at a job, as far as they
// exist and the row does not name them. The caller knows that these attempts have not ended
// the job, or cannot end it any more.
func (c *Core) DropAttempts(ctx context.Context, o Output, first, last int) error {
	if first > last {
		return nil
	}
	_, inUse, err := c.fileOf(ctx, o.VolumeID, o.SnapshotID)
	if err != nil {
		return err
	}
	for n := first; n <= last; n++ {
		if o.Name(n) != inUse {
			err = errors.Join(err, c.Files.Remove(c.Files.Path(o.File(n))))
		}
	}
	return err
}

// fileOf returns whether a volume or snapshot has a row, and the file name in it. It waits for a
// transaction that has not ended: that may be a commit whose answer was lost.
func (c *Core) fileOf(ctx context.Context, volumeID, snapshotID string) (known bool, name string, err error) {
	err = c.Write(ctx, func(tx *meta.Tx) error {
		if snapshotID != "" {
			s, err := tx.Snapshot(snapshotID)
			if s != nil {
				known, name = true, s.File
			}
			return err
		}
		v, err := tx.Volume(volumeID)
		if v != nil {
			known, name = true, v.File
		}
		return err
	})
	return known, name, err
}

// RemoveUnused removes a file of a volume by its name. If the volume uses it, that is an
// error.
func (c *Core) RemoveUnused(ctx context.Context, volumeID, name string) error {
	known, inUse, err := c.fileOf(ctx, volumeID, "")
	if err != nil {
		return err
	}
	if known && name == cmp.Or(inUse, VolumePrefix+volumeID) {
		return errors.New("the volume uses the file " + name)
	}
	return c.Files.Remove(c.Files.Path(filepath.Join(VolumesDir, name)))
}
