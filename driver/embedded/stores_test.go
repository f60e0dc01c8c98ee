package embedded

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
	"cindergate/internal/chunk/swift"
	"cindergate/internal/marker"
)

// quick are the options of a store that repeats at once, and for long.
func quick(name string) object.Options {
	return object.Options{Name: name, Pause: time.Millisecond, MaxPause: 2 * time.Millisecond, Budget: 1e6, Patience: time.Minute, Lag: time.Millisecond}
}

func s3Store(t *testing.T, server *chunktest.Server, name string) chunk.Remote {
	t.Helper()
	return s3StoreWith(t, server, quick(name))
}

func s3StoreWith(t *testing.T, server *chunktest.Server, o object.Options) chunk.Remote {
	t.Helper()
	s, err := s3.New(s3.Options{Endpoint: server.URL, AccessKey: chunktest.S3Key, SecretKey: chunktest.S3Secret, Options: o})
	check(t, err)
	return s
}

func swiftStore(t *testing.T, server *chunktest.Swift, name string) chunk.Remote {
	t.Helper()
	s, err := swift.New(swift.Options{Login: swift.Login{AuthURL: server.URL, Version: 1, User: chunktest.SwiftUser, Key: chunktest.SwiftKey},
		Options: quick(name)})
	check(t, err)
	return s
}

// withS3 adds the store "archive" and makes it the default one.
func withS3(t *testing.T, server *chunktest.Server) func(*Options) {
	return func(o *Options) {
		o.Stores = map[string]BackupStore{"archive": {Remote: s3Store(t, server, "archive")}}
		o.DefaultStore = "archive"
	}
}

// impatientS3 is withS3 with a store that soon gives up.
func impatientS3(t *testing.T, server *chunktest.Server) func(*Options) {
	return func(o *Options) {
		brief := quick("archive")
		brief.Patience = 20 * time.Millisecond
		o.Stores, o.DefaultStore = map[string]BackupStore{"archive": {Remote: s3StoreWith(t, server, brief)}}, "archive"
	}
}

// objects returns the names in a container, without the marker.
func objects(s *chunktest.Server, container string) []string {
	return slices.DeleteFunc(s.Names(container), func(name string) bool { return name == marker.Name })
}

// restored checks that a backup restores to the digest.
func (r *rig) restored(id, digest string) {
	r.t.Helper()
	restore, err := r.RestoreBackup(r.t.Context(), admin, id, driver.RestoreTarget{})
	check(r.t, err)
	r.settle()
	if r.wantVolume(restore.VolumeID, core.Available); r.digest(restore.VolumeID) != digest {
		r.t.Fatal("restored bytes differ")
	}
}

func TestBackupsInObjectStores(t *testing.T) {
	s3Server, swiftServer := chunktest.NewS3(t), chunktest.NewSwift(t)
	for name, c := range map[string]struct {
		server  *chunktest.Server
		store   chunk.Remote
		service string
	}{
		"s3":    {s3Server, s3Store(t, s3Server, "archive"), layout.S3Service},
		"swift": {swiftServer.Server, swiftStore(t, swiftServer, "archive"), layout.SwiftService},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(o *Options) {
				o.Stores, o.DefaultStore = map[string]BackupStore{"archive": {Remote: c.store}}, "archive"
			})
			v := r.volume(alpha, 1)
			r.fill(v.ID, 1)
			full := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			r.settle()
			first := r.digest(v.ID)
			r.fill(v.ID, 2)
			more := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
			r.settle()
			for _, id := range []string{full.ID, more.ID} {
				r.wantBackup(id, driver.BackupAvailable)
				row := r.row(id)
				if row.Store != "archive" || row.Service != c.service || row.Container != "volumebackups" ||
					!strings.HasPrefix(row.ServiceMetadata, "volume_"+v.ID+"/20261121") {
					t.Fatalf("%+v", row)
				}
			}
			if len(r.store.Objects()) > 0 {
				t.Fatal("objects in the data directory")
			}
			r.reopen()
			r.restored(full.ID, first)
			r.restored(more.ID, r.digest(v.ID))
			check(t, r.DeleteBackup(t.Context(), alpha, more.ID))
			r.settle()
			check(t, r.DeleteBackup(t.Context(), alpha, full.ID))
			r.settle()
			if left := objects(c.server, "volumebackups"); len(left) > 0 {
				t.Fatalf("left: %v", left)
			}
		})
	}
}

// The request's container or the volume's type names the store. An incremental backup is
// stored beside its parent.
func TestStoreIsChosen(t *testing.T) {
	server := chunktest.NewS3(t)
	disk := t.TempDir()
	r := newRig(t, func(o *Options) {
		o.Stores = map[string]BackupStore{"archive": {Remote: s3Store(t, server, "archive")}, "disk": {Dir: disk}}
		o.Quotas = map[string]int{driver.QuotaBackups: -1}
	})
	ctx := t.Context()
	kind, err := r.CreateVolumeType(ctx, admin, driver.VolumeType{Name: "on disk", ExtraSpecs: map[string]string{storeSpecOfTests: "disk"}, IsPublic: true})
	check(t, err)
	typed, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1, VolumeType: kind.ID})
	check(t, err)
	v := r.volume(alpha, 1)
	for _, c := range []struct {
		volume, container, store, in string
	}{
		{v.ID, "", "", ""}, {v.ID, "mine", "", "mine"}, {v.ID, "local", "", ""}, {v.ID, "archive", "archive", "volumebackups"},
		{v.ID, "archive:mine", "archive", "mine"}, {v.ID, "other:mine", "", "other:mine"}, {v.ID, "disk:a/b", "disk", "a/b"},
		{typed.ID, "", "disk", ""}, {typed.ID, "archive", "archive", "volumebackups"}, {typed.ID, "mine", "disk", "mine"},
	} {
		b := r.backup(alpha, driver.BackupSpec{VolumeID: c.volume, Container: c.container})
		r.settle()
		r.wantBackup(b.ID, driver.BackupAvailable)
		if row := r.row(b.ID); row.Store != c.store || c.in != "" && row.Container != c.in {
			t.Errorf("container %q: in store %q, container %q; want %q, %q", c.container, row.Store, row.Container, c.store, c.in)
		}
		next := r.backup(alpha, driver.BackupSpec{VolumeID: c.volume, Incremental: true})
		r.settle()
		r.wantBackup(next.ID, driver.BackupAvailable)
		if row := r.row(next.ID); row.Store != c.store || row.ParentID != b.ID {
			t.Errorf("container %q: the incremental backup is in store %q", c.container, row.Store)
		}
	}
	_, err = r.CreateBackup(ctx, alpha, driver.BackupSpec{VolumeID: v.ID, Container: "archive", Incremental: true})
	if driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "is in the backup store disk") {
		t.Errorf("an incremental backup elsewhere: %v", err)
	}
	_, err = r.CreateBackup(ctx, alpha, driver.BackupSpec{VolumeID: v.ID, Container: "archive:No"})
	if driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "Invalid container: a bucket must have") {
		t.Errorf("a bad bucket: %v", err)
	}
	if len(objects(server, "mine")) == 0 {
		t.Error("nothing in the bucket mine")
	}
}

const storeSpecOfTests = "cindergate:backup_store"

// A backup whose store is no longer configured is neither deleted nor forgotten.
func TestStoreIsNoLongerConfigured(t *testing.T) {
	server := chunktest.NewS3(t)
	r := newRig(t, withS3(t, server))
	ctx := t.Context()
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	before := len(server.Names("volumebackups"))
	with := r.opts
	r.opts.Stores, r.opts.DefaultStore = nil, ""
	r.reopen()
	r.wantBackup(b.ID, driver.BackupAvailable)
	_, err := r.CreateBackup(ctx, alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	if err == nil || !strings.Contains(err.Error(), "the backup store archive, which is not configured") {
		t.Errorf("incremental: %v", err)
	}
	restore, err := r.RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
	check(t, err)
	r.settle()
	r.wantVolume(restore.VolumeID, core.ErrorRestoring)
	check(t, r.DeleteBackup(ctx, alpha, b.ID))
	r.settle()
	if got := r.wantBackup(b.ID, driver.BackupError); got.FailReason != "The backup is in the backup store archive, which is not configured." {
		t.Errorf("reason %q", got.FailReason)
	}
	if after := len(server.Names("volumebackups")); after != before {
		t.Errorf("%d objects, there were %d", after, before)
	}
	r.opts = with
	r.reopen()
	check(t, r.ResetBackupStatus(ctx, admin, b.ID, driver.BackupAvailable))
	r.restored(b.ID, r.digest(v.ID))
}

// A bucket that was emptied, or another one in its place, is not taken for the store.
func TestAnotherBucket(t *testing.T) {
	server := chunktest.NewS3(t)
	r := newRig(t, withS3(t, server))
	ctx := t.Context()
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	for what, damage := range map[string]func(){
		"another marker": func() { server.Set("volumebackups", marker.Name, []byte("another\n")) },
		"no marker":      func() { server.Set("volumebackups", marker.Name, nil) },
		"no bucket":      func() { server.Drop("volumebackups") },
	} {
		damage()
		check(t, r.DeleteBackup(ctx, alpha, b.ID))
		r.settle()
		got := r.wantBackup(b.ID, driver.BackupError)
		if !strings.Contains(got.FailReason, "ackup store archive") || len(got.FailReason) > 255 {
			t.Errorf("%s: reason %q", what, got.FailReason)
		}
		next := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
		r.settle()
		r.wantBackup(next.ID, driver.BackupError)
		if what == "no bucket" && server.Names("volumebackups") != nil {
			t.Error("the bucket was made again")
		}
	}
}

// A store that fails two of three requests is asked again, and nothing is lost.
func TestStoreStumbles(t *testing.T) {
	server := chunktest.NewS3(t)
	r := newRig(t, withS3(t, server))
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	var requests atomic.Int64
	server.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if n := requests.Add(1); r.Method == http.MethodPut && n%3 > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	r.restored(b.ID, r.digest(v.ID))
}

// A store that stays away makes a job end in error with its name. When it is back, what is
// there can be deleted.
func TestStoreIsAway(t *testing.T) {
	server := chunktest.NewS3(t)
	r := newRig(t, impatientS3(t, server))
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	server.Intercept(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	gone := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	if got := r.wantBackup(gone.ID, driver.BackupError); !strings.HasPrefix(got.FailReason, "Backup store archive did not answer") {
		t.Errorf("reason %q", got.FailReason)
	}
	r.wantVolume(v.ID, core.Available)
	check(t, r.Check(t.Context())) // the gateway itself is well
	server.Heal()
	check(t, r.DeleteBackup(t.Context(), alpha, gone.ID))
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.settle()
	if left := objects(server, "volumebackups"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A record of Cinder's s3, swift or nfs driver is imported where its objects are, in the
// configured store of that kind that has them, and continued there.
func TestImportInPlace(t *testing.T) {
	s3Server, swiftServer, disk := chunktest.NewS3(t), chunktest.NewSwift(t), t.TempDir()
	stores := func(o *Options) {
		o.Stores = map[string]BackupStore{"a": {Dir: t.TempDir()}, "b": {Remote: s3Store(t, s3Server, "b")},
			"c": {Remote: swiftStore(t, swiftServer, "c")}, "d": {Dir: disk}}
	}
	writer, reader := newRig(t, stores), anotherRig(t, stores)
	ctx := t.Context()
	v := writer.volume(alpha, 1)
	for name, service := range map[string]string{"b": layout.S3Service, "c": layout.SwiftService, "d": "cinder.backup.drivers.nfs.NFSBackupDriver"} {
		writer.fill(v.ID, 1)
		full := writer.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Container: name})
		writer.settle()
		writer.fill(v.ID, 2)
		more := writer.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
		writer.settle()
		for _, id := range []string{full.ID, more.ID} {
			writer.wantBackup(id, driver.BackupAvailable)
			record, err := writer.ExportRecord(ctx, admin, id)
			check(t, err)
			record.Service = service
			_, err = reader.ImportRecord(ctx, admin, record)
			check(t, err)
			reader.settle()
			reader.wantBackup(id, driver.BackupAvailable)
			if row := reader.row(id); row.Store != name {
				t.Errorf("%s is in %q, want %s", service, row.Store, name)
			}
		}
		reader.restored(more.ID, writer.digest(v.ID))
		// Deleting here deletes there: both rows are of the same objects.
		check(t, reader.DeleteBackup(ctx, admin, more.ID))
		reader.settle()
		check(t, writer.DeleteBackup(ctx, admin, more.ID))
		writer.settle()
	}
	if len(objects(s3Server, "volumebackups")) == 0 || len(objects(swiftServer.Server, "volumebackups")) == 0 {
		t.Error("the full backups are gone")
	}
}

// A record whose data is in a store that is away ends in error with that store's name, not
// with that of a store that is there and has no such objects.
func TestImportWhileAway(t *testing.T) {
	server := chunktest.NewS3(t)
	writer, reader := newRig(t, withS3(t, server)), anotherRig(t, impatientS3(t, server))
	v := writer.volume(alpha, 1)
	b := writer.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	writer.settle()
	record, err := writer.ExportRecord(t.Context(), admin, b.ID)
	check(t, err)
	server.Intercept(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	_, err = reader.ImportRecord(t.Context(), admin, record)
	check(t, err)
	reader.settle()
	if got := reader.wantBackup(b.ID, driver.BackupError); !strings.Contains(got.FailReason, "store archive did not answer") {
		t.Errorf("reason %q", got.FailReason)
	}
	server.Heal()
	_, err = reader.ImportRecord(t.Context(), admin, record)
	check(t, err)
	reader.settle()
	reader.wantBackup(b.ID, driver.BackupAvailable)
}

// A directory is marked when it is first used, and must be there at every start.
func TestDirectoryStore(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk")
	check(t, os.Mkdir(disk, 0o700))
	r := newRig(t, func(o *Options) { o.Stores = map[string]BackupStore{"disk": {Dir: disk}} })
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Container: "disk"})
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	if id, err := marker.Read(disk); err != nil || id == "" {
		t.Error(id, err)
	}
	away := disk + ".away"
	check(t, os.Rename(disk, away))
	check(t, os.Mkdir(disk, 0o700))
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.settle()
	if got := r.wantBackup(b.ID, driver.BackupError); !strings.Contains(got.FailReason, "The backup store disk is not there") {
		t.Errorf("reason %q", got.FailReason)
	}
	check(t, r.Close())
	if d, err := Open(t.Context(), r.opts); err == nil {
		_ = d.Close()
		t.Fatal("started without the mount")
	}
	check(t, os.Remove(disk))
	check(t, os.Rename(away, disk))
	r.open()
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.settle()
}

// A container that a user named and that cannot be made, for it is somebody else's, must not
// keep the backup from being deleted.
func TestContainerOfSomebodyElse(t *testing.T) {
	server := chunktest.NewS3(t)
	r := newRig(t, withS3(t, server))
	server.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/taken") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Container: "taken"})
	r.settle()
	if got := r.wantBackup(b.ID, driver.BackupError); !strings.Contains(got.FailReason, "container taken") {
		t.Errorf("reason %q", got.FailReason)
	}
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.settle()
	if _, err := r.GetBackup(t.Context(), alpha, b.ID); driver.KindOf(err) != driver.NotFound {
		t.Error(err)
	}
}
