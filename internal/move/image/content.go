package image

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// hashes are the algorithms that Glance may be configured with (hashing_algorithm) and whose
// state can be kept.
var hashes = map[string]func() hash.Hash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// sumOf returns the strongest digest that Glance has of an image: its name, a new hash and the
// value. The name is "" if it has none.
func sumOf(i cloud.Image) (name string, h hash.Hash, want string) {
	if make, ok := hashes[i.HashAlgo]; ok && i.Hash != "" {
		return i.HashAlgo, make(), i.Hash
	}
	if i.MD5 != "" {
		return "md5", md5.New(), i.MD5
	}
	return "", nil, ""
}

// content is the bytes of an image. Glance has one digest of them all, so they are read in
// order.
type content struct {
	c      *cloud.Cloud
	image  cloud.Image
	size   int64
	status func(string)
	dir    string // keeps the state of the hash for the next process

	name string    // of the digest; "": there is none
	hash hash.Hash // of the bytes before at
	want string
	at   int64
	kept int64 // the state was kept at this offset
}

var _ move.Streamed = (*content)(nil)

// open opens an image that is active.
func open(ctx context.Context, c *cloud.Cloud, id string, size int64, env *move.Env) (*content, error) {
	i, err := c.WaitImage(ctx, id)
	if err != nil {
		return nil, err
	}
	if i.Size != size {
		return nil, fmt.Errorf("image %s in cloud %s has %d bytes, and the volume %d", i.ID, c.Name, i.Size, size)
	}
	o := &content{c: c, image: i, size: size, status: env.Status, dir: env.Dir}
	o.name, o.hash, o.want = sumOf(i)
	return o, o.load()
}

// Size implements [move.Content].
func (o *content) Size() int64 { return o.size }

// Grid implements [move.Content].
func (o *content) Grid() int64 { return 0 }

// Close implements [move.Content].
func (o *content) Close() error { return nil }

// Data implements [move.Content]. Glance does not tell where an image has data.
func (o *content) Data() iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) { yield(0, o.size) }
}

// Digests implements [move.Content]. Glance has none of blocks.
func (o *content) Digests(context.Context, io.Writer) (int64, error) { return 0, move.ErrNone }

// Copy implements [move.Content]. What lies between the last range and this one is read as well,
// for the hash.
func (o *content) Copy(ctx context.Context, w io.Writer, from, to int64) error {
	begin := from
	if o.hash != nil {
		begin = min(o.at, from)
	}
	err := o.c.ReadImage(ctx, o.image, &splitter{o: o, w: w, off: begin, from: from}, begin, to, func(n int64) {
		o.status(fmt.Sprintf("the store of cloud %s has no ranges: %d bytes of the image are read again", o.c.Name, n))
	})
	return errors.Join(err, o.keep())
}

// splitter hashes a stream, and passes on what begins at from.
type splitter struct {
	o         *content
	w         io.Writer
	off, from int64
}

func (s *splitter) Write(p []byte) (int, error) {
	end := s.off + int64(len(p))
	if o := s.o; o.hash != nil && s.off <= o.at && end > o.at {
		o.hash.Write(p[o.at-s.off:])
		o.at = end
		if o.at-o.kept >= keepEach {
			if err := o.keep(); err != nil {
				return 0, err
			}
		}
	}
	skip := min(max(s.from-s.off, 0), int64(len(p)))
	s.off = end
	if skip == int64(len(p)) {
		return len(p), nil
	}
	n, err := s.w.Write(p[skip:])
	return int(skip) + n, err
}

// Verify implements [move.Streamed].
func (o *content) Verify(ctx context.Context) (string, error) {
	if o.hash == nil {
		return fmt.Sprintf("Glance of cloud %s has no digest of image %s: what was read could not be compared", o.c.Name, o.image.ID), nil
	}
	if o.at < o.size {
		if err := o.Copy(ctx, io.Discard, o.at, o.size); err != nil {
			return "", err
		}
	}
	if err := o.keep(); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(o.hash.Sum(nil)); got != o.want {
		return "", fmt.Errorf("image %s in cloud %s has the %s %s, and what was read of it %s: abort the move and begin again", o.image.ID, o.c.Name, o.name, o.want, got)
	}
	return fmt.Sprintf("the %s of what was read is that of image %s", o.name, o.image.ID), nil
}

// keepEach is how many bytes are hashed between two states that are kept.
const keepEach = 256 << 20

// keptHash is the state of the hash in a file.
type keptHash struct {
	Image string `json:"image"`
	Name  string `json:"name"`
	At    int64  `json:"at"`
	State []byte `json:"state"`
}

func (o *content) file() string { return filepath.Join(o.dir, "hash.json") }

// keep keeps the state of the hash, so that the next process need not read what this one has.
func (o *content) keep() error {
	if o.hash == nil || o.at == o.kept {
		return nil
	}
	state, err := o.hash.(encoding.BinaryMarshaler).MarshalBinary() // all of hashes, and MD5, are
	if err != nil {
		return err
	}
	text, err := json.Marshal(keptHash{o.image.ID, o.name, o.at, state})
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.file()+".new", text, 0o600); err != nil {
		return err
	}
	o.kept = o.at
	return os.Rename(o.file()+".new", o.file())
}

// load continues with the state that was kept, if it is of this image. Without one, the image is
// hashed from its beginning.
func (o *content) load() error {
	if o.hash == nil {
		return nil
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	text, err := os.ReadFile(o.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !o.resume(text) {
		o.hash.Reset()
	}
	return nil
}

// resume sets the hash to a state that was kept. It returns false if the state is torn, or of an
// earlier image.
func (o *content) resume(text []byte) bool {
	var k keptHash
	if json.Unmarshal(text, &k) != nil || k.Image != o.image.ID || k.Name != o.name || k.At < 0 || k.At > o.size {
		return false
	}
	if o.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(k.State) != nil {
		return false
	}
	o.at, o.kept = k.At, k.At
	return true
}

// compared is the image of a volume that was read back.
type compared struct {
	*content
	how string
}

var _ move.Compared = (*compared)(nil)

// Compared implements [move.Compared].
func (c *compared) Compared() string { return c.how }
