package chunked

// The digests of a volume are 72 bytes of JSON each, whatever the volume holds: 2.4 GB for
// a TiB in blocks of 32 KiB, and as much for each incremental backup of nothing. So a full
// backup of a thin volume has larger blocks. What that costs: an incremental backup stores
// whole blocks, of which the zeroes compress to nothing; each block that holds any data is
// hashed as a whole; and a real cinder-backup, whose backup_sha_block_size_bytes is another, restores
// the chain but does not continue it. A volume of up to 32 GiB, or of which a sixth is in
// use, keeps Cinder's blocks.
const (
	digestText = 72 // bytes of JSON for a digest

	// anyDigests is the number of digests that every volume may have.
	anyDigests = 1 << 20
	// fewDigests and mostDigests are the desired and the highest part of its data that the
	// digests of a volume may take: 1/12 and 1/6.
	fewDigests, mostDigests = 12, 6
	// hashedMost is how many times its data may be hashed to have few digests.
	hashedMost = 8
)

// chooseBlockSize returns the block size of a full backup in bytes.
func (s *source) chooseBlockSize() int64 {
	if s.size <= anyDigests*DefaultBlockSize {
		return DefaultBlockSize
	}
	dense := s.size / DefaultBlockSize * digestText * fewDigests // bytes of data that suffice for Cinder's blocks
	return s.tally(dense).blockSize(s.size)
}

// blockSize returns the block size of a full backup of a volume of size bytes.
func (t tally) blockSize(size int64) int64 {
	pick := func(part int64) (n int) {
		most := max(anyDigests, t.data/(digestText*part))
		for n < len(t.blocks)-1 && size>>n/DefaultBlockSize > most {
			n++
		}
		return n
	}
	small, large := pick(mostDigests), pick(fewDigests)
	if t.blocks[large]<<large*DefaultBlockSize > hashedMost*t.data {
		return DefaultBlockSize << small
	}
	return DefaultBlockSize << large
}

// tally says how much of a volume is in use.
type tally struct {
	data   int64     // bytes
	blocks [12]int64 // blocks that hold data, of Cinder's block size and of each one twice as large
}

// tally counts until there are enough bytes of data.
func (s *source) tally(enough int64) tally {
	var t tally
	var counted [len(t.blocks)]int64 // blocks up to here
	for one := range s.spans(1) {
		t.data += one.length()
		for n := range t.blocks {
			size := int64(DefaultBlockSize) << n
			first, last := max(one.from/size, counted[n]), (one.to+size-1)/size
			t.blocks[n] += max(last-first, 0)
			counted[n] = max(last, counted[n])
		}
		if t.data >= enough {
			break
		}
	}
	return t
}
