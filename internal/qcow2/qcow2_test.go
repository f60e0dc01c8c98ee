package qcow2

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// file is an image's file in memory.
type file []byte

func (f file) ReadAt(_ context.Context, p []byte, off int64) error {
	_, err := io.ReadFull(io.NewSectionReader(bytes.NewReader(f), off, int64(len(p))), p)
	return err
}

// sample returns an image that qemu-img 7.2 wrote.
func sample(t *testing.T, name string) file {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".qcow2.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// disk is what the samples hold.
func disk() []byte {
	d := make([]byte, 3<<20)
	for i := range 65536 {
		d[65536+i] = byte(i*7 + i/256)
	}
	for i := range 5000 {
		d[1<<20+777+i] = byte(i*3 + 1)
	}
	copy(d[len(d)-512:], bytes.Repeat([]byte{0xee}, 512))
	return d
}

// same compares an image with what it should hold: as a whole, in odd parts, and by its data
// ranges, outside of which all is zeroes.
func same(t *testing.T, f file, want []byte) {
	t.Helper()
	m, err := Open(t.Context(), f, int64(len(f)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Size() != int64(len(want)) {
		t.Fatalf("the disk has %d bytes, not %d", m.Size(), len(want))
	}
	got := make([]byte, len(want))
	for off := 0; off < len(got); {
		n := min(len(got)-off, 1+rand.IntN(300_000))
		if err := m.ReadAt(t.Context(), got[off:off+n], int64(off)); err != nil {
			t.Fatal(err)
		}
		off += n
	}
	if !bytes.Equal(got, want) {
		t.Error("the disk has other bytes")
	}
	clear(got)
	last := int64(0)
	for r, err := range m.Data(t.Context()) {
		if err != nil || r[0] < last || r[1] <= r[0] || r[1] > m.Size() {
			t.Fatal(r, last, err)
		}
		last = r[1]
		if err := m.ReadAt(t.Context(), got[r[0]:r[1]], r[0]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("the ranges leave data out")
	}
	if err := m.ReadAt(t.Context(), got[:2], m.Size()-1); err == nil {
		t.Error("bytes behind the disk are read")
	}
}

func TestSamples(t *testing.T) {
	for _, name := range []string{"v3", "v2-4k", "512", "zlib", "zstd"} {
		t.Run(name, func(t *testing.T) { same(t, sample(t, name), disk()) })
	}
	zeroes := make([]byte, 3<<20)
	copy(zeroes, bytes.Repeat([]byte{7}, 192<<10))
	clear(zeroes[64<<10 : 128<<10])
	t.Run("zero clusters", func(t *testing.T) { same(t, sample(t, "zeroes"), zeroes) })
}

// What cannot be read is refused with a reason, and a file that was cut or altered is never
// more than an error.
func TestRefused(t *testing.T) {
	for name, reason := range map[string]string{"backed": "backing file", "extended": "features"} {
		f := sample(t, name)
		if _, err := Open(t.Context(), f, int64(len(f))); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"v3", "zlib", "zstd"} {
		whole := sample(t, name)
		for i := range 200 {
			f := bytes.Clone(whole)
			for range 1 + rand.IntN(4) {
				f[rand.IntN(112)] = byte(rand.IntN(256))
				f[rand.IntN(len(f))] = byte(rand.IntN(256))
			}
			if i%3 == 0 {
				f = f[:rand.IntN(len(f))]
			}
			m, err := Open(t.Context(), file(f), int64(len(f)))
			if err != nil || m.Size() > 64<<20 {
				continue
			}
			for r, err := range m.Data(t.Context()) {
				if err == nil {
					_ = m.ReadAt(t.Context(), make([]byte, min(r[1]-r[0], 1<<20)), r[0])
				}
			}
		}
	}
}

// written returns an image of a disk whose pieces are written in any order.
func written(t *testing.T, d []byte, piece, least int64) file {
	t.Helper()
	var pieces []int64
	for i := range int64(len(d)) / piece {
		if len(bytes.Trim(d[i*piece:(i+1)*piece], "\x00")) > 0 {
			pieces = append(pieces, i)
		}
	}
	rand.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
	l, err := NewLayout(int64(len(d)), piece, pieces, least)
	if err != nil {
		t.Fatal(err)
	}
	f, err := io.ReadAll(l.Tables())
	if err != nil || int64(len(f)) != l.Head() || l.Head() < least {
		t.Fatal(len(f), l.Head(), err)
	}
	for _, p := range pieces {
		f = append(f, d[p*piece:(p+1)*piece]...)
	}
	return f
}

func TestLayout(t *testing.T) {
	d := make([]byte, 24<<20)
	for _, at := range []int{0, 5 << 20, 17<<20 + 9, len(d) - 1} {
		d[at] = byte(at>>16 + 1)
	}
	for _, piece := range []int64{64 << 10, 1 << 20, 8 << 20} {
		for _, least := range []int64{0, 5 << 20} {
			f := written(t, d, piece, least)
			same(t, f, d)
			byQEMU(t, f, d)
		}
	}
	same(t, written(t, make([]byte, 1<<20), 1<<20, 0), make([]byte, 1<<20))
	for _, wrong := range []struct {
		size, piece int64
		pieces      []int64
	}{{0, 1 << 20, nil}, {1<<20 + 1, 1 << 20, nil}, {1 << 20, 1000, nil}, {3 << 20, 2 << 20, nil}, {1 << 20, 1 << 20, []int64{1}}, {2 << 20, 1 << 20, []int64{0, 0}}, {1 << 20, 1 << 20, []int64{-1}}} {
		if _, err := NewLayout(wrong.size, wrong.piece, wrong.pieces, 0); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}

// The tables of a large disk have all that they need, and their counts count themselves.
func TestLargeLayout(t *testing.T) {
	const size, piece = 2 << 40, 8 << 20
	var pieces []int64
	for i := range int64(10_000) {
		pieces = append(pieces, i)
	}
	pieces[len(pieces)-1] = size/piece - 1
	l, err := NewLayout(size, piece, pieces, 5<<20)
	if err != nil {
		t.Fatal(err)
	}
	head, err := io.ReadAll(l.Tables())
	if err != nil || int64(len(head)) != l.Head() {
		t.Fatal(len(head), err)
	}
	m, err := Open(t.Context(), file(head), int64(len(head)))
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for r, err := range m.Data(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		total += r[1] - r[0]
	}
	if total != piece*int64(len(pieces)) {
		t.Errorf("%d bytes of data, not %d", total, piece*int64(len(pieces)))
	}
}

// byQEMU has qemu-img, if QEMU_IMG names it, check an image and read it.
func byQEMU(t *testing.T, f file, want []byte) {
	t.Helper()
	program := os.Getenv("QEMU_IMG")
	if program == "" {
		return
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "image"), f, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "-f", "qcow2", "image"}, {"convert", "-f", "qcow2", "-O", "raw", "image", "raw"}} {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", args, err, out)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "raw"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("qemu-img reads other bytes (%v)", err)
	}
}
