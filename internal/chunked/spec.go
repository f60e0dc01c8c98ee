package chunked

import (
	"strings"
)

// withDefaults fills in the defaults and checks the other values.
func (spec Spec) withDefaults(size int64) (Spec, error) {
	if spec.BlockSize == 0 {
		spec.BlockSize = DefaultBlockSize
	}
	if spec.ChunkSize == 0 {
		// A block may be larger than the default chunk.
		spec.ChunkSize = max(DefaultChunkSize/max(spec.BlockSize, 1), 1) * spec.BlockSize
	}
	if spec.Compression == "" {
		spec.Compression = Zstd
	}
	switch {
	case size <= 0:
		return spec, errorf("A volume of %d bytes cannot be backed up.", size)
	case spec.BlockSize < 0 || spec.ChunkSize < 0 || spec.ChunkSize%spec.BlockSize != 0:
		return spec, errorf("The chunk size %d is no multiple of the block size %d.", spec.ChunkSize, spec.BlockSize)
	case spec.ChunkSize > MaxChunkSize:
		return spec, errorf("The chunk size %d is larger than %d.", spec.ChunkSize, MaxChunkSize)
	case !spec.Compression.writable():
		return spec, errorf("Compression %.32q cannot be written.", string(spec.Compression))
	case (spec.ParentID == "") != (spec.Parent == nil):
		return spec, errorf("An incremental backup needs its parent's id and its parent's location.")
	}
	return spec, spec.check()
}

// check refuses a location that is empty, or that could match more than one backup.
func (at Location) check() error {
	if at.Prefix == "" || strings.HasSuffix(at.Prefix, "/") {
		return errorf("The backup has no object name prefix.")
	}
	return nil
}
