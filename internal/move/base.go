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

// ErrNoBase says that a base cannot be used: what is copied must be copied as a whole.
var ErrNoBase = errors.New("the base cannot be compared with what is copied")

// adoptBase makes the state of the base known, as if a round before the first one had written
// it. Nothing is read but digests.
func (m *Move) adoptBase(ctx context.Context, t *table) error {
	if m.Job.Base == nil || m.Committed > 0 || m.Blocks > 0 {
		return nil
	}
	content, err := m.From.Open(ctx, *m.Job.Base)
	if err != nil {
		return err
	}
	defer content.Close()
	if content.Size() != t.size {
		return fmt.Errorf("%w: backup %s has %d bytes, not %d", ErrNoBase, m.Job.Base.ID, content.Size(), t.size)
	}
	f, err := os.Create(m.digestsOf(0))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w := bufio.NewWriterSize(f, 1<<20)
	blocks, err := content.Digests(ctx, w)
	if err == nil && blocks != t.shape.Block {
		err = fmt.Errorf("%w: backup %s has digests of blocks of %d bytes, not %d", ErrNoBase, m.Job.Base.ID, blocks, t.shape.Block)
	}
	if errors.Is(err, ErrNone) {
		err = fmt.Errorf("%w: backup %s has no digests", ErrNoBase, m.Job.Base.ID)
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := t.adopt(bufio.NewReaderSize(f, 1<<20)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return m.step("base", func(j *Journal) { j.Compare, j.Blocks = 0, blocks })
}

// adopt notes the digests of all blocks, as those of the base.
func (t *table) adopt(digests io.Reader) error {
	for i := range t.pieces {
		from, to := t.blocks(i)
		own := make([]byte, (to-from)*sha256.Size)
		if _, err := io.ReadFull(digests, own); err != nil {
			return fmt.Errorf("move: digests of the base: %w", err)
		}
		zero := true
		for n := from; n < to && zero; n++ {
			zero = [sha256.Size]byte(own[(n-from)*sha256.Size:]) == t.zeroOf(n)
		}
		if zero {
			continue
		}
		if err := t.put(i, BaseRound, nil, own); err != nil {
			return err
		}
	}
	return nil
}
