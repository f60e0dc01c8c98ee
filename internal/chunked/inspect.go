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

// Summary is the description of a backup in its own objects.
type Summary struct {
	BackupID   string
	ParentID   string // "" for a full backup
	VolumeID   string
	Name       *string // nil: null
	CreatedAt  string  // as stored: str() of a Python datetime
	VolumeMeta *string
	Objects    int   // data objects
	Bytes      int64 // of the volume, rounded up to a whole block
	DataBytes  int64 // of the volume that the data objects hold, without objects of zeroes

	Description *string
}

// Describe reads and checks a backup's metadata and digests. It does not read the data.
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
	m, err := loadMetadata(ctx, store, at, bytes, info.blockSize)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{BackupID: m.backupID, ParentID: m.parentID, VolumeMeta: m.volumeMeta, Objects: len(m.objects), Bytes: bytes, DataBytes: dataBytes(m.objects)}
	// The id is only displayed, so a value of another type counts as missing.
	_ = json.Unmarshal(m.volumeID, &s.VolumeID)
	_ = json.Unmarshal(m.name, &s.Name)
	_ = json.Unmarshal(m.description, &s.Description)
	_ = json.Unmarshal(m.createdAt, &s.CreatedAt)
	return s, nil
}

// noDigests explains why a backup has no digests. Either the backup does not exist, or a
// Cinder before Kilo wrote it without digests. Such a backup is not restored, because its
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

// Check checks a backup of size bytes, the last of the chain, as far as possible without
// reading its data: the listing, metadata and digests of all levels. [Restore] makes the
// same checks first.
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

// checkDigestsOfParents reads the digests of all levels but the last. A restore itself uses
// only those of the last.
func checkDigestsOfParents(ctx context.Context, store chunk.Store, chain []Level) error {
	for i := range len(chain) - 1 {
		if _, err := inspectDigests(ctx, store, chain[i].Location); err != nil {
			return err
		}
	}
	return nil
}

// inspectDigests reads a whole _sha256file. It checks the block size, and that the number
// of the volume's bytes does not overflow.
func inspectDigests(ctx context.Context, store chunk.Store, at Location) (digestsInfo, error) {
	d, err := openDigests(ctx, store, at)
	if err != nil {
		return digestsInfo{}, err
	}
	defer d.close()
	info, err := checkDigests(d, 0)
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

// validBlockSize reports whether a restore can handle blocks of that many bytes.
func validBlockSize(n int64) bool { return n >= minBlockSize && n <= maxBlockSize }

// check refuses block sizes that a restore cannot handle.
func (i digestsInfo) check(at Location) error {
	if !validBlockSize(i.blockSize) {
		return errorf("Object %s has an unsupported block size of %d bytes.", at.name(digestsSuffix), i.blockSize)
	}
	return nil
}

// LocationOf returns the location of the backup whose metadata object has the key. It
// returns false if the key is not that of a metadata object.
func LocationOf(names layout.Layout, key string) (Location, bool) {
	key, ok := strings.CutSuffix(key, metadataSuffix)
	if !ok {
		return Location{}, false
	}
	container, prefix := names.Split(key)
	return Location{Container: container, Prefix: prefix}, prefix != ""
}
