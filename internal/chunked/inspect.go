package chunked

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
)

// Summary is what the objects of a backup say of it.
type Summary struct {
	BackupID   string
	ParentID   string // "" for a full backup
	VolumeID   string
	Name       *string // nil: null
	CreatedAt  string  // as it is written: str() of a Python datetime
	VolumeMeta *string
	Objects    int   // data objects
	Bytes      int64 // of the volume, rounded up to a whole block

	Description *string
}

// Describe reads a backup's metadata and digests, which it checks, but no data.
func Describe(ctx context.Context, store chunk.Store, at Location) (Summary, error) {
	if err := at.check(); err != nil {
		return Summary{}, err
	}
	info, err := inspectDigests(ctx, store, at)
	if errors.Is(err, fs.ErrNotExist) {
		return Summary{}, noDigests(ctx, store, at, err)
	}
	if err != nil {
		return Summary{}, err
	}
	bytes := info.count * info.blockSize
	m, err := loadMetadata(ctx, store, at, bytes, info.count)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{BackupID: m.backupID, ParentID: m.parentID, VolumeMeta: m.volumeMeta, Objects: len(m.objects), Bytes: bytes}
	// Only shown: a value of another type is as good as none.
	_ = json.Unmarshal(m.volumeID, &s.VolumeID)
	_ = json.Unmarshal(m.name, &s.Name)
	_ = json.Unmarshal(m.description, &s.Description)
	_ = json.Unmarshal(m.createdAt, &s.CreatedAt)
	return s, nil
}

// noDigests explains why there are no digests: the backup is not there at all, or a
// Cinder before Kilo wrote it, which had none. Such a backup is not restored, for its
// blocks could not be verified.
func noDigests(ctx context.Context, store chunk.Store, at Location, missing error) error {
	r, err := store.Get(ctx, at.key(metadataSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		name := at.name(metadataSuffix)
		return &Error{Reason: "The data of the backup is not in the backup store: object " + name + " is missing.", Err: missing}
	}
	if err != nil {
		return getError(err, at.name(metadataSuffix))
	}
	_ = r.Close()
	return &Error{Reason: "Object " + at.name(digestsSuffix) + " is missing: the blocks of a backup without digests cannot be verified, " +
		"so it cannot be restored here.", Err: missing}
}

// Check checks what can be checked without reading the data of a backup of size
// bytes, the last of the chain: listing, metadata and digests of all levels.
// [Restore] checks the same first.
func Check(ctx context.Context, store chunk.Store, size int64, chain []Level) error {
	if err := checkDigestsOfParents(ctx, store, chain); err != nil {
		return err
	}
	p, err := loadPlan(ctx, store, size, chain)
	if err != nil {
		return err
	}
	p.digests.close()
	return nil
}

// checkDigestsOfParents reads the digests of all levels but the last, which a
// restore goes by itself.
func checkDigestsOfParents(ctx context.Context, store chunk.Store, chain []Level) error {
	for i := range len(chain) - 1 {
		if _, err := inspectDigests(ctx, store, chain[i].Location); err != nil {
			return err
		}
	}
	return nil
}

// inspectDigests reads a whole _sha256file and checks its block size and that the
// bytes of the volume do not overflow.
func inspectDigests(ctx context.Context, store chunk.Store, at Location) (digestsInfo, error) {
	d, err := openDigests(ctx, store, at)
	if err != nil {
		return digestsInfo{}, err
	}
	defer d.close()
	info, err := checkDigests(d)
	if err != nil {
		return info, err
	}
	if err := info.check(at); err != nil {
		return info, err
	}
	if info.count == 0 {
		return info, errorf("Object %s has no digests.", at.name(digestsSuffix))
	}
	return info, nil
}

// check refuses block sizes that a restore cannot handle.
func (i digestsInfo) check(at Location) error {
	if i.blockSize < minBlockSize || i.blockSize > maxBlockSize {
		return errorf("Object %s has an unsupported block size of %d bytes.", at.name(digestsSuffix), i.blockSize)
	}
	return nil
}

// LocationOf returns where a backup is whose metadata object has the key, false if
// the key is not of a metadata object.
func LocationOf(names layout.Layout, key string) (Location, bool) {
	key, ok := strings.CutSuffix(key, metadataSuffix)
	if !ok {
		return Location{}, false
	}
	container, prefix := names.Split(key)
	return Location{Container: container, Prefix: prefix}, prefix != ""
}
