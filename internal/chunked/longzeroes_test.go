//go:build !race

package chunked_test

import (
	"bytes"
	"compress/bzip2"
	"crypto/md5"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cindergate/internal/chunked"
)

// The longest objects of zeroes are right, too. Together they need every power of 2. Half a
// GiB takes minutes under the race detector.
func TestLongZeroObjects(t *testing.T) {
	for _, n := range []int64{256*mib - 1, 256 * mib} {
		for _, kind := range []chunked.Compression{chunked.Zstd, chunked.None} {
			stored, as := chunked.EncodeZeroes(kind, n)
			r := bzip2.NewReader(bytes.NewReader(stored))
			if as == chunked.Zstd {
				z, err := zstd.NewReader(bytes.NewReader(stored))
				if err != nil {
					t.Fatal(err)
				}
				defer z.Close()
				r = z
			}
			h := md5.New()
			if m, err := io.Copy(h, r); err != nil || m != n || [16]byte(h.Sum(nil)) != chunked.ZeroMD5(n) {
				t.Errorf("%d zeroes as %s are %d other bytes, %v", n, as, m, err)
			}
		}
	}
}
