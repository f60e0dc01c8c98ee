package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/meta"
)

// A panic fails only its own job. The stack is in the log, the backup gets the status
// error, and the next job runs.
func TestPanicFailsOneJob(t *testing.T) {
	sink, logged := observer.New(zapcore.ErrorLevel)
	for name, op := range map[string]chunktest.Op{"in a worker of the format": chunktest.Put, "in the job": chunktest.Check} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.Log = zap.New(sink) })
			v := r.volume(alpha, 1)
			r.fill(v.ID, 1)
			b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			r.store.Inject(chunktest.Fault{Op: op, Do: func() { panic("a bug at " + op) }})
			r.settle()
			got := r.wantBackup(b.ID, driver.BackupError)
			if got.FailReason != "An internal error occurred; the log of the service has it." {
				t.Fatal(got.FailReason)
			}
			r.wantVolume(v.ID, core.Available)
			found := false
			for _, e := range logged.All() {
				text, _ := e.ContextMap()["error"].(string)
				found = found || strings.Contains(text, "a bug at "+string(op)) && strings.Contains(text, ".go:")
			}
			if !found {
				t.Fatal("no stack in the log")
			}
			next := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			r.settle()
			r.wantBackup(next.ID, driver.BackupAvailable)
		})
	}
}

// A transaction that panics is rolled back. The database continues to work.
func TestPanicInATransaction(t *testing.T) {
	r := newRig(t)
	func() {
		defer func() { _ = recover() }()
		_ = r.core.Write(t.Context(), func(tx *meta.Tx) error {
			check(t, tx.SetLimit("p", "backups", 1))
			panic("a bug")
		})
	}()
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
		limits, err := tx.Limits("p")
		if len(limits) > 0 {
			t.Error("not rolled back")
		}
		return err
	}))
}

// disable disables a service.
func (r *rig) disable(binary string, off bool) {
	r.t.Helper()
	check(r.t, r.UpdateService(r.t.Context(), admin, core.ServiceHost(r.core.Host, binary), binary, driver.ServicePatch{Disabled: driver.Some(off)}))
}

// The answers while a service is disabled (cinder/backup/api.py, cinder/scheduler).
func TestDisabledBackupService(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	record, err := r.ExportRecord(ctx, admin, b.ID)
	check(t, err)
	r.disable(core.BackupService, true)

	failedOne := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	if failedOne.Status != driver.BackupCreating {
		t.Fatalf("the answer says %s", failedOne.Status)
	}
	if got := r.wantBackup(failedOne.ID, driver.BackupError); got.FailReason != "Service not found for creating backup." {
		t.Fatal(got.FailReason)
	}
	r.wantVolume(v.ID, core.Available)
	page, err := r.ListMessages(ctx, alpha, driver.Query{Limit: -1})
	check(t, err)
	if len(page.Items) != 1 || page.Items[0].EventID != "VOLUME_VOLUME_BACKUP_013_024" {
		t.Fatalf("%+v", page.Items)
	}
	const text = "Service cinder-backup could not be found."
	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(v.ID))
	refused(t, err, driver.NotFound, text)
	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
	refused(t, err, driver.NotFound, text)
	_, err = r.ExportRecord(ctx, admin, b.ID)
	refused(t, err, driver.NotFound, text)
	refused(t, r.DeleteBackup(ctx, alpha, b.ID), driver.NotFound, text)
	refused(t, r.ForceDeleteBackup(ctx, admin, b.ID), driver.NotFound, text)
	refused(t, r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupError), driver.NotFound, text)
	refused(t, r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupAvailable), driver.NotFound, text)
	_, err = r.ImportRecord(ctx, admin, edit(t, record, func(f map[string]any) { f["id"] = twinID }))
	refused(t, err, driver.Unavailable, text)
	fromBackup, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{BackupID: b.ID})
	check(t, err)
	r.settle()
	r.wantVolume(fromBackup.ID, core.StatusError)
	r.wantBackup(b.ID, driver.BackupAvailable)

	r.disable(core.BackupService, false)
	check(t, r.DeleteBackup(ctx, alpha, b.ID))
}

func TestDisabledVolumeServiceAndScheduler(t *testing.T) {
	for _, binary := range []string{core.VolumeService, core.SchedulerService} {
		t.Run(binary, func(t *testing.T) {
			r := newRig(t)
			ctx := t.Context()
			v := r.volume(alpha, 1)
			r.disable(binary, true)
			made := r.volume(alpha, 1)
			r.wantVolume(made.ID, core.StatusError)
			s, err := r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
			check(t, err)
			r.settle()
			got, err := r.GetSnapshot(ctx, alpha, s.ID)
			check(t, err)
			if got.Status != core.StatusError {
				t.Fatalf("the snapshot is %s", got.Status)
			}
			check(t, r.ActOnVolume(ctx, alpha, v.ID, driver.ExtendVolume{Size: 2}))
			if got := r.wantVolume(v.ID, core.Available); got.Size != 1 {
				t.Fatal("extended")
			}
			b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			r.settle()
			if binary == core.SchedulerService {
				r.wantBackup(b.ID, driver.BackupError)
			} else {
				r.wantBackup(b.ID, driver.BackupAvailable)
			}
		})
	}
}

// blocked creates a directory in a file's place, so that the file system refuses the file.
func (r *rig) blocked(path string) {
	r.t.Helper()
	_ = os.Remove(path)
	check(r.t, os.MkdirAll(filepath.Join(path, "x"), 0o700))
}

// If the file system refuses an accepted request, the result is a status and a message.
func TestRefusedByTheFileSystem(t *testing.T) {
	next := ""
	r := newRig(t, func(o *Options) {
		o.NewID = func() string {
			if id := next; id != "" {
				next = ""
				return id
			}
			return uuid.NewString()
		}
	})
	ctx := t.Context()
	next = uuid.NewString()
	id := next
	r.blocked(r.file(id))
	if v := r.volume(alpha, 1); v.ID != id || v.Status != core.Creating {
		t.Fatalf("%+v", v)
	}
	r.wantVolume(id, core.StatusError)

	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.blocked(r.file(v.ID))
	check(t, r.ActOnVolume(ctx, alpha, v.ID, driver.ExtendVolume{Size: 2}))
	if got := r.wantVolume(v.ID, core.ErrorExtending); got.Size != 1 {
		t.Fatal("the size has changed")
	}
	next = uuid.NewString()
	id = next
	r.blocked(r.file(id))
	restore, err := r.RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
	check(t, err)
	r.settle()
	if restore.VolumeID != id {
		t.Fatal(restore)
	}
	r.wantVolume(id, core.ErrorRestoring)
	r.wantBackup(b.ID, driver.BackupAvailable)
	page, err := r.ListMessages(ctx, alpha, driver.Query{Limit: -1})
	check(t, err)
	if len(page.Items) != 3 {
		t.Fatalf("%d messages: %+v", len(page.Items), page.Items)
	}
}
