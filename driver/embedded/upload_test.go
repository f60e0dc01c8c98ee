package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"cindergate/driver"
	"cindergate/internal/chunk/chunktest"
)

const piece = 1 << 20

// noise returns n bytes that a seed determines.
func noise(seed byte, n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

func (r *rig) startUpload(spec driver.UploadSpec) (driver.Backup, driver.Upload) {
	r.t.Helper()
	b, u, err := r.StartUpload(r.t.Context(), alpha, spec)
	check(r.t, err)
	return b, u
}

// put sends bytes at an offset.
func (r *rig) put(id string, off int64, p []byte) error {
	sum := sha256.Sum256(p)
	return r.PutContent(r.t.Context(), alpha, id, driver.Piece{From: off, To: off + int64(len(p)), Body: bytes.NewReader(p), SHA256: hex.EncodeToString(sum[:])})
}

// content returns what a restore of a backup would write.
func (r *rig) content(id string) []byte {
	r.t.Helper()
	c, err := r.OpenContent(r.t.Context(), alpha, id)
	check(r.t, err)
	var all bytes.Buffer
	check(r.t, c.Copy(r.t.Context(), &all, 0, c.Size()))
	return all.Bytes()
}

// files returns the files of uploads.
func (r *rig) uploads() []string {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(r.dir, "*", "upload-*"))
	check(r.t, err)
	return found
}

// A chain that a client sends is one of ordinary backups: it is restored, continued, and
// leaves nothing behind.
func TestUploadChain(t *testing.T) {
	for _, block := range []int64{32 << 10, 512 << 10, 8 << 20} {
		t.Run(fmt.Sprint(block>>10), func(t *testing.T) {
			uploadChain(t, newRig(t, func(o *Options) { o.BlockSize = block }))
		})
	}
}

func uploadChain(t *testing.T, r *rig) {
	ctx := t.Context()
	name, volume := "moved", "db"
	want := make([]byte, small)
	b, u := r.startUpload(driver.UploadSpec{Size: 1, Name: &name, Metadata: map[string]string{"k": "v"},
		DataTimestamp: r.clock.Now().Add(-time.Hour),
		Volume:        &driver.UploadVolume{Name: &volume, Bootable: true, Metadata: map[string]string{"a": "b"}, ImageMetadata: map[string]string{"os": "linux"}}})
	if b.Status != driver.BackupCreating || u.Size != small || u.Granularity != 4<<10 || u.Committed {
		t.Fatalf("%+v %+v", b, u)
	}
	for i, off := range []int64{5 * piece, 0, small - piece} {
		p := noise(byte(i), piece)
		copy(want[off:], p)
		check(t, r.put(b.ID, off, p))
		check(t, r.put(b.ID, off, p)) // the answer was lost
	}
	check(t, r.PutContent(ctx, alpha, b.ID, driver.Piece{From: 8 * piece, To: 12 * piece}))
	check(t, r.PutContent(ctx, alpha, b.ID, driver.Piece{From: 8 * piece, To: 12 * piece}))

	r.reopen() // a restart loses nothing
	u, err := r.ShowUpload(ctx, alpha, b.ID)
	check(t, err)
	var ranges [][2]int64
	for one, err := range u.Ranges(ctx, piece) {
		check(t, err)
		ranges = append(ranges, one)
	}
	if u.Received != 7*piece || len(ranges) != 3 || ranges[0] != [2]int64{5 * piece, 6 * piece} || ranges[1] != [2]int64{8 * piece, 12 * piece} {
		t.Fatalf("%+v, %v", u, ranges)
	}
	check(t, r.CommitUpload(ctx, alpha, b.ID, u.Received))
	r.settle()
	full, err := r.GetBackup(ctx, alpha, b.ID)
	check(t, err)
	if full.Status != driver.BackupAvailable || full.IsIncremental || full.Metadata["k"] != "v" || *full.Name != name {
		t.Fatalf("%+v", full)
	}
	if !bytes.Equal(r.content(b.ID), want) {
		t.Error("the full backup is not what was sent")
	}

	// An incremental upload changes what is sent, and nothing else.
	next, u := r.startUpload(driver.UploadSpec{ParentID: b.ID})
	if next.Size != 1 || next.VolumeID != full.VolumeID {
		t.Fatalf("%+v", next)
	}
	p := noise(9, 2*int(u.Granularity)) // parts of blocks: the rest of them is as it was
	for _, at := range []int64{u.Granularity, 5*piece + u.Granularity, 5*piece + 4*u.Granularity, 5*piece + 15*u.Granularity, small - 2*u.Granularity} {
		copy(want[at:], p)
		check(t, r.put(next.ID, at, p))
	}
	clear(want[8*piece-4096 : 9*piece+4096])
	check(t, r.PutContent(ctx, alpha, next.ID, driver.Piece{From: 8*piece - 4096, To: 9*piece + 4096}))
	check(t, r.CommitUpload(ctx, alpha, next.ID, piece+8192+10*u.Granularity))
	r.settle()
	if !bytes.Equal(r.content(next.ID), want) {
		t.Error("the incremental backup is not its parent with the changes")
	}
	restored, err := r.RestoreBackup(ctx, alpha, next.ID, driver.RestoreTarget{})
	check(t, err)
	r.settle()
	got, err := os.ReadFile(r.file(restored.VolumeID))
	check(t, err)
	if !bytes.Equal(got, want) {
		t.Error("the restored volume is not what was sent")
	}
	v, err := r.GetVolume(ctx, alpha, restored.VolumeID)
	check(t, err)
	if !v.Bootable && v.Metadata["a"] != "b" {
		t.Errorf("%+v", v)
	}
	if left := r.uploads(); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	_, err = r.ShowUpload(ctx, alpha, b.ID)
	refused(t, err, driver.NotFound, "Backup "+b.ID+" has no upload: its content was not sent by a client, or is complete.")
}

// Two attempts at the job of an incremental upload may prepare its file, one of them late. The
// bytes that were not sent never change once they are the parent's.
func TestUploadIsPreparedTwice(t *testing.T) {
	r := newRig(t, func(o *Options) { o.BlockSize = 512 << 10 })
	first, _ := r.startUpload(driver.UploadSpec{Size: 1})
	want := noise(1, piece)
	check(t, r.put(first.ID, 0, want))
	check(t, r.CommitUpload(t.Context(), alpha, first.ID, piece))
	r.settle()
	next, _ := r.startUpload(driver.UploadSpec{ParentID: first.ID})
	changed := noise(2, 4<<10)
	copy(want, changed)
	check(t, r.put(next.ID, 0, changed))
	check(t, r.CommitUpload(t.Context(), alpha, next.ID, 4<<10))

	ctx, stop := context.WithCancel(t.Context())
	r.store.Inject(chunktest.Fault{Op: chunktest.Put, Do: stop, Block: make(chan struct{})})
	check(t, r.Run(ctx)) // the first attempt has prepared the file
	looked := false
	r.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: "-00001", Do: func() {
		got, err := os.ReadFile(r.uploads()[0])
		check(t, err)
		if looked = true; !bytes.Equal(got[:512<<10], want[:512<<10]) {
			t.Error("the second attempt has changed what the first one reads")
		}
	}})
	r.settle()
	r.wantBackup(next.ID, driver.BackupAvailable)
	if !looked || !bytes.Equal(r.content(next.ID)[:piece], want) {
		t.Errorf("looked: %v; the content is another one", looked)
	}
}

func TestUploadTexts(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	b, _ := r.startUpload(driver.UploadSpec{Size: 1})
	fails := func(err error, kind driver.Kind, text string) {
		t.Helper()
		refused(t, err, kind, text)
	}
	const bad = "Invalid input received: "
	_, _, err := r.StartUpload(ctx, alpha, driver.UploadSpec{})
	fails(err, driver.InvalidInput, bad+"size must be a number of GiB, at least 1.")
	_, _, err = r.StartUpload(ctx, alpha, driver.UploadSpec{Size: 1, DataTimestamp: r.clock.Now().Add(time.Hour)})
	fails(err, driver.InvalidInput, bad+"data_timestamp is in the future.")
	_, _, err = r.StartUpload(ctx, alpha, driver.UploadSpec{Size: 1001})
	if driver.KindOf(err) != driver.OverLimit {
		t.Errorf("over the quota: %v", err)
	}
	_, _, err = r.StartUpload(ctx, alpha, driver.UploadSpec{ParentID: b.ID})
	fails(err, driver.InvalidState, "Invalid backup: The parent backup must be available for incremental backup.")
	_, _, err = r.StartUpload(ctx, driver.Caller{ProjectID: "beta"}, driver.UploadSpec{ParentID: b.ID})
	fails(err, driver.NotFound, "Backup "+b.ID+" could not be found.")

	p := noise(1, piece)
	check(t, r.put(b.ID, piece, p))
	for _, c := range []struct {
		piece driver.Piece
		kind  driver.Kind
		text  string
	}{
		{driver.Piece{From: 0, To: small + 1}, driver.InvalidInput, bad + "Content-Range must be a range of bytes within the 33554432 of the backup."},
		{driver.Piece{From: -4096, To: 0}, driver.InvalidInput, bad + "Content-Range must be a range of bytes within the 33554432 of the backup."},
		{driver.Piece{From: 1, To: 32768}, driver.InvalidInput,
			bad + "Content-Range must begin and end at multiples of the granularity, 4096 bytes, or end at byte 33554431."},
		{driver.Piece{From: 0, To: 100}, driver.InvalidInput,
			bad + "Content-Range must begin and end at multiples of the granularity, 4096 bytes, or end at byte 33554431."},
		{driver.Piece{From: 0, To: 32768, Body: strings.NewReader("short")}, driver.InvalidInput, bad + "the body does not have the 32768 bytes of Content-Range."},
		{driver.Piece{From: 0, To: 32768, Body: bytes.NewReader(p)}, driver.InvalidInput, bad + "the body does not have the 32768 bytes of Content-Range."},
		{driver.Piece{From: 0, To: 32768, Body: bytes.NewReader(p[:32768]), SHA256: "00"}, driver.InvalidInput,
			bad + "Content-Digest is not the digest of the body. Its SHA-256 is " + hexSum(p[:32768]) + "."},
		{driver.Piece{From: piece, To: 2 * piece, Body: bytes.NewReader(noise(2, piece))}, driver.Conflict,
			"The bytes 1048576 to 2097151 were sent before, and are not these."},
		{driver.Piece{From: 2*piece - 4096, To: 2*piece + 4096}, driver.Conflict, "The bytes 1048576 to 2097151 were sent before, and are not these."},
	} {
		fails(r.PutContent(ctx, alpha, b.ID, c.piece), c.kind, c.text)
	}
	fails(r.CommitUpload(ctx, alpha, b.ID, 5), driver.InvalidInput, bad+"received is 5, but the gateway has received 1048576 bytes.")
	beta := driver.Caller{ProjectID: "beta", Role: driver.Member}
	for _, err := range []error{r.PutContent(ctx, beta, b.ID, driver.Piece{To: 32768}), r.CommitUpload(ctx, beta, b.ID, piece), r.AbortUpload(ctx, beta, b.ID)} {
		fails(err, driver.NotFound, "Backup "+b.ID+" could not be found.")
	}
	refused(t, r.DeleteBackup(ctx, alpha, b.ID), driver.InvalidState, "Invalid backup: Backup status must be available or error")
	check(t, r.CommitUpload(ctx, alpha, b.ID, piece))
	fails(r.CommitUpload(ctx, alpha, b.ID, piece), driver.InvalidState, "Invalid backup: The upload of backup "+b.ID+" cannot be committed: the backup's status is creating.")
	fails(r.PutContent(ctx, alpha, b.ID, driver.Piece{To: 32768}), driver.InvalidState,
		"Invalid backup: The upload of backup "+b.ID+" has been committed: it takes no more bytes.")
	fails(r.AbortUpload(ctx, alpha, b.ID), driver.InvalidState,
		"Invalid backup: The upload of backup "+b.ID+" has been committed, and the backup's status is creating. Delete the backup.")
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
}

func hexSum(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// A body that breaks off counts as not sent: neither its bytes nor its range stay.
func TestUploadBrokenBody(t *testing.T) {
	for name, parent := range map[string]bool{"full": false, "incremental": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			want := make([]byte, small)
			spec := driver.UploadSpec{Size: 1}
			if parent {
				b, _ := r.startUpload(spec)
				copy(want[3*piece:], noise(3, piece))
				check(t, r.put(b.ID, 3*piece, want[3*piece:4*piece]))
				check(t, r.CommitUpload(t.Context(), alpha, b.ID, piece))
				r.settle()
				spec = driver.UploadSpec{ParentID: b.ID}
			}
			b, _ := r.startUpload(spec)
			broken := io.MultiReader(bytes.NewReader(noise(4, piece/2)), iotest.ErrReader(errors.New("cut")))
			err := r.PutContent(t.Context(), alpha, b.ID, driver.Piece{From: 3 * piece, To: 4 * piece, Body: broken})
			if driver.KindOf(err) != driver.KindOf(driver.UnreadBody(errors.New("cut"))) {
				t.Fatal(err)
			}
			// As if the process had died before it could give the bytes back.
			f, err := os.OpenFile(r.core.Files.Upload(b.ID), os.O_RDWR, 0)
			check(t, err)
			_, err = f.WriteAt(noise(5, piece), 3*piece+4096)
			check(t, errors.Join(err, f.Close()))
			copy(want[10*piece:], noise(6, piece))
			check(t, r.put(b.ID, 10*piece, want[10*piece:11*piece]))
			check(t, r.CommitUpload(t.Context(), alpha, b.ID, piece))
			r.settle()
			if !bytes.Equal(r.content(b.ID), want) {
				t.Error("the backup holds what was not sent")
			}
		})
	}
}

// One request at a time writes to a range, and none while the upload is committed.
func TestUploadConcurrent(t *testing.T) {
	r := newRig(t)
	b, _ := r.startUpload(driver.UploadSpec{Size: 1})
	reader, writer := io.Pipe()
	done := make(chan error)
	go func() {
		done <- r.PutContent(t.Context(), alpha, b.ID, driver.Piece{From: 0, To: piece, Body: reader})
	}()
	_, err := writer.Write(make([]byte, piece/2)) // it has begun
	check(t, err)
	refused(t, r.put(b.ID, piece/2, noise(1, piece)), driver.Unavailable, "Another request is sending a part of the bytes 524288 to 1572863.")
	refused(t, r.CommitUpload(t.Context(), alpha, b.ID, 0), driver.Unavailable, "A part of the content of backup "+b.ID+" is on its way.")
	check(t, r.put(b.ID, piece, noise(1, piece)))
	_, err = writer.Write(make([]byte, piece/2))
	check(t, errors.Join(err, writer.Close()))
	check(t, <-done)
	check(t, r.CommitUpload(t.Context(), alpha, b.ID, 2*piece))
}

// However an upload ends, no file stays. An upload whose job failed may be committed again.
func TestUploadEnds(t *testing.T) {
	r := newRig(t, func(o *Options) { o.UploadExpiry = time.Hour })
	ctx := t.Context()
	gone := func(id string) {
		t.Helper()
		if _, err := r.GetBackup(ctx, alpha, id); driver.KindOf(err) != driver.NotFound {
			t.Errorf("the backup is there: %v", err)
		}
		if left := r.uploads(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	}
	b, _ := r.startUpload(driver.UploadSpec{Size: 1})
	check(t, r.put(b.ID, 0, noise(1, piece)))
	check(t, r.AbortUpload(ctx, alpha, b.ID))
	gone(b.ID)

	b, _ = r.startUpload(driver.UploadSpec{Size: 1})
	check(t, r.ForceDeleteBackup(ctx, admin, b.ID))
	r.settle()
	gone(b.ID)

	b, _ = r.startUpload(driver.UploadSpec{Size: 1})
	check(t, r.put(b.ID, 0, noise(1, piece)))
	r.store.Inject(chunktest.Fault{Op: chunktest.Put, Err: syscall.ENOSPC})
	check(t, r.CommitUpload(ctx, alpha, b.ID, piece))
	r.settle()
	r.wantBackup(b.ID, driver.BackupError)
	check(t, r.CommitUpload(ctx, alpha, b.ID, piece))
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	if got := r.content(b.ID); !bytes.Equal(got[:piece], noise(1, piece)) {
		t.Error("the second attempt is not what was sent")
	}
	check(t, r.DeleteBackup(ctx, alpha, b.ID))
	r.settle()
	gone(b.ID)

	// Expiry leaves a backup in error that says so. What is sent in time is kept.
	old, _ := r.startUpload(driver.UploadSpec{Size: 1})
	r.clock.Add(50 * time.Minute)
	b, _ = r.startUpload(driver.UploadSpec{Size: 1})
	committed, _ := r.startUpload(driver.UploadSpec{Size: 1})
	check(t, r.CommitUpload(ctx, alpha, committed.ID, 0))
	r.clock.Add(30 * time.Minute)
	check(t, r.put(b.ID, 0, noise(1, piece)))
	check(t, r.expire())
	expired, err := r.GetBackup(ctx, alpha, old.ID)
	check(t, err)
	if expired.Status != driver.BackupError || expired.FailReason != "The upload was not finished: nothing was sent for 1h0m0s." {
		t.Errorf("%+v", expired)
	}
	r.clock.Add(2 * time.Hour)
	check(t, r.expire())
	r.wantBackup(b.ID, driver.BackupError)
	r.settle()
	r.wantBackup(committed.ID, driver.BackupAvailable) // its job waited longer than that
	for _, id := range []string{old.ID, b.ID, committed.ID} {
		check(t, r.DeleteBackup(ctx, alpha, id))
		r.settle()
		gone(id)
	}
}

// expire runs one round of ExpireUploads.
func (r *rig) expire() error { return r.backups.EndOldUploads(r.t.Context()) }

// A file without a row is kept, in lost+found. An upload without a file cannot be committed.
func TestUploadFiles(t *testing.T) {
	r := newRig(t)
	b, _ := r.startUpload(driver.UploadSpec{Size: 1})
	stray := r.core.Files.Upload("0b53c1f5-7a3c-4d39-8f5a-000000000001")
	check(t, os.WriteFile(stray, []byte("data"), 0o600))
	r.reopen()
	if kept, err := os.ReadFile(filepath.Join(r.dir, "lost+found", filepath.Base(stray))); err != nil || string(kept) != "data" {
		t.Errorf("%q, %v", kept, err)
	}
	r.wantBackup(b.ID, driver.BackupCreating)
	check(t, os.Remove(r.core.Files.Upload(b.ID)))
	if err := r.put(b.ID, 0, noise(1, piece)); driver.KindOf(err) != driver.Unavailable {
		t.Errorf("a piece without a file: %v", err)
	}
	check(t, r.CommitUpload(t.Context(), alpha, b.ID, 0))
	r.settle()
	r.wantBackup(b.ID, driver.BackupError)
}
