// Package chunked reads and writes Cinder's chunked backup format, the one of
// its posix, nfs, glusterfs, swift, s3 and gcs drivers
// (cinder/backup/chunkeddriver.py), so that a backup made here can be restored
// by a real cinder-backup and the other way round.
//
// A backup is a set of objects below one prefix in one container:
//
//	<container>/<prefix>-00001 …   data, one object per run of bytes
//	<container>/<prefix>_sha256file  one digest per block of the whole volume
//	<container>/<prefix>_metadata    what and where the data objects are; last
//
// A backup without its metadata object does not exist. Whoever calls [Write]
// and gets an error calls [Delete] on the prefix.
package chunked

import (
	"time"
)

// Defaults of [Spec].
const (
	// DefaultBlockSize is Cinder's backup_sha_block_size_bytes
	// (cinder/backup/drivers/posix.py). An incremental by another cinder-backup
	// is refused unless its block size is the same, so keep it.
	DefaultBlockSize = 32 << 10

	// DefaultChunkSize is the size of a full backup's objects in bytes: 256
	// blocks. Cinder's is 1999994880, but an object must be in memory while it
	// is hashed, compressed and perhaps stored raw after all, and sixteen of
	// them are, because MD5 only is fast when sixteen run side by side. Sixteen
	// times 8 MiB leaves room in 300 MiB; smaller ones would pay more for fsync.
	DefaultChunkSize = 8 << 20

	// MaxChunkSize bounds the memory of [Write], in bytes.
	MaxChunkSize = 64 << 20
)

// Location is where one backup's objects are: the container and
// service_metadata of its record, verbatim.
type Location struct{ Container, Prefix string }

// Spec says what to write. The zero value of a size is its default.
type Spec struct {
	Location
	BackupID, VolumeID string
	Name, Description  *string   // nil: null
	CreatedAt          time.Time // the backup's created_at
	ParentID           string    // "" for a full backup
	Parent             *Location // whose digests are compared; nil: full
	VolumeMeta         *string   // JSON text, stored as a string; nil: null
	Compression        Compression
	ChunkSize          int64 // bytes per read chunk, a multiple of BlockSize
	BlockSize          int64 // bytes per digest

	// SpillDir is where digests go that do not fit in memory, 32 bytes a block; "" is
	// the directory of the system for temporary files. See [RemoveSpills].
	SpillDir string
}

// Result is what [Write] wrote.
type Result struct {
	Objects     int   // data objects: Cinder's object_count
	StoredBytes int64 // bytes of data objects as stored
	ReadBytes   int64 // bytes of the volume that were read; holes are not
}

// Level is one backup of a chain.
type Level struct {
	Location
	BackupID string
	ParentID string // "" for the full backup
}

// RestoreOptions tunes [Restore].
type RestoreOptions struct {
	// Sparse says that the target is a fresh file of zeroes: nothing is written
	// where the backup holds zeroes.
	Sparse bool
}

// Restored is what [Restore] restored.
type Restored struct {
	Bytes int64 // size of the backup: all of it is as backed up
	// VolumeMeta is each level's volume_meta, full first; nil where it is null.
	// They apply in this order, so that the last wins (chunkeddriver.py
	// restore); see [MergeVolumeMeta].
	VolumeMeta []*string
}
