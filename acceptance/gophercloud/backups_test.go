//go:build acceptance

// Package gophercloud tests the gateway with gophercloud: every function of its packages
// blockstorage/v2/backups and v3/backups.
package gophercloud

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/apiversions"
	backupsv2 "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v2/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/availabilityzones"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/snapshots"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumetypes"
)

// deadline bounds every wait. Against the embedded backend nothing takes more than a second
// or two; a real Cinder is slower.
const deadline = 5 * time.Minute

func login(t *testing.T, user, project string) *gophercloud.ProviderClient {
	t.Helper()
	provider, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: os.Getenv("OS_AUTH_URL"), Username: user, Password: os.Getenv("OS_PASSWORD"),
		TenantName: project, DomainName: "Default", AllowReauth: true,
	})
	if err != nil {
		t.Fatal("log in:", err)
	}
	return provider
}

func client(t *testing.T, user, project, microversion string) *gophercloud.ServiceClient {
	t.Helper()
	c, err := openstack.NewBlockStorageV3(login(t, user, project), gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")})
	if err != nil {
		t.Fatal(err)
	}
	c.Microversion = microversion
	return c
}

// newVolume makes a volume whose first bytes are random.
func newVolume(t *testing.T, c *gophercloud.ServiceClient, name string) string {
	t.Helper()
	v, err := volumes.Create(t.Context(), c, volumes.CreateOpts{Size: 1, Name: name}, nil).Extract()
	if err != nil {
		t.Fatal("create volume:", err)
	}
	waitVolume(t, c, v.ID)
	noise := make([]byte, 1<<20)
	rand.Read(noise) //nolint:errcheck // never fails
	f, err := os.OpenFile(file(t, v.ID), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(noise, 12345); err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// file returns the path of a volume's file. Its name ends in the attempt that has written it,
// if that was not the first one.
func file(t *testing.T, volumeID string) string {
	t.Helper()
	var found []string
	until(t, func(context.Context) bool { // the old file is removed soon after a restore
		var err error
		if found, err = filepath.Glob(filepath.Join(os.Getenv("OS_VOLUME_DIR"), "volume-"+volumeID+"*")); err != nil {
			t.Fatal(err)
		}
		return len(found) == 1
	})
	return found[0]
}

func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cmp", file(t, a), file(t, b)).CombinedOutput(); err != nil {
		t.Fatalf("volumes %s and %s differ: %s", a, b, out)
	}
}

// until calls done repeatedly until it reports true.
func until(t *testing.T, done func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !done(ctx) {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("nothing happens")
		}
	}
}

func waitVolume(t *testing.T, c *gophercloud.ServiceClient, id string) {
	t.Helper()
	until(t, func(ctx context.Context) bool {
		v, err := volumes.Get(ctx, c, id).Extract()
		if err != nil {
			t.Fatal(err)
		}
		if v.Status == "error" || v.Status == "error_restoring" {
			t.Fatalf("volume %s is %s", id, v.Status)
		}
		return v.Status == "available"
	})
}

func waitBackup(t *testing.T, c *gophercloud.ServiceClient, id, status string) (b *backups.Backup) {
	t.Helper()
	until(t, func(ctx context.Context) bool {
		var err error
		if b, err = backups.Get(ctx, c, id).Extract(); err != nil {
			t.Fatal(err)
		}
		if b.Status == "error" && status != "error" {
			t.Fatalf("backup %s: %s", id, b.FailReason)
		}
		return b.Status == status
	})
	return b
}

func waitGone(t *testing.T, c *gophercloud.ServiceClient, id string) {
	t.Helper()
	until(t, func(ctx context.Context) bool {
		_, err := backups.Get(ctx, c, id).Extract()
		if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			t.Fatal(err)
		}
		return err != nil
	})
}

// enveloped adds the member "backup", which backups.UpdateOpts omits, around the body.
type enveloped struct{ backups.UpdateOpts }

func (o enveloped) ToBackupUpdateMap() (map[string]any, error) {
	return gophercloud.BuildRequestBody(o.UpdateOpts, "backup")
}

func TestV3Backups(t *testing.T) {
	ctx := t.Context()
	c := client(t, "rec", "rec", "3.70")
	admin := client(t, "rec-admin", "rec", "3.70")
	volumeID := newVolume(t, c, "source")

	b, err := backups.Create(ctx, c, backups.CreateOpts{
		VolumeID: volumeID, Name: "g1", Description: "by gophercloud", Metadata: map[string]string{"a": "b"}, Force: true,
	}).Extract()
	if err != nil {
		t.Fatal("Create:", err)
	}
	full := waitBackup(t, c, b.ID, "available")
	switch {
	case full.VolumeID != volumeID, full.Size != 1, full.IsIncremental, full.HasDependentBackups,
		full.CreatedAt.IsZero(), full.DataTimestamp.IsZero(), (*full.Metadata)["a"] != "b", full.Description != "by gophercloud":
		t.Fatalf("Get: %+v", full)
	}
	b, err = backups.Create(ctx, c, backups.CreateOpts{VolumeID: volumeID, Name: "g2", Incremental: true}).Extract()
	if err != nil {
		t.Fatal("Create incremental:", err)
	}
	incremental := waitBackup(t, c, b.ID, "available")
	if !incremental.IsIncremental {
		t.Fatalf("not incremental: %+v", incremental)
	}

	pages, err := backups.List(c, backups.ListOpts{Limit: 1, Sort: "created_at:asc"}).AllPages(ctx)
	if err != nil {
		t.Fatal("List:", err)
	}
	listed, err := backups.ExtractBackups(pages)
	if err != nil || len(listed) != 2 || listed[0].ID != full.ID {
		t.Fatalf("List: %v %+v", err, listed)
	}
	pages, err = backups.ListDetail(c, backups.ListDetailOpts{WithCount: true, Sort: "name:desc"}).AllPages(ctx)
	if err != nil {
		t.Fatal("ListDetail:", err)
	}
	var detailed []backups.Backup
	if err := backups.ExtractBackupsInto(pages, &detailed); err != nil || len(detailed) != 2 || detailed[0].Name != "g2" {
		t.Fatalf("ListDetail: %v %+v", err, detailed)
	}
	pages, err = backups.List(c, backups.ListOpts{Name: "g1", Status: "available", VolumeID: volumeID}).AllPages(ctx)
	if listed, _ = backups.ExtractBackups(pages); err != nil || len(listed) != 1 {
		t.Fatalf("List by name: %v %+v", err, listed)
	}

	name, description := "g1b", "renamed"
	opts := backups.UpdateOpts{Name: &name, Description: &description, Metadata: map[string]string{"c": "d"}}
	if _, err := backups.Update(ctx, c, full.ID, opts).Extract(); !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		t.Fatalf("Update without envelope: %v, want Cinder's 400", err)
	}
	updated, err := backups.Update(ctx, c, full.ID, enveloped{opts}).Extract()
	if err != nil || updated.Name != name {
		t.Fatalf("Update: %v %+v", err, updated)
	}

	restore, err := backups.RestoreFromBackup(ctx, c, full.ID, backups.RestoreOpts{Name: "by-name"}).Extract()
	if err != nil || restore.VolumeName != "by-name" || restore.BackupID != full.ID {
		t.Fatalf("RestoreFromBackup by name: %v %+v", err, restore)
	}
	waitBackup(t, c, full.ID, "available")
	waitVolume(t, c, restore.VolumeID)
	sameBytes(t, volumeID, restore.VolumeID)
	again, err := backups.RestoreFromBackup(ctx, c, incremental.ID, backups.RestoreOpts{VolumeID: restore.VolumeID, Name: "ignored"}).Extract()
	if err != nil || again.VolumeID != restore.VolumeID || again.VolumeName != "by-name" {
		t.Fatalf("RestoreFromBackup to a volume: %v %+v", err, again)
	}
	waitBackup(t, c, incremental.ID, "available")
	waitVolume(t, c, restore.VolumeID)
	sameBytes(t, volumeID, restore.VolumeID)
	neither, err := backups.RestoreFromBackup(ctx, c, full.ID, backups.RestoreOpts{}).Extract()
	if err != nil || neither.VolumeName != "restore_backup_"+full.ID {
		t.Fatalf("RestoreFromBackup with neither: %v %+v", err, neither)
	}
	waitBackup(t, c, full.ID, "available")
	waitVolume(t, c, neither.VolumeID)

	v, err := volumes.Create(ctx, c, volumes.CreateOpts{BackupID: full.ID, Name: "from-backup"}, nil).Extract()
	if err != nil || v.Size != 1 {
		t.Fatalf("volumes.Create from backup: %v %+v", err, v)
	}
	waitVolume(t, c, v.ID)
	sameBytes(t, volumeID, v.ID)

	if _, err := backups.Export(ctx, c, full.ID).Extract(); !gophercloud.ResponseCodeIs(err, http.StatusForbidden) {
		t.Fatalf("Export as a member: %v", err)
	}
	record, err := backups.Export(ctx, admin, incremental.ID).Extract()
	if err != nil {
		t.Fatal("Export:", err)
	}
	if err := backups.Delete(ctx, c, full.ID).ExtractErr(); !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		t.Fatalf("Delete of a parent: %v", err)
	}
	if _, err := backups.Import(ctx, admin, backups.ImportOpts(*record)).Extract(); !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		t.Fatalf("Import of what is there: %v", err)
	}
	if err := backups.Delete(ctx, c, incremental.ID).ExtractErr(); err != nil {
		t.Fatal("Delete:", err)
	}
	waitGone(t, c, incremental.ID)
	// The delete removed the data, but the record can still be imported. The embedded
	// backend reports the missing data; Cinder does not check.
	imported, err := backups.Import(ctx, admin, backups.ImportOpts(*record)).Extract()
	if err != nil || imported.ID != incremental.ID {
		t.Fatalf("Import: %v %+v", err, imported)
	}
	if os.Getenv("STAGE") != "" {
		waitBackup(t, c, imported.ID, "available")
	} else if failed := waitBackup(t, c, imported.ID, "error"); failed.FailReason == "" {
		t.Fatalf("import without data: %+v", failed)
	}
	if err := backups.ResetStatus(ctx, admin, full.ID, backups.ResetStatusOpts{Status: "error"}).ExtractErr(); err != nil {
		t.Fatal("ResetStatus:", err)
	}
	if err := backups.Delete(ctx, c, imported.ID).ExtractErr(); err != nil {
		t.Fatal("Delete:", err)
	}
	waitGone(t, c, imported.ID)
	if err := backups.ForceDelete(ctx, admin, full.ID).ExtractErr(); err != nil {
		t.Fatal("ForceDelete:", err)
	}
	waitGone(t, c, full.ID)
}

func TestV2Backups(t *testing.T) {
	ctx := t.Context()
	provider := login(t, "cli", "cli")
	c, err := openstack.NewBlockStorageV2(provider, gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")})
	if err != nil {
		t.Fatal(err)
	}
	v3 := client(t, "cli", "cli", "")
	admin, err := openstack.NewBlockStorageV2(login(t, "cli-admin", "cli"), gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")})
	if err != nil {
		t.Fatal(err)
	}
	volumeID := newVolume(t, v3, "source")
	b, err := backupsv2.Create(ctx, c, backupsv2.CreateOpts{VolumeID: volumeID, Name: "v2"}).Extract()
	if err != nil {
		t.Fatal("Create:", err)
	}
	waitBackup(t, v3, b.ID, "available")
	shown, err := backupsv2.Get(ctx, c, b.ID).Extract()
	if err != nil || shown.Metadata != nil || shown.Size != 1 {
		t.Fatalf("Get: %v %+v", err, shown)
	}
	for what, pager := range map[string]func() (int, error){
		"List": func() (int, error) {
			pages, err := backupsv2.List(c, backupsv2.ListOpts{}).AllPages(ctx)
			if err != nil {
				return 0, err
			}
			all, err := backupsv2.ExtractBackups(pages)
			return len(all), err
		},
		"ListDetail": func() (int, error) {
			pages, err := backupsv2.ListDetail(c, backupsv2.ListDetailOpts{}).AllPages(ctx)
			if err != nil {
				return 0, err
			}
			var all []backupsv2.Backup
			err = backupsv2.ExtractBackupsInto(pages, &all)
			return len(all), err
		},
	} {
		if n, err := pager(); n != 1 || err != nil {
			t.Fatalf("%s: %d %v", what, n, err)
		}
	}
	if _, err := backupsv2.Create(ctx, c, backupsv2.CreateOpts{
		VolumeID: volumeID, Metadata: map[string]string{"a": "b"},
	}).Extract(); !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		t.Fatalf("Create with metadata by v2: %v", err)
	}
	name := "no"
	if _, err := backupsv2.Update(ctx, c, b.ID, backupsv2.UpdateOpts{Name: &name}).Extract(); !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		t.Fatalf("Update by v2: %v", err)
	}
	restore, err := backupsv2.RestoreFromBackup(ctx, c, b.ID, backupsv2.RestoreOpts{Name: "v2-restored"}).Extract()
	if err != nil || restore.VolumeName != "v2-restored" {
		t.Fatalf("RestoreFromBackup: %v %+v", err, restore)
	}
	waitBackup(t, v3, b.ID, "available")
	waitVolume(t, v3, restore.VolumeID)
	sameBytes(t, volumeID, restore.VolumeID)
	record, err := backupsv2.Export(ctx, admin, b.ID).Extract()
	if err != nil {
		t.Fatal("Export:", err)
	}
	if _, err := backupsv2.Import(ctx, admin, backupsv2.ImportOpts(*record)).Extract(); !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		t.Fatalf("Import of what is there: %v", err)
	}
	if err := backupsv2.ResetStatus(ctx, admin, b.ID, backupsv2.ResetStatusOpts{Status: "error"}).ExtractErr(); err != nil {
		t.Fatal("ResetStatus:", err)
	}
	if err := backupsv2.Delete(ctx, c, b.ID).ExtractErr(); err != nil {
		t.Fatal("Delete:", err)
	}
	waitGone(t, v3, b.ID)
	b, err = backupsv2.Create(ctx, c, backupsv2.CreateOpts{VolumeID: volumeID}).Extract()
	if err != nil {
		t.Fatal("Create:", err)
	}
	if err := backupsv2.ForceDelete(ctx, admin, b.ID).ExtractErr(); err != nil {
		t.Fatal("ForceDelete while it runs:", err)
	}
	waitGone(t, v3, b.ID)
	waitVolume(t, v3, volumeID)
}

func TestAround(t *testing.T) {
	ctx := t.Context()
	c := client(t, "other", "other", "3.60")
	admin := client(t, "admin", "admin", "3.60")
	pages, err := apiversions.List(c).AllPages(ctx)
	if err != nil {
		t.Fatal("apiversions.List:", err)
	}
	versions, err := apiversions.ExtractAPIVersions(pages)
	if err != nil || len(versions) == 0 {
		t.Fatalf("apiversions: %v %+v", err, versions)
	}
	volumeID := newVolume(t, c, "around")
	snapshot, err := snapshots.Create(ctx, c, snapshots.CreateOpts{VolumeID: volumeID, Name: "s"}).Extract()
	if err != nil {
		t.Fatal("snapshots.Create:", err)
	}
	wait, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := snapshots.WaitForStatus(wait, c, snapshot.ID, "available"); err != nil {
		t.Fatal(err)
	}
	from, err := volumes.Create(ctx, c, volumes.CreateOpts{SnapshotID: snapshot.ID, Name: "from-snapshot"}, nil).Extract()
	if err != nil {
		t.Fatal("volumes.Create from snapshot:", err)
	}
	waitVolume(t, c, from.ID)
	sameBytes(t, volumeID, from.ID)
	if err := volumes.ExtendSize(ctx, c, from.ID, volumes.ExtendSizeOpts{NewSize: 2}).ExtractErr(); err != nil {
		t.Fatal("volumes.ExtendSize:", err)
	}
	waitVolume(t, c, from.ID)
	if _, err := quotasets.GetUsage(ctx, c, project(t, c)).Extract(); err != nil {
		t.Fatal("quotasets.GetUsage:", err)
	}
	if _, err := quotasets.Update(ctx, admin, project(t, c), quotasets.UpdateOpts{Backups: gophercloud.IntToPointer(3)}).Extract(); err != nil {
		t.Fatal("quotasets.Update:", err)
	}
	if l, err := limits.Get(ctx, c).Extract(); err != nil || l.Absolute.MaxTotalBackups != 3 || l.Absolute.TotalVolumesUsed != 2 {
		t.Fatalf("limits.Get: %v %+v", err, l)
	}
	if _, err := availabilityzones.List(c).AllPages(ctx); err != nil {
		t.Fatal("availabilityzones.List:", err)
	}
	if _, err := volumetypes.List(c, nil).AllPages(ctx); err != nil {
		t.Fatal("volumetypes.List:", err)
	}
	if _, err := services.List(admin, nil).AllPages(ctx); err != nil {
		t.Fatal("services.List:", err)
	}
}

func project(t *testing.T, c *gophercloud.ServiceClient) string {
	t.Helper()
	// The endpoint ends in …/v3/PROJECT/.
	return filepath.Base(filepath.Clean(c.Endpoint))
}
