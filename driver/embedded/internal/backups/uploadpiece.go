package backups

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/meta"
	"cindergate/internal/sparse"
)

// writing are the ranges of uploads that are being written. One process has the files to
// itself.
type writing struct {
	mu     sync.Mutex
	ranges map[string][][2]int64 // by the backup's id
}

// begin reports whether nobody writes to the range, and then takes it.
func (w *writing) begin(id string, r [2]int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.ranges[id], func(o [2]int64) bool { return o[0] < r[1] && r[0] < o[1] }) {
		return false
	}
	if w.ranges == nil {
		w.ranges = map[string][][2]int64{}
	}
	w.ranges[id] = append(w.ranges[id], r)
	return true
}

func (w *writing) end(id string, r [2]int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ranges[id] = slices.DeleteFunc(w.ranges[id], func(o [2]int64) bool { return o == r }); len(w.ranges[id]) == 0 {
		delete(w.ranges, id)
	}
}

// PutContent implements [driver.ContentWriter].
func (bs *Backups) PutContent(ctx context.Context, who driver.Caller, backupID string, p driver.Piece) error {
	var b *meta.Backup
	var there *meta.UploadRange
	look := func(tx *meta.Tx) (u *meta.Upload, err error) {
		if b, u, err = ownUpload(tx, who, backupID); err != nil {
			return nil, err
		}
		if err := bs.checkPiece(b, u, &p); err != nil {
			return nil, err
		}
		there, err = tx.OverlappingRange(b.ID, p.From, p.To)
		return u, err
	}
	if err := bs.core.Read(ctx, func(tx *meta.Tx) error { _, err := look(tx); return err }); err != nil {
		return err
	}
	whole := [2]int64{p.From, p.To}
	if !bs.uploads.writing.begin(b.ID, whole) {
		return busy("Another request is sending a part of the bytes %d to %d.", p.From, p.To-1)
	}
	defer bs.uploads.writing.end(b.ID, whole)
	// What is there may have arrived meanwhile. It is never overwritten.
	if err := bs.core.Read(ctx, func(tx *meta.Tx) error { _, err := look(tx); return err }); err != nil {
		return err
	}
	if there != nil {
		return repeated(&p, there)
	}
	sum, err := bs.fill(b.ID, &p)
	if err != nil {
		bs.empty(b.ID, &p)
		return err
	}
	return bs.core.Write(ctx, func(tx *meta.Tx) error {
		u, err := look(tx)
		if err != nil {
			return err
		}
		u.Ranges++
		u.Received += p.To - p.From
		u.ExpiresAt = tx.Now.Add(bs.uploads.expiry)
		return errors.Join(tx.PutUploadRange(&meta.UploadRange{UploadID: b.ID, From: p.From, To: p.To, SHA256: sum}), tx.PutUpload(u))
	})
}

// busy returns the error while a request that has not ended stands in the way.
func busy(format string, args ...any) error {
	return &driver.Error{Kind: driver.Unavailable, Message: fmt.Sprintf(format, args...), RetryAfter: time.Second}
}

// notHere returns the error for a request about the file of an upload at another gateway. The
// client repeats it, and a load balancer that is told to keep a client at one gateway does not
// let it come to that.
func notHere(b *meta.Backup) error {
	return busy("The upload of backup %s is at the gateway %s.", b.ID, b.Host)
}

// checkPiece checks that an upload takes a piece.
func (bs *Backups) checkPiece(b *meta.Backup, u *meta.Upload, p *driver.Piece) error {
	size := bs.core.Bytes(b.Size)
	switch {
	case bs.elsewhere(b):
		return notHere(b)
	case u.Committed:
		return driver.InvalidBackup("The upload of backup %s has been committed: it takes no more bytes.", b.ID)
	case b.Status != driver.BackupCreating:
		return driver.InvalidBackup("The upload of backup %s has ended: the backup's status is %s.", b.ID, b.Status)
	case p.From < 0 || p.From >= p.To || p.To > size:
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Content-Range must be a range of bytes within the %d of the backup.", size)
	case p.From%granularity != 0 || p.To%granularity != 0 && p.To != size:
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Content-Range must begin and end at multiples of the granularity, %d bytes, or end at byte %d.",
			granularity, size-1)
	case p.Body != nil && p.To-p.From > maxPiece:
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Content-Range has more than %d bytes.", maxPiece)
	case u.Ranges >= maxRanges:
		return driver.Errorf(driver.InvalidInput, "Invalid input received: the upload has %d ranges already, which is the most. Send larger ones.", maxRanges)
	}
	return nil
}

// repeated answers a piece of which a part is there: a client that did not get the answer
// sends the same piece again.
func repeated(p *driver.Piece, there *meta.UploadRange) error {
	if there.From == p.From && there.To == p.To && (p.Body == nil) == (there.SHA256 == "") {
		if p.Body == nil {
			return nil
		}
		sum, err := copySum(io.Discard, p)
		if err != nil {
			return err
		}
		if sum == there.SHA256 {
			return nil
		}
	}
	return driver.Errorf(driver.Conflict, "The bytes %d to %d were sent before, and are not these.", there.From, there.To-1)
}

// fill writes a piece to the upload's file, durably, and returns its digest.
func (bs *Backups) fill(id string, p *driver.Piece) (string, error) {
	if p.Body == nil {
		return "", nil // the file has a hole there
	}
	if err := bs.core.Files.Check(); err != nil {
		return "", diskFailure(err)
	}
	f, err := openData(bs.core.Files.Upload(id), os.O_WRONLY)
	if err != nil {
		return "", diskFailure(err)
	}
	sum, err := copySum(io.NewOffsetWriter(f, p.From), p)
	if err == nil {
		if err = f.Sync(); err != nil {
			err = diskFailure(err)
		}
	}
	if failed := f.Close(); err == nil && failed != nil {
		err = diskFailure(failed)
	}
	return sum, err
}

// copySum copies exactly the bytes of a piece, and compares their digest with the piece's.
func copySum(to io.Writer, p *driver.Piece) (string, error) {
	h, disk, most := sha256.New(), &failing{w: to}, p.To-p.From
	n, err := io.CopyN(io.MultiWriter(disk, h), p.Body, most)
	if err == nil {
		var more int64
		if more, err = io.CopyN(io.Discard, p.Body, 1); errors.Is(err, io.EOF) {
			err = nil
		}
		n += more
	}
	switch sum := hex.EncodeToString(h.Sum(nil)); {
	case disk.err != nil:
		return "", diskFailure(disk.err)
	case err != nil && !errors.Is(err, io.EOF):
		return "", driver.UnreadBody(err)
	case n != most:
		return "", driver.Errorf(driver.InvalidInput, "Invalid input received: the body does not have the %d bytes of Content-Range.", most)
	case p.SHA256 != "" && p.SHA256 != sum:
		return "", driver.Errorf(driver.InvalidInput, "Invalid input received: Content-Digest is not the digest of the body. Its SHA-256 is %s.", sum)
	default:
		return sum, nil
	}
}

// failing is a writer that remembers its error, which tells it from the reader's.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		f.err = err
	}
	return n, err
}

// empty frees what a failed piece has written. If that fails, the commit does it.
func (bs *Backups) empty(id string, p *driver.Piece) {
	f, err := os.OpenFile(bs.core.Files.Upload(id), os.O_RDWR, 0)
	if err != nil {
		return // the upload has ended
	}
	if err := errors.Join(sparse.Zero(context.Background(), f, p.From, p.To-p.From), f.Close()); err != nil {
		bs.core.Log.Warn("what a failed piece of an upload has written stays until the commit", zap.String("backup_id", id), zap.Error(err))
	}
}
