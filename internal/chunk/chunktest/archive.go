package chunktest

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Unpack fills m from a .tar.zst with a backup store that a real cinder-backup wrote, from
// the files below KIND/store/. It returns the content of the manifest.json next to that
// directory.
func (m *Memory) Unpack(tb testing.TB, archive, kind string) (manifest []byte) {
	tb.Helper()
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	f, err := os.Open(archive)
	check(err)
	defer func() { _ = f.Close() }()
	z, err := zstd.NewReader(f)
	check(err)
	defer z.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return manifest
		}
		check(err)
		content, err := io.ReadAll(r)
		check(err)
		if key, ok := strings.CutPrefix(h.Name, kind+"/store/"); ok && h.Typeflag == tar.TypeReg {
			m.Set(key, content)
		}
		if strings.HasSuffix(h.Name, "manifest.json") {
			manifest = content
		}
	}
}
