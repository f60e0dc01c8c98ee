package chunked

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

// The digests of a large volume go through a file and come back in order.
func TestDigestLogSpills(t *testing.T) {
	var l digestLog
	const n = 2*digestLogMemory/sha256.Size + 1234
	for i := 0; i < n; i += 100 {
		batch := make([]digest, min(100, n-i))
		for k := range batch {
			binary.BigEndian.PutUint64(batch[k][:], uint64(i+k))
		}
		if err := l.append(batch); err != nil {
			t.Fatal(err)
		}
	}
	defer l.close()
	if l.file == nil {
		t.Fatal("all in memory")
	}
	for range 2 {
		b, err := io.ReadAll(l.reader())
		if err != nil || len(b) != n*sha256.Size {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		for i := range uint64(n) {
			if binary.BigEndian.Uint64(b[i*sha256.Size:]) != i {
				t.Fatalf("digest %d is another", i)
			}
		}
	}
	text, err := io.ReadAll(digestsText(Spec{BlockSize: 512}, l.reader()))
	if err != nil {
		t.Fatal(err)
	}
	info, err := checkDigests(newDigestReader("x", bytes.NewReader(text)))
	if err != nil || info.count != n || strings.Count(string(text), "\n") < n {
		t.Errorf("%+v %v", info, err)
	}
}
