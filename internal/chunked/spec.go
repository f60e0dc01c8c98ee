package chunked

import (
	"strings"
)

// check checks what does not depend on the block size.
func (spec Spec) check(size int64) error {
	switch {
	case size <= 0:
		return errorf("A volume of %d bytes cannot be backed up.", size)
	case spec.Compression != "" && !spec.Compression.writable():
		return errorf("Compression %.32q cannot be written.", string(spec.Compression))
	case (spec.ParentID == "") != (spec.Parent == nil):
		return errorf("An incremental backup needs its parent's id and its parent's location.")
	}
	return spec.Location.check()
}

// withDefaults fills in the defaults, once the block size is known, and checks the sizes.
func (spec Spec) withDefaults() (Spec, error) {
	if spec.ChunkSize == 0 {
		// A block may be larger than the default chunk.
		spec.ChunkSize = max(DefaultChunkSize/max(spec.BlockSize, 1), 1) * spec.BlockSize
	}
	if spec.Compression == "" {
		spec.Compression = Zstd
	}
	switch {
	case spec.BlockSize <= 0 || spec.ChunkSize <= 0 || spec.ChunkSize%spec.BlockSize != 0:
		return spec, errorf("The chunk size %d is no multiple of the block size %d.", spec.ChunkSize, spec.BlockSize)
	case spec.ChunkSize > MaxChunkSize:
		return spec, errorf("The chunk size %d is larger than %d.", spec.ChunkSize, MaxChunkSize)
	}
	return spec, nil
}

// check refuses a location that is empty, or that could match more than one backup.
func (at Location) check() error {
	if at.Prefix == "" || strings.HasSuffix(at.Prefix, "/") {
		return errorf("The backup has no object name prefix.")
	}
	return nil
}
