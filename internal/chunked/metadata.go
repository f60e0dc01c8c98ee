package chunked

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"cindergate/internal/chunk"
)

// Names and the only version of the format (chunkeddriver.py DRIVER_VERSION,
// _generate_object_name_prefix).
const (
	version        = "1.0.0"
	metadataSuffix = "_metadata"
	digestsSuffix  = "_sha256file"
)

// Limits of what a restore reads, in bytes. They are far above what Cinder writes.
const (
	maxField      = 1 << 20  // any header field
	maxVolumeMeta = 16 << 20 // volume_meta and unknown fields
	maxEntry      = 16 << 10 // one of "objects"
	maxSuffix     = 32       // of an object's name, after the prefix
	maxObjects    = 4 << 20  // number of objects in one backup: 32 TiB in objects of 8 MiB
)

// object is one entry of a metadata's "objects".
type object struct {
	offset, length int64
	md5            [16]byte
	kind           Compression
	suffix         string // of the name: "-00001"
	hole           bool   // known to be zeroes, see plan.prune
}

func (o object) end() int64 { return o.offset + o.length }

// dataBytes returns the bytes of the volume that the object holds; 0 if all of them are zeroes.
func (o object) dataBytes() int64 {
	if o.isHole() {
		return 0
	}
	return o.length
}

func dataBytes(objects []object) (sum int64) {
	for i := range objects {
		sum += objects[i].dataBytes()
	}
	return sum
}

// key returns the object key of name+suffix in at.
func (at Location) key(suffix string) string {
	if at.Container == "" {
		return at.Prefix + suffix
	}
	return at.Container + "/" + at.Prefix + suffix
}

// name returns the object's name as it appears in the metadata and in messages.
func (at Location) name(suffix string) string { return at.Prefix + suffix }

// metadata is a decoded _metadata object.
type metadata struct {
	backupID   string
	parentID   string // "" for null
	volumeMeta *string
	objects    []object

	// Fields that a restore does not need, as stored; nil if missing.
	volumeID, name, description, createdAt json.RawMessage
}

// metadataText returns the text of a _metadata object. Keys are sorted and indented by 2,
// as in Python's json.dumps (chunkeddriver.py _write_metadata).
func metadataText(spec Spec, objects []object) io.Reader {
	i := -1
	return &text{next: func(b []byte) ([]byte, error) {
		i++
		switch {
		case i == 0:
			b = fmt.Appendf(b, "{\n  \"backup_description\": %s,\n  \"backup_id\": %s,\n  \"backup_name\": %s,\n  \"created_at\": %s,\n  \"objects\": [",
				quote(spec.Description), quote(spec.BackupID), quote(spec.Name), quote(pythonTime(spec.CreatedAt)))
		case i <= len(objects):
			o := objects[i-1]
			if i > 1 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, "\n    {\n      %s: {\n        \"compression\": %q,\n        \"length\": %d,\n        \"md5\": \"%x\",\n        \"offset\": %d\n      }\n    }",
				quote(spec.name(o.suffix)), o.kind, o.length, o.md5, o.offset)
		case i == len(objects)+1:
			var parent *string
			if spec.ParentID != "" {
				parent = &spec.ParentID
			}
			if len(objects) > 0 {
				b = append(b, "\n  "...)
			}
			b = fmt.Appendf(b, "],\n  \"parent_id\": %s,\n  \"version\": %q,\n  \"volume_id\": %s,\n  \"volume_meta\": %s\n}",
				quote(parent), version, quote(spec.VolumeID), quote(spec.VolumeMeta))
		}
		return b, nil
	}}
}

// mostObjects returns how many objects a backup of size bytes may have. An object has whole
// blocks or whole grains, unless it is the last one.
func mostObjects(size, blockSize int64) int64 {
	return min((size-1)/min(blockSize, grain)+1, maxObjects)
}

// loadMetadata reads and checks the _metadata object of a backup of size bytes.
func loadMetadata(ctx context.Context, store chunk.Store, at Location, size, blockSize int64) (metadata, error) {
	name := at.name(metadataSuffix)
	r, err := store.Get(ctx, at.key(metadataSuffix))
	if err != nil {
		return metadata{}, getError(err, name)
	}
	defer r.Close()
	m, err := decodeMetadata(tell{r}, at.Prefix, size, mostObjects(size, blockSize))
	if err != nil {
		return metadata{}, damaged(err, name)
	}
	return m, nil
}

// decodeMetadata decodes the text of a _metadata object.
func decodeMetadata(r io.Reader, prefix string, size, most int64) (metadata, error) {
	var m metadata
	var v *string
	s := newScanner(r)
	seen := map[string]bool{}
	if err := s.expect('{'); err != nil {
		return m, err
	}
	for first := true; ; first = false {
		more, err := s.more(first, '}')
		if err != nil {
			return m, err
		}
		if !more {
			break
		}
		key, err := s.key()
		if err != nil {
			return m, err
		}
		if seen[key] || len(seen) > 1000 {
			return m, fmt.Errorf("%w: key %q twice or too many keys", errSyntax, key)
		}
		seen[key] = true
		switch key {
		case "version":
			if err = s.decode(&v, maxField); err == nil && v != nil && *v != version {
				// This is the text of chunkeddriver.py restore.
				err = errorf("No support to restore backup version %.32q", *v)
			}
		case "backup_id":
			err = s.decode(&m.backupID, maxField)
		case "parent_id":
			err = s.decode(&m.parentID, maxField)
		case "volume_meta":
			err = s.decode(&m.volumeMeta, maxVolumeMeta)
		case "objects":
			m.objects, err = decodeObjects(s, prefix, size, most)
		case "volume_id":
			err = s.decode(&m.volumeID, maxField)
		case "backup_name":
			err = s.decode(&m.name, maxField)
		case "backup_description":
			err = s.decode(&m.description, maxField)
		case "created_at":
			err = s.decode(&m.createdAt, maxField)
		default:
			var unknown json.RawMessage
			err = s.decode(&unknown, maxVolumeMeta)
		}
		if err != nil {
			return m, fmt.Errorf("%q: %w", key, err)
		}
	}
	for _, key := range []string{"version", "backup_id", "parent_id", "objects", "volume_meta"} {
		if !seen[key] {
			return m, fmt.Errorf("no %q", key)
		}
	}
	if v == nil {
		return m, fmt.Errorf("%q is null", "version")
	}
	return m, s.end()
}

// decodeObjects decodes the list of objects. They must be in order of their offsets and
// within the volume.
func decodeObjects(s *scanner, prefix string, size, most int64) ([]object, error) {
	if err := s.expect('['); err != nil {
		return nil, err
	}
	var objects []object
	end := int64(0)
	for first := true; ; first = false {
		more, err := s.more(first, ']')
		if err != nil || !more {
			return objects, err
		}
		if int64(len(objects)) >= most {
			return nil, fmt.Errorf("more than %d objects", most)
		}
		o, err := decodeObject(s, prefix)
		if err != nil {
			return nil, err
		}
		switch {
		case o.offset < 0 || o.length <= 0 || o.length > size || o.offset > size-o.length:
			return nil, errorf("Object %s covers %d bytes at %d, which is not within the backup's %d bytes.", prefix+o.suffix, o.length, o.offset, size)
		case o.offset < end:
			return nil, errorf("Object %s overlaps the one before or is out of order.", prefix+o.suffix)
		}
		end = o.end()
		objects = append(objects, o)
	}
}

func decodeObject(s *scanner, prefix string) (object, error) {
	var entry map[string]struct {
		Offset, Length   *int64
		Compression, MD5 *string
	}
	if err := s.decode(&entry, maxEntry); err != nil {
		return object{}, err
	}
	if len(entry) != 1 {
		return object{}, fmt.Errorf("an entry names %d objects", len(entry))
	}
	for name, e := range entry {
		suffix, ok := strings.CutPrefix(name, prefix)
		if !ok || len(suffix) > maxSuffix || suffix == "" || suffix == metadataSuffix || suffix == digestsSuffix {
			return object{}, errorf("The metadata lists an object %.200q, which is none of this backup.", name)
		}
		if e.Offset == nil || e.Length == nil || e.Compression == nil || e.MD5 == nil {
			return object{}, errorf("The entry of object %s is incomplete.", name)
		}
		o := object{offset: *e.Offset, length: *e.Length, suffix: strings.Clone(suffix)}
		if o.kind, ok = parseCompression(*e.Compression); !ok {
			return object{}, errorf("Object %s has the unsupported compression %.32q.", name, *e.Compression)
		}
		if len(*e.MD5) != 2*len(o.md5) {
			return object{}, errorf("The MD5 of object %s is malformed.", name)
		}
		if _, err := hex.Decode(o.md5[:], []byte(*e.MD5)); err != nil {
			return object{}, errorf("The MD5 of object %s is malformed.", name)
		}
		return o, nil
	}
	return object{}, errSyntax // unreachable
}
