// Package chunked reads and writes Cinder's chunked backup format
// (cinder/backup/chunkeddriver.py), so that a real cinder-backup and this gateway can
// restore each other's backups.
//
// Cinder's posix, nfs, glusterfs, swift, s3 and gcs drivers write this format. A backup is
// a set of objects below one prefix in one container:
//
//	<container>/<prefix>-00001 …     data, one object per run of bytes
//	<container>/<prefix>_sha256file  one digest per block of the whole volume
//	<container>/<prefix>_metadata    the list of data objects, written last
//
// A backup without its metadata object does not exist. If [Write] returns an error, its
// caller must [Delete] the prefix.
package chunked

import (
	"time"
)

// Defaults of [Spec].
const (
	// DefaultBlockSize is Cinder's backup_sha_block_size_bytes
	// (cinder/backup/drivers/posix.py), in bytes, and the smallest that [Write] chooses. Do
	// not change it: another cinder-backup refuses an incremental backup whose parent has
	// another block size.
	DefaultBlockSize = 32 << 10

	// DefaultChunkSize is the largest size of objects of data, in bytes.
	// Cinder's is 1999994880. But an object must be in memory while it is hashed,
	// compressed and perhaps stored raw after all. Sixteen of them are in memory at once,
	// because MD5 is only fast when sixteen run side by side. Sixteen times 8 MiB leaves
	// room in 300 MiB. Smaller objects would cost more fsyncs.
	DefaultChunkSize = 8 << 20

	// MaxChunkSize limits the memory of [Write], in bytes.
	MaxChunkSize = 64 << 20
)

// Location says where one backup's objects are: the container and the service_metadata of
// its record, verbatim.
type Location struct{ Container, Prefix string }

// Spec says what to write. A size of 0 means its default.
type Spec struct {
	Location
	BackupID, VolumeID string
	Name, Description  *string   // nil: null
	CreatedAt          time.Time // the backup's created_at
	ParentID           string    // "" for a full backup
	Parent             *Location // the backup to compare digests with; nil: full backup
	VolumeMeta         *string   // JSON text, stored as a string; nil: null
	Compression        Compression
	ChunkSize          int64 // bytes of data per object at most, a multiple of BlockSize
	BlockSize          int64 // bytes per digest; 0: the parent's, or chosen by the volume's data

	// Changed are the ranges [from, to) in bytes of the volume that an incremental backup
	// compares with its parent, in order, apart, and of whole blocks. The rest counts as
	// unchanged, whatever the volume holds there. nil: all of it is compared.
	Changed [][2]int64

	// SpillDir is the directory for digests that do not fit in memory, 32 bytes per block.
	// "" is the system's directory for temporary files. See [RemoveSpills].
	SpillDir string

	// Progress is called, in the order of the volume, when done of total bytes have been read. Its
	// error ends [Write]. nil: nothing is called.
	Progress func(done, total int64) error
}

// Result reports what [Write] wrote.
type Result struct {
	Objects     int   // data objects: Cinder's object_count
	StoredBytes int64 // bytes of data objects as stored
	DataBytes   int64 // as in [Summary]
	ReadBytes   int64 // bytes of the volume that were read, without holes
}

// Level is one backup of a chain.
type Level struct {
	Location
	BackupID string
	ParentID string // "" for the full backup
}

// RestoreOptions tunes [Restore].
type RestoreOptions struct {
	// Sparse says that the target is a new file of zeroes, so zeroes in the backup need no
	// write.
	Sparse bool
	// Progress is called when done of total bytes have been written, possibly by several goroutines
	// at once. Its error ends [Restore]. nil: nothing is called.
	Progress func(done, total int64) error
}

// Restored reports what [Restore] restored.
type Restored struct {
	Bytes int64 // size of the backup; all of it has been restored
	// VolumeMeta is each level's volume_meta, the full backup's first; nil if it is null.
	// They apply in this order, so the last one wins (chunkeddriver.py restore); see
	// [MergeVolumeMeta].
	VolumeMeta []*string
}
