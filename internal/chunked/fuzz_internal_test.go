package chunked

import (
	"bytes"
	"testing"
)

// FuzzMetadata decodes random input. Accepted metadata must meet the guarantees of its
// type.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"version":"1.0.0","backup_id":"b","parent_id":null,"volume_meta":null,"objects":[{"p-00001":{"offset":0,"length":512,"compression":"zlib","md5":"0123456789abcdef0123456789abcdef"}}]}`))
	f.Add([]byte(`{"objects":[{"p-00001":{}}],"version":null}`))
	f.Add([]byte(`{"a":"\"]}","objects":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		const size = 4096
		m, err := decodeMetadata(bytes.NewReader(b), "p", size, 8)
		if err != nil {
			return
		}
		end := int64(0)
		for _, o := range m.objects {
			if o.offset < end || o.length <= 0 || o.end() > size || len(m.objects) > 8 {
				t.Fatalf("accepted %+v", m.objects)
			}
			end = o.end()
		}
	})
}

// FuzzSHA256File reads random input twice. Both results must be equal.
func FuzzSHA256File(f *testing.F) {
	sum := `"30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"`
	f.Add([]byte(`{"chunk_size":512,"sha256s":[` + sum + "," + sum + `],"version":"1.0.0"}`))
	f.Add([]byte(`{"sha256s":[],"chunk_size":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := checkDigests(newDigestReader("x", bytes.NewReader(b)), 0)
		if err != nil {
			return
		}
		if info.blockSize <= 0 || info.count < 0 || info.count > int64(len(b)/64) {
			t.Fatalf("accepted %+v", info)
		}
		d := newDigestReader("x", bytes.NewReader(b))
		if _, err := d.header(); err != nil {
			t.Fatal(err)
		}
		if err := d.fill(make([]digest, info.count)); err != nil {
			t.Fatal(err)
		}
	})
}
