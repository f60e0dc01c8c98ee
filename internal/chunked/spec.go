package chunked

import (
	"cmp"
	"slices"
	"strings"
)

// check checks what does not depend on the block size.
func (spec Spec) check(size int64) error {
	switch {
	case size <= 0:
		return errorf("A volume of %d bytes cannot be backed up.", size)
	case spec.Compression != "" && !spec.Compression.writable():
		return errorf("Compression %.32q cannot be written.", string(spec.Compression))
	case spec.Changed != nil && spec.Parent == nil:
		return errorf("Only an incremental backup can leave out what has not changed.")
	case (spec.ParentID == "") != (spec.Parent == nil):
		return errorf("An incremental backup needs its parent's id and its parent's location.")
	}
	return spec.Location.check()
}

// checkChanged checks the ranges of Changed, once the block size is known.
func (spec Spec) checkChanged(size int64) error {
	end := int64(0)
	for i, c := range spec.Changed {
		whole := c[0]%spec.BlockSize == 0 && (c[1]%spec.BlockSize == 0 || c[1] == size)
		if !whole || c[0] < end || c[0] >= c[1] || c[1] > size || i > 0 && c[0] == end {
			return errorf("The changed bytes %d to %d are no range of whole blocks of %d bytes after byte %d.", c[0], c[1], spec.BlockSize, end)
		}
		end = c[1]
	}
	return nil
}

// changes reports whether a block may differ from the parent's.
func (spec Spec) changes(block span) bool {
	if spec.Changed == nil {
		return true
	}
	i, found := slices.BinarySearchFunc(spec.Changed, block.from, func(c [2]int64, from int64) int { return cmp.Compare(c[0], from) })
	return found || i > 0 && spec.Changed[i-1][1] > block.from
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
