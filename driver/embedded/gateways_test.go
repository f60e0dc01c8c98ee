package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/database/pgtest"
)

// gateways are rigs that share a database and a backup store. Their jobs run only in settle.
type gateways []*rig

func newGateways(t *testing.T, change ...func(*Options)) gateways {
	t.Helper()
	url, store := pgtest.URL(t), chunktest.NewMemory()
	var all gateways
	for n := range 3 {
		all = append(all, newGateway(t, fmt.Sprint("gw", n), url, store, change...))
	}
	return all
}

func newGateway(t *testing.T, host, url string, store *chunktest.Memory, change ...func(*Options)) *rig {
	t.Helper()
	r := anotherRig(t, append([]func(*Options){func(o *Options) {
		o.Database, o.Host, o.Store, o.Lease = url, host, store, time.Minute
	}}, change...)...)
	r.store = store
	return r
}

// settle runs jobs until no gateway has any.
func (all gateways) settle() {
	for ran := true; ran; {
		ran = false
		for _, g := range all {
			more, err := g.RunOne(g.t.Context())
			check(g.t, err)
			ran = ran || more
		}
	}
}

// at returns the gateway that has a volume.
func (all gateways) at(volumeID string) *rig {
	v := all[0].getVolume(volumeID)
	at := slices.IndexFunc(all, func(g *rig) bool { return core.PoolOf(g.core.Host) == v.Host })
	if at < 0 {
		all[0].t.Fatalf("no gateway has %+v", v)
	}
	return all[at]
}

// Fifty requests at once, at three gateways, make as many volumes as the quota allows.
func TestQuotaRace(t *testing.T) {
	for name, quota := range map[string]map[string]int{
		"volumes":   {driver.QuotaVolumes: 10, driver.QuotaGigabytes: -1},
		"gigabytes": {driver.QuotaVolumes: -1, driver.QuotaGigabytes: 10},
	} {
		t.Run(name, func(t *testing.T) {
			all := newGateways(t, func(o *Options) { o.Quotas = quota })
			var requests sync.WaitGroup
			var mu sync.Mutex
			answers := map[driver.Kind]int{}
			for n := range 50 {
				requests.Go(func() {
					_, err := all[n%len(all)].CreateVolume(t.Context(), alpha, driver.VolumeSpec{Size: 1})
					mu.Lock()
					defer mu.Unlock()
					answers[driver.KindOf(err)]++
					if err != nil && driver.KindOf(err) != driver.OverLimit {
						t.Error(err)
					}
				})
			}
			requests.Wait()
			all.settle()
			files := 0
			for _, g := range all {
				page, err := g.ListVolumes(t.Context(), alpha, driver.Query{Limit: -1})
				check(t, err)
				if len(page.Items) != 10 {
					t.Errorf("%s shows %d volumes", g.core.Host, len(page.Items))
				}
				for _, v := range page.Items {
					if v.Status != core.Available {
						t.Errorf("a volume is %s", v.Status)
					}
				}
				found, err := filepath.Glob(filepath.Join(g.dir, core.VolumesDir, core.VolumePrefix+"*"))
				check(t, err)
				files += len(found)
			}
			if files != 10 || answers[driver.OverLimit] != 40 {
				t.Errorf("there are %d files; the answers are %v", files, answers)
			}
		})
	}
}

// A restore to a volume at another gateway, and one that fails: the file that is replaced is
// removed where it is, and the old data stays there.
func TestRestoreAtAnotherGateway(t *testing.T) {
	all := newGateways(t)
	ctx := t.Context()
	v := all[0].volume(alpha, 1)
	all.settle()
	home := all.at(v.ID)
	away := all[(slices.Index(all, home)+1)%len(all)]
	home.fill(v.ID, 1)
	b := away.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	all.settle()
	backedUp := home.digest(v.ID)
	home.fill(v.ID, 2)
	_, err := away.RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(v.ID))
	check(t, err)
	all.settle()
	away.wantVolume(v.ID, core.Available)
	if home.digest(v.ID) != backedUp {
		t.Fatal("restored bytes differ")
	}
	home.oneFile(v.ID)
	home.fill(v.ID, 3)
	before := home.digest(v.ID)
	home.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: "-00001", Err: fmt.Errorf("away")})
	_, err = away.RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(v.ID))
	check(t, err)
	all.settle()
	away.wantVolume(v.ID, core.ErrorRestoring)
	if home.digest(v.ID) != before {
		t.Fatal("the failed restore has changed the volume")
	}
	home.oneFile(v.ID)
	for _, g := range all {
		if g != home && len(g.filesOf(v.ID)) > 0 {
			t.Errorf("%s has %s", g.core.Host, g.filesOf(v.ID))
		}
	}
}

// A gateway that was paused beyond its lease during a restore wakes after its lease has gone to
// another process of the same directory: as a file system that two gateways share.
func TestPausedRestoreOnPostgreSQL(t *testing.T) {
	r := newGateway(t, "gw", pgtest.URL(t), chunktest.NewMemory())
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.fill(v.ID, 2)
	other, written := r.another(), ""
	r.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: "-00001", Do: func() {
		r.expireLease()
		settleWith(t, other)
		r.fill(v.ID, 3) // the user
		written = r.digest(v.ID)
	}})
	_, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(v.ID))
	check(t, err)
	r.settle()
	r.wantVolume(v.ID, core.Available)
	if written == "" || r.digest(v.ID) != written {
		t.Fatal("the paused worker has changed the volume")
	}
	r.oneFile(v.ID)
}

// Each kind of service that is disabled at a gateway takes no new work there, and the others
// take it.
func TestDrainedGateways(t *testing.T) {
	all := newGateways(t, func(o *Options) { o.Quotas = map[string]int{driver.QuotaVolumes: -1, driver.QuotaBackups: -1} })
	ctx := t.Context()
	var volumes []driver.Volume // one at each gateway
	for len(volumes) < len(all) {
		v := all[0].volume(alpha, 1)
		if at := core.PoolOf(all[len(volumes)].core.Host); all[0].getVolume(v.ID).Host == at {
			volumes = append(volumes, v)
		}
	}
	all.settle()
	first, second := volumes[0], volumes[1]
	b := all[1].backup(alpha, driver.BackupSpec{VolumeID: second.ID})
	all.settle()
	all[1].wantBackup(b.ID, driver.BackupAvailable)

	t.Run(core.VolumeService, func(t *testing.T) {
		all[0].disable(core.VolumeService, true)
		defer all[0].disable(core.VolumeService, false)
		for range 6 {
			if v := all[0].getVolume(all[0].volume(alpha, 1).ID); v.Host == core.PoolOf(all[0].core.Host) {
				t.Fatalf("%s is at the gateway that is disabled", v.ID)
			}
		}
		restore, err := all[0].RestoreBackup(ctx, alpha, b.ID, driver.RestoreTarget{})
		check(t, err)
		clone, err := all[1].CreateVolume(ctx, alpha, driver.VolumeSpec{SourceVolumeID: first.ID})
		check(t, err)
		s, err := all[1].CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: first.ID})
		check(t, err)
		other, err := all[0].CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: second.ID})
		check(t, err)
		check(t, all[1].ActOnVolume(ctx, alpha, first.ID, driver.ExtendVolume{Size: 2}))
		all.settle()
		if v := all[1].wantVolume(restore.VolumeID, core.Available); v.Host == core.PoolOf(all[0].core.Host) {
			t.Error("a backup was restored to a new volume at the gateway that is disabled")
		}
		all[1].wantVolume(clone.ID, core.StatusError) // its source is nowhere else
		if v := all[1].wantVolume(first.ID, core.Available); v.Size != 1 {
			t.Error("a volume of the gateway was extended")
		}
		for id, want := range map[string]string{s.ID: core.StatusError, other.ID: core.Available} {
			got, err := all[2].GetSnapshot(ctx, alpha, id)
			check(t, err)
			if got.Status != want {
				t.Errorf("a snapshot of %s is %s, want %s", got.VolumeID, got.Status, want)
			}
		}
	})
	t.Run(core.BackupService, func(t *testing.T) {
		all[0].disable(core.BackupService, true)
		defer all[0].disable(core.BackupService, false)
		refusedThere := all[1].backup(alpha, driver.BackupSpec{VolumeID: first.ID})
		taken := all[0].backup(alpha, driver.BackupSpec{VolumeID: second.ID})
		_, err := all[1].RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(first.ID))
		refused(t, err, driver.NotFound, "Service cinder-backup could not be found.")
		all.settle()
		if got := all[2].wantBackup(refusedThere.ID, driver.BackupError); got.FailReason != "Service not found for creating backup." {
			t.Error(got.FailReason)
		}
		all[2].wantBackup(taken.ID, driver.BackupAvailable)
		all[1].disable(core.BackupService, true)
		all[2].disable(core.BackupService, true)
		defer all[1].disable(core.BackupService, false)
		defer all[2].disable(core.BackupService, false)
		refused(t, all[1].DeleteBackup(ctx, alpha, taken.ID), driver.NotFound, "Service cinder-backup could not be found.")
	})
	t.Run(core.SchedulerService, func(t *testing.T) {
		all[0].disable(core.SchedulerService, true)
		v := all[0].volume(alpha, 1)
		all.settle()
		all[1].wantVolume(v.ID, core.Available) // another scheduler takes it
		all[1].disable(core.SchedulerService, true)
		all[2].disable(core.SchedulerService, true)
		all[2].wantVolume(all[0].volume(alpha, 1).ID, core.StatusError)
		s, err := all[0].CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: second.ID})
		check(t, err)
		got, err := all[1].GetSnapshot(ctx, alpha, s.ID)
		check(t, err)
		if got.Status != core.StatusError {
			t.Errorf("a snapshot is %s", got.Status)
		}
	})
}

// PostgreSQL stores no character U+0000: such a text is the client's mistake, wherever it is, and an
// id that has one is unknown.
func TestTextsThatPostgreSQLDoesNotTake(t *testing.T) {
	r := newGateways(t)[0]
	ctx, bad := t.Context(), "a\x00b"
	v := r.volume(alpha, 1)
	r.settle()
	for name, err := range map[string]error{
		"name of a volume": func() error {
			_, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{Name: &bad, Size: 1})
			return err
		}(),
		"name of a backup": func() error {
			_, err := r.CreateBackup(ctx, alpha, driver.BackupSpec{VolumeID: v.ID, Name: &bad})
			return err
		}(),
		"description": func() error {
			_, err := r.UpdateVolume(ctx, alpha, v.ID, driver.VolumePatch{Description: driver.Some(&bad)})
			return err
		}(),
	} {
		if driver.KindOf(err) != driver.InvalidInput {
			t.Errorf("%s: %v (kind %d)", name, err, driver.KindOf(err))
		}
	}
	if _, err := r.GetBackup(ctx, alpha, bad); driver.KindOf(err) != driver.NotFound {
		t.Errorf("an id: %v", err)
	}
	if err := r.DeleteVolume(ctx, alpha, "\xff", driver.VolumeDelete{}); driver.KindOf(err) != driver.NotFound {
		t.Errorf("an id that is not UTF-8: %v", err)
	}
	if _, err := r.UpdateVolume(ctx, alpha, v.ID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Set: map[string]string{"k": bad}})}); err != nil {
		t.Errorf("metadata are stored as JSON, which escapes it: %v", err)
	}
}

// Gateways that share a file system work on each other's volumes, and one that starts meanwhile
// touches no file.
func TestSharedVolumes(t *testing.T) {
	shared := t.TempDir()
	all := newGateways(t, func(o *Options) { o.SharedVolumes = shared })
	a, b, c := all[0], all[1], all[2]
	v := a.volume(alpha, 1)
	if ran, err := b.RunOne(t.Context()); err != nil || !ran {
		t.Fatalf("another gateway does not make the volume's file: %v", err)
	}
	if got := a.getVolume(v.ID); got.Status != core.Available || got.Host != core.PoolOf(core.SharedHost) {
		t.Fatalf("%+v", got)
	}
	a.fill(v.ID, 1)
	want := b.digest(v.ID)
	full := b.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	check(t, runOnly(c))
	a.wantBackup(full.ID, driver.BackupAvailable)
	check(t, a.ActOnVolume(t.Context(), alpha, v.ID, driver.ExtendVolume{Size: 2}))
	if got := b.getVolume(v.ID); got.Status != core.Extending || got.Size != 2 {
		t.Fatalf("%+v", got)
	}
	check(t, runOnly(b))
	restore, err := c.RestoreBackup(t.Context(), alpha, full.ID, driver.RestoreTarget{})
	check(t, err)
	stray := filepath.Join(shared, core.VolumesDir, core.VolumePrefix+restore.VolumeID) // which a running job of another gateway makes
	check(t, os.WriteFile(stray, nil, 0o600))
	b.reopen()
	if _, err := os.Stat(stray); err != nil {
		t.Errorf("a start touches the file of a job: %v", err)
	}
	all.settle()
	if got := a.digest(restore.VolumeID); got != want {
		t.Error("the restored volume has other bytes")
	}
	pools, err := a.Pools(t.Context(), admin)
	if err != nil || len(pools) != 1 || pools[0].AllocatedCapacityGB != 3 {
		t.Errorf("%+v, %v", pools, err)
	}
	late := Options{unit: small, DataDir: t.TempDir(), Database: a.opts.Database, Host: "late", Store: a.store, SharedVolumes: filepath.Join(t.TempDir(), "not mounted")}
	if d, err := Open(t.Context(), late); err == nil || !strings.Contains(err.Error(), "is it mounted?") {
		t.Errorf("a new gateway without the file system starts: %v", err)
		if d != nil {
			check(t, d.Close())
		}
	}
}

// runOnly runs all jobs that a gateway can run.
func runOnly(g *rig) error {
	for {
		if ran, err := g.RunOne(g.t.Context()); err != nil || !ran {
			return err
		}
	}
}

// A gateway is known by its name and its directory. Neither goes with another one.
func TestGatewaysAreWhatTheySay(t *testing.T) {
	r := newGateways(t)[0]
	for name, o := range map[string]Options{
		"a second gateway of the name": {DataDir: t.TempDir(), Host: "gw0"},
		"another name":                 {DataDir: r.dir, Host: "other"},
		"a directory that is lost":     {DataDir: emptied(t, r), Host: "gw0"},
		"the name of all":              {DataDir: t.TempDir(), Host: core.SharedHost},
		"a store of its own":           {DataDir: t.TempDir(), Host: "new"},
	} {
		o.unit, o.Database = small, r.opts.Database
		if name != "a store of its own" {
			o.Store = r.store
		}
		d, err := Open(t.Context(), o)
		if err == nil {
			check(t, d.Close())
		}
		if err == nil || !strings.Contains(err.Error(), map[string]string{
			"a second gateway of the name": "a name of its own", "another name": "the directory of the gateway gw0", "a directory that is lost": "is it mounted?",
			"the name of all": "stands for all", "a store of its own": "default_store",
		}[name]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.open()
	all, err := r.Services(t.Context(), admin)
	if err != nil || len(all) != 9 {
		t.Errorf("%d services, %v", len(all), err)
	}
}

// emptied stops a gateway and returns a directory as one that is not mounted.
func emptied(t *testing.T, r *rig) string {
	t.Helper()
	check(t, r.Close())
	return t.TempDir()
}
