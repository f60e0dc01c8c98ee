package move

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// verify compares a volume. The points of a chain have been compared one by one.
func (m *Move) verify(ctx context.Context) error {
	var said []string
	if m.Job.Chain == nil {
		t, err := openTable(m.path, m.Job.Volume.Size, *m.Shape)
		if err != nil {
			return err
		}
		defer func() { _ = t.close() }()
		if said, err = m.check(ctx, t, m.Committed, m.Blocks); err != nil {
			return err
		}
		m.Status("")
	}
	return m.step("verified", func(j *Journal) { j.Phase, j.Verified = Finishing, append(j.Verified, said...) })
}

// check compares what was copied with the source's digests of a round, and with what the
// target gives back. It returns what it did.
func (m *Move) check(ctx context.Context, t *table, round int, blocks int64) (said []string, err error) {
	if m.Options.Verify == VerifyNone {
		return nil, nil
	}
	text, err := m.verifyDigests(t, round, blocks)
	if err != nil {
		return nil, err
	}
	said = append(said, text)
	if m.Options.Verify == VerifyReadBack {
		if text, err = m.verifyReadBack(ctx, t, round); err != nil {
			return nil, err
		}
		said = append(said, text)
	}
	return said, nil
}

// verifyDigests compares the digests of the bytes that were handed to the target with those
// that the source keeps of the last point.
func (m *Move) verifyDigests(t *table, round int, blocks int64) (string, error) {
	if blocks != t.shape.Block {
		return "the source has no digests of blocks of the same size, which could be compared with those of what was copied", nil
	}
	f, err := os.Open(m.digestsOf(round))
	if err != nil {
		return "", err
	}
	defer f.Close()
	if at, err := sameDigests(f, t.stream(), t); err != nil || at >= 0 {
		return "", errors.Join(err, differs("what was copied", "the digests of the source", at))
	}
	return fmt.Sprintf("the digests of all %d blocks that were copied are those of the source", (t.size+t.shape.Block-1)/t.shape.Block), nil
}

func differs(what, from string, at int64) error {
	if at < 0 {
		return nil
	}
	return fmt.Errorf("%s differs from %s in the block at byte %d", what, from, at)
}

// sameDigests returns the offset of the first block that differs; -1: none.
func sameDigests(x, y io.Reader, t *table) (int64, error) {
	a, b := bufio.NewReaderSize(x, 1<<20), bufio.NewReaderSize(y, 1<<20)
	var p, q [sha256.Size]byte
	for off := int64(0); off < t.size; off += t.shape.Block {
		if _, err := io.ReadFull(a, p[:]); err != nil {
			return -1, fmt.Errorf("move: digests: %w", err)
		}
		if _, err := io.ReadFull(b, q[:]); err != nil {
			return -1, fmt.Errorf("move: digests: %w", err)
		}
		if p != q {
			return off, nil
		}
	}
	return -1, nil
}

func (m *Move) verifyReadBack(ctx context.Context, t *table, round int) (string, error) {
	content, err := m.To.ReadBack(ctx, round)
	if errors.Is(err, ErrNone) {
		return "the target could not be read back by another way than it was written", nil
	}
	if err != nil {
		return "", err
	}
	defer content.Close()
	if err := m.passed("read-back"); err != nil {
		return "", err
	}
	if c, ok := content.(Compared); ok {
		if how := c.Compared(); how != "" {
			return "the target was read back by another way than it was written: " + how, nil
		}
	}
	if content.Size() < t.size {
		return "", fmt.Errorf("the target gives back %d bytes of %d", content.Size(), t.size)
	}
	name := m.path("readback.digests")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(name); _ = f.Close() }()
	w := bufio.NewWriterSize(f, 1<<20)
	blocks, err := content.Digests(ctx, w)
	how := "digests of the target's own reading of it"
	if errors.Is(err, ErrNone) || err == nil && blocks != t.shape.Block {
		if err := f.Truncate(0); err != nil {
			return "", err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
		w.Reset(f)
		how = "bytes that were read back"
		err = hashContent(ctx, content, w, t)
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if at, err := sameDigests(f, t.stream(), t); err != nil || at >= 0 {
		return "", errors.Join(err, differs("what the target gives back", "what was copied", at))
	}
	return "the target was read back by another way than it was written: the " + how + " agree in all blocks", nil
}

// hashContent writes the digests of all blocks of a content.
func hashContent(ctx context.Context, c Content, w io.Writer, t *table) error {
	h := &blockWriter{t: t, w: w}
	for from, to := range c.Data() {
		from, to = from/t.shape.Block*t.shape.Block, min((to+t.shape.Block-1)/t.shape.Block*t.shape.Block, t.size)
		if from = max(from, h.off); from >= to {
			continue
		}
		if err := h.zeroesTo(from); err != nil {
			return err
		}
		if err := c.Copy(ctx, h, from, to); err != nil {
			return err
		}
	}
	return h.zeroesTo(t.size)
}

// blockWriter hashes a stream block by block.
type blockWriter struct {
	t   *table
	w   io.Writer
	off int64 // of the block in buf
	buf []byte
}

func (h *blockWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		most := min(h.t.shape.Block, h.t.size-h.off)
		if most <= 0 {
			return n, nil // the target's volume may be larger
		}
		k := min(int64(len(p)), most-int64(len(h.buf)))
		h.buf = append(h.buf, p[:k]...)
		p = p[k:]
		if int64(len(h.buf)) == most {
			sum := sha256.Sum256(h.buf)
			if _, err := h.w.Write(sum[:]); err != nil {
				return 0, err
			}
			h.off += most
			h.buf = h.buf[:0]
		}
	}
	return n, nil
}

func (h *blockWriter) zeroesTo(off int64) error {
	for h.off < off {
		sum := h.t.zeroOf(h.off / h.t.shape.Block)
		if _, err := h.w.Write(sum[:]); err != nil {
			return err
		}
		h.off = min(h.off+h.t.shape.Block, h.t.size)
	}
	return nil
}
