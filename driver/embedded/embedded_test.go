package embedded

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/meta"
)

var (
	alpha = driver.Caller{ProjectID: "alpha", UserID: "u-alpha", Role: driver.Member, RequestID: "req-alpha"}
	admin = driver.Caller{ProjectID: "admin", UserID: "u-admin", Role: driver.Admin}
)

// clock advances one millisecond each time it is read, so that no two rows have the same
// time.
type clock struct {
	clockwork.Clock // waits use the system's clock

	mu sync.Mutex
	t  time.Time
}

func newClock() *clock {
	return &clock{Clock: clockwork.NewRealClock(), t: time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)}
}

func (c *clock) Now() time.Time { return c.Add(time.Millisecond) }

func (c *clock) Add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	return c.t
}

// small is a GiB in tests. The time of a test depends on the length of its volumes.
const small = 32 << 20

// rig is a driver with a store that can be made to fail. Jobs run only in settle.
type rig struct {
	*Driver
	t     testing.TB
	dir   string
	store *chunktest.Memory
	clock *clock
	opts  Options
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel() // the tests mostly wait for the disk
	}
	return anotherRig(t, change...)
}

// anotherRig makes a further rig of a test.
func anotherRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	_, isTest := t.(*testing.T)
	r := &rig{t: t, dir: t.TempDir(), store: chunktest.NewMemory(), clock: newClock()}
	r.opts = Options{unit: small, rehearse: isTest, DataDir: r.dir, Store: r.store, Clock: r.clock, Host: "lab", Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))}
	for _, f := range change {
		f(&r.opts)
	}
	r.open()
	t.Cleanup(func() { check(t, r.Close()) })
	return r
}

func (r *rig) open() {
	r.t.Helper()
	d, err := Open(r.t.Context(), r.opts)
	check(r.t, err)
	r.Driver = d
}

// reopen restarts the driver as after kill -9, with the database as it is.
func (r *rig) reopen() {
	r.t.Helper()
	check(r.t, r.Close())
	r.open()
}

func (r *rig) settle() {
	r.t.Helper()
	for {
		ran, err := r.RunOne(r.t.Context())
		check(r.t, err)
		if !ran {
			return
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks the kind and the exact text of an error.
func refused(t testing.TB, err error, kind driver.Kind, text string) {
	t.Helper()
	if err == nil || err.Error() != text || driver.KindOf(err) != kind {
		t.Fatalf("got %v (kind %d), want %s (kind %d)", err, driver.KindOf(err), text, kind)
	}
}

func (r *rig) volume(who driver.Caller, sizeGiB int) driver.Volume {
	r.t.Helper()
	name := fmt.Sprintf("volume of %d", sizeGiB)
	v, err := r.CreateVolume(r.t.Context(), who, driver.VolumeSpec{Name: &name, Size: sizeGiB})
	check(r.t, err)
	return v
}

// file returns the path of the file of a volume; of one without a row, where a new volume
// has it.
func (r *rig) file(volumeID string) string {
	r.t.Helper()
	v, err := r.core.DB.Volume(r.t.Context(), volumeID)
	check(r.t, err)
	if v == nil {
		v = &meta.Volume{Volume: driver.Volume{ID: volumeID}}
	}
	return r.core.Files.Volume(v)
}

// snapshotFile is [rig.file] for a snapshot.
func (r *rig) snapshotFile(id string) string {
	r.t.Helper()
	s, err := r.core.DB.Snapshot(r.t.Context(), id)
	check(r.t, err)
	if s == nil {
		s = &meta.Snapshot{Snapshot: driver.Snapshot{ID: id}}
	}
	return r.core.Files.Snapshot(s)
}

// fill writes pseudo-random data and zeroes to a volume.
func (r *rig) fill(volumeID string, seed uint64) {
	r.t.Helper()
	f, err := os.OpenFile(r.file(volumeID), os.O_RDWR, 0)
	check(r.t, err)
	defer func() { check(r.t, f.Close()) }()
	random := rand.New(rand.NewPCG(seed, 1))
	_, err = f.WriteAt([]byte("data"), 0) // so that the first object is none of a hole
	check(r.t, err)
	for range 8 {
		piece := make([]byte, 64<<10+random.IntN(4096))
		if random.IntN(4) > 0 {
			for i := range piece {
				piece[i] = byte(random.Uint32())
			}
		}
		_, err := f.WriteAt(piece, random.Int64N(16<<20))
		check(r.t, err)
	}
}

// digest returns the digest of a volume's first bytes. All bytes beyond must be zero.
func (r *rig) digest(volumeID string) string {
	r.t.Helper()
	f, err := os.Open(r.file(volumeID))
	check(r.t, err)
	defer func() { check(r.t, f.Close()) }()
	head := make([]byte, 20<<20)
	_, err = f.ReadAt(head, 0)
	check(r.t, err)
	return fmt.Sprintf("%x", sha256.Sum256(head))
}

func (r *rig) backup(who driver.Caller, spec driver.BackupSpec) driver.Backup {
	r.t.Helper()
	b, err := r.CreateBackup(r.t.Context(), who, spec)
	check(r.t, err)
	return b
}

func (r *rig) getBackup(id string) driver.Backup {
	r.t.Helper()
	b, err := r.GetBackup(r.t.Context(), admin, id)
	check(r.t, err)
	return b
}

// row returns a backup's stored row.
func (r *rig) row(id string) *meta.Backup {
	r.t.Helper()
	b, err := r.core.DB.Backup(r.t.Context(), id)
	check(r.t, err)
	if b == nil {
		r.t.Fatalf("no backup %s", id)
	}
	return b
}

// names returns the fields that the names of a backup's objects depend on.
func (r *rig) names(b *meta.Backup) layout.Backup {
	return layout.Backup{ID: b.ID, VolumeID: b.VolumeID, AvailabilityZone: "nova", CreatedAt: b.CreatedAt}
}

// container returns the container of a backup's objects.
func (r *rig) container(b *meta.Backup) string {
	return cmp.Or(b.Container, r.store.Layout().Container(r.names(b)))
}

// attempt returns the common prefix of the object keys of one attempt.
func (r *rig) attempt(b *meta.Backup, n int) string {
	return r.container(b) + "/" + r.store.Layout().Prefix(r.names(b), n)
}

func (r *rig) getVolume(id string) driver.Volume {
	r.t.Helper()
	v, err := r.GetVolume(r.t.Context(), admin, id)
	check(r.t, err)
	return v
}

func (r *rig) wantBackup(id string, status driver.BackupStatus) driver.Backup {
	r.t.Helper()
	b := r.getBackup(id)
	if b.Status != status {
		r.t.Fatalf("backup is %s (%s), want %s", b.Status, b.FailReason, status)
	}
	return b
}

func (r *rig) wantVolume(id, status string) driver.Volume {
	r.t.Helper()
	v := r.getVolume(id)
	if v.Status != status {
		r.t.Fatalf("volume is %s, want %s", v.Status, status)
	}
	return v
}

func TestBackupAndRestore(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	if v.Status != core.Creating {
		t.Fatalf("the answer says %s", v.Status)
	}
	r.wantVolume(v.ID, core.Available)
	r.fill(v.ID, 1)
	full := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.wantVolume(v.ID, core.BackingUp)
	r.settle()
	r.wantVolume(v.ID, core.Available)
	first := r.digest(v.ID)
	r.wantBackup(full.ID, driver.BackupAvailable)

	r.fill(v.ID, 2)
	inc := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	r.settle()
	second := r.digest(v.ID)
	if b := r.wantBackup(inc.ID, driver.BackupAvailable); b.ParentID != full.ID || !b.IsIncremental {
		t.Fatalf("parent %q", b.ParentID)
	}
	if b := r.getBackup(full.ID); !b.HasDependents {
		t.Fatal("the full backup has no dependents")
	}
	for id, want := range map[string]string{full.ID: first, inc.ID: second} {
		restore, err := r.RestoreBackup(ctx, alpha, id, driver.RestoreTarget{})
		check(t, err)
		if restore.VolumeName != "restore_backup_"+id {
			t.Fatalf("volume name %q", restore.VolumeName)
		}
		r.wantVolume(restore.VolumeID, core.RestoringBack)
		r.wantBackup(id, driver.BackupRestoring)
		r.settle()
		v := r.wantVolume(restore.VolumeID, core.Available)
		r.wantBackup(id, driver.BackupAvailable)
		if got := r.digest(v.ID); got != want {
			t.Fatalf("restored bytes differ: %s, want %s", got, want)
		}
		if *v.Name != "volume of 1" || v.Description != nil || v.Metadata["src_backup_id"] != id {
			t.Fatalf("restored as %q %v %v", *v.Name, v.Description, v.Metadata)
		}
		check(t, r.DeleteVolume(ctx, alpha, v.ID, driver.VolumeDelete{}))
		r.settle()
	}
	restore, err := r.RestoreBackup(ctx, alpha, full.ID, driver.ToVolume(v.ID))
	check(t, err)
	r.settle()
	if got := r.digest(restore.VolumeID); got != first {
		t.Fatal("restored bytes differ")
	}
	refused(t, r.DeleteBackup(ctx, alpha, full.ID), driver.InvalidState, "Invalid backup: Incremental backups exist for this backup.")
	check(t, r.DeleteBackup(ctx, alpha, inc.ID))
	r.settle()
	check(t, r.DeleteBackup(ctx, alpha, full.ID))
	r.settle()
	if left := r.store.Objects(); len(left) > 0 {
		t.Fatalf("%d objects are left", len(left))
	}
	_, err = r.GetBackup(ctx, alpha, full.ID)
	refused(t, err, driver.NotFound, "Backup "+full.ID+" could not be found.")
}

func TestOpenTwice(t *testing.T) {
	r := newRig(t)
	_, err := Open(t.Context(), r.opts)
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("another process is using it")) {
		t.Fatal(err)
	}
}

func TestRunStopsAndIsUp(t *testing.T) {
	r := newRig(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	until(t, func() bool { return r.getBackup(b.ID).Status == driver.BackupAvailable })
	services, err := r.Services(t.Context(), admin)
	check(t, err)
	if !services[0].Up || services[0].Host != "lab" {
		t.Fatalf("%+v", services[0])
	}
	stop()
	check(t, <-done)
	if _, err := os.Stat(filepath.Join(r.dir, "cindergate.db")); err != nil {
		t.Fatal(err)
	}
}

// until yields to the workers until the condition holds. The test's deadline limits it.
func until(t testing.TB, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-t.Context().Done():
			t.Fatal("it never came")
		case <-time.After(time.Millisecond):
		}
	}
}
