package chunked

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"cindergate/internal/chunk"
)

// digestBatch is how many digests are handled at a time.
const digestBatch = 1024

// digestsText returns the text of a _sha256file object (chunkeddriver.py
// _write_sha256file). digests yields the binary digests.
func digestsText(spec Spec, digests io.Reader) io.Reader {
	head, tail, some := true, true, false
	batch := make([]byte, digestBatch*sha256.Size)
	return &text{next: func(b []byte) ([]byte, error) {
		if head {
			head = false
			return fmt.Appendf(b, "{\n  \"backup_description\": %s,\n  \"backup_id\": %s,\n  \"backup_name\": %s,\n  \"chunk_size\": %d,\n  \"created_at\": %s,\n  \"sha256s\": [",
				quote(spec.Description), quote(spec.BackupID), quote(spec.Name), spec.BlockSize, quote(pythonTime(spec.CreatedAt))), nil
		}
		n, err := io.ReadFull(digests, batch)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return b, err
		}
		for d := range n / sha256.Size {
			if some {
				b = append(b, ',')
			}
			some = true
			b = append(b, "\n    \""...)
			b = hex.AppendEncode(b, batch[d*sha256.Size:(d+1)*sha256.Size])
			b = append(b, '"')
		}
		if n == 0 && tail {
			tail = false
			if some {
				b = append(b, "\n  "...)
			}
			b = fmt.Appendf(b, "],\n  \"version\": %q,\n  \"volume_id\": %s\n}", version, quote(spec.VolumeID))
		}
		return b, nil
	}}
}

// digestReader reads a _sha256file object's digests in order.
type digestReader struct {
	name      string
	blockSize int64
	closer    io.Closer
	s         *scanner
	first     bool
	seen      map[string]bool

	// zero is the text of the digest of a block of zeroes, with its quotes. It is set once the
	// block size is known.
	zero []byte
	hash digest // that digest
}

// openDigests opens a _sha256file object to read its digests. Cinder uses only its
// chunk_size and sha256s (chunkeddriver.py backup).
func openDigests(ctx context.Context, store chunk.Store, at Location) (*digestReader, error) {
	name := at.name(digestsSuffix)
	r, err := store.Get(ctx, at.key(digestsSuffix))
	if err != nil {
		return nil, getError(err, name)
	}
	d := newDigestReader(name, tell{r})
	d.closer = r
	return d, nil
}

func newDigestReader(name string, r io.Reader) *digestReader {
	return &digestReader{name: name, s: newScanner(r), seen: map[string]bool{}}
}

func (d *digestReader) close() { _ = d.closer.Close() }

func (d *digestReader) damaged(err error) error {
	if err == nil {
		return nil
	}
	return damaged(err, d.name)
}

// header reads up to the first digest. If it returns false and no error, the object has
// ended.
func (d *digestReader) header() (bool, error) {
	if len(d.seen) == 0 {
		if err := d.s.expect('{'); err != nil {
			return false, d.damaged(err)
		}
	}
	for {
		more, err := d.s.more(len(d.seen) == 0, '}')
		if err == nil && !more {
			err = d.s.end()
		}
		if err != nil || !more {
			return false, d.damaged(err)
		}
		key, err := d.s.key()
		if err == nil && (d.seen[key] || len(d.seen) > 1000) {
			err = fmt.Errorf("%w: key %q twice or too many keys", errSyntax, key)
		}
		if err != nil {
			return false, d.damaged(err)
		}
		d.seen[key] = true
		switch key {
		case "sha256s":
			d.first = true
			return true, d.damaged(d.s.expect('['))
		case "chunk_size":
			if err = d.s.decode(&d.blockSize, maxField); err == nil && validBlockSize(d.blockSize) {
				d.hash = zeroDigest(int(d.blockSize))
				d.zero = fmt.Appendf(nil, "\"%x\"", d.hash)
			}
		default:
			var unknown json.RawMessage
			err = d.s.decode(&unknown, maxVolumeMeta)
		}
		if err != nil {
			return false, d.damaged(fmt.Errorf("%q: %w", key, err))
		}
	}
}

// read fills to with the next digests and returns their number. It is less than len(to)
// only at the end.
func (d *digestReader) read(to []digest) (int, error) {
	for n := 0; n < len(to); n++ {
		if !d.first {
			k, err := d.usual(to[n:])
			if err != nil {
				return n, d.damaged(err)
			}
			if n += k; n == len(to) {
				break
			}
		}
		more, err := d.s.more(d.first, ']')
		d.first = false
		if err != nil || !more {
			return n, d.damaged(err)
		}
		if err := d.one(&to[n]); err != nil {
			return n, d.damaged(err)
		}
	}
	return len(to), nil
}

// usual reads digests as long as they are written as Cinder writes them, and returns their
// number. It is ten times as fast as the scanner.
func (d *digestReader) usual(to []digest) (int, error) {
	const before = ",\n    "
	raw, err := d.s.r.Peek(min(len(to)*digestText, d.s.r.Size()))
	if err != nil && err != io.EOF { // at the end there is less
		return 0, err
	}
	n := 0
	for ; n < len(to) && len(raw) >= digestText; n++ {
		if string(raw[:len(before)]) != before {
			break
		}
		quoted := raw[len(before):digestText]
		if bytes.Equal(quoted, d.zero) {
			to[n] = d.hash
		} else if _, err := hex.Decode(to[n][:], quoted[1:len(quoted)-1]); err != nil || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			break
		}
		raw = raw[digestText:]
	}
	_, err = d.s.r.Discard(n * digestText)
	return n, err
}

// fill reads exactly len(to) digests.
func (d *digestReader) fill(to []digest) error {
	n, err := d.read(to)
	if err == nil && n < len(to) {
		err = d.damaged(io.ErrUnexpectedEOF)
	}
	return err
}

// skip reads n digests and forgets them.
func (d *digestReader) skip(n int64) error {
	batch := make([]digest, min(n, digestBatch))
	for ; n > 0; n -= int64(len(batch)) {
		batch = batch[:min(n, int64(len(batch)))]
		if err := d.fill(batch); err != nil {
			return err
		}
	}
	return nil
}

// one reads one digest.
func (d *digestReader) one(to *digest) error {
	const quoted = 2*sha256.Size + 2
	if raw, err := d.s.r.Peek(quoted); err == nil && raw[0] == '"' && raw[quoted-1] == '"' {
		if _, err := hex.Decode(to[:], raw[1:quoted-1]); err == nil {
			_, err = d.s.r.Discard(quoted)
			return err
		}
	}
	return fmt.Errorf("%w: a digest is not %d hexadecimal digits", errSyntax, 2*sha256.Size)
}

// digestsInfo summarizes a whole _sha256file.
type digestsInfo struct {
	blockSize int64
	count     int64
	data      blockSet // the blocks that hold data; nil: unknown
}

// checkDigests reads a whole _sha256file object of a volume of size bytes; 0: unknown. Its
// keys may be in any order, but if chunk_size follows sha256s, as it never does in Cinder's,
// the blocks that hold data stay unknown.
func checkDigests(d *digestReader, size int64) (digestsInfo, error) {
	var info digestsInfo
	var batch [digestBatch]digest
	var hasher *blockHasher
	for {
		list, err := d.header()
		if err != nil {
			return info, err
		}
		if !list {
			break
		}
		for n := len(batch); n == len(batch); info.count += int64(n) {
			if n, err = d.read(batch[:]); err != nil {
				return info, err
			}
			if hasher == nil && size > 0 && d.zero != nil {
				hasher = newBlockHasher(d.blockSize, size)
			}
			// The caller refuses more digests than the volume has blocks.
			if hasher != nil && (info.count+int64(n)-1)*d.blockSize < size {
				info.data.add(batch[:n], info.count, hasher)
			}
		}
	}
	if !d.seen["sha256s"] || d.blockSize <= 0 {
		return info, d.damaged(fmt.Errorf("no %q or no positive %q", "sha256s", "chunk_size"))
	}
	info.blockSize = d.blockSize
	return info, nil
}

// loadDigests reads and checks the digests, and then opens them again for the restore. It
// does not keep them in memory.
func loadDigests(ctx context.Context, store chunk.Store, at Location, size int64) (*digestReader, digestsInfo, error) {
	d, err := openDigests(ctx, store, at)
	if err != nil {
		return nil, digestsInfo{}, err
	}
	info, err := checkDigests(d, size)
	d.close()
	if err != nil {
		return nil, info, err
	}
	d, err = openList(ctx, store, at)
	return d, info, err
}

// openList opens a _sha256file object at its first digest.
func openList(ctx context.Context, store chunk.Store, at Location) (*digestReader, error) {
	d, err := openDigests(ctx, store, at)
	if err != nil {
		return nil, err
	}
	if _, err = d.header(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}
