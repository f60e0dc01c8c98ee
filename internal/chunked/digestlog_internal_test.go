package chunked

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The digests of a large volume are written to a file, and are read back in order.
func TestDigestLogSpills(t *testing.T) {
	l := digestLog{dir: t.TempDir()}
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
	if l.file == nil || filepath.Dir(l.file.Name()) != l.dir || !spillName.MatchString(filepath.Base(l.file.Name())) {
		t.Fatalf("the digests are not in a file of %s: %v", l.dir, l.file)
	}
	if left, err := os.ReadDir(l.dir); err != nil || len(left) > 0 {
		t.Fatalf("the file has a name, which a crash would leave: %v %v", left, err)
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
	info, err := checkDigests(newDigestReader("x", bytes.NewReader(text)), n*512)
	if err != nil || info.count != n || strings.Count(string(text), "\n") < n {
		t.Errorf("%+v %v", info, err)
	}
}

// RemoveSpills removes the files that a crash left, recognized by their names, and no
// others.
func TestRemoveSpills(t *testing.T) {
	dir := t.TempDir()
	keep := []string{"cindergate-digests-.spill", "cindergate-digests-1.spill.bak", "cindergate-digests-x.spill", "digests-1.spill", "volume-1"}
	for _, name := range append([]string{"cindergate-digests-12345.spill"}, keep...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "cindergate-digests-7.spill"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := RemoveSpills(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := slices.Sorted(slices.Values(append([]string{"cindergate-digests-7.spill"}, keep...)))
	if !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
	if err := RemoveSpills(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that is not there is no error")
	}
}
