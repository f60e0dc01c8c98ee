//go:build acceptance

package cinder_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/driver/cinder"
	"cindergate/internal/drivertest"
	shared "cindergate/internal/openstack"
)

// TestRealCinder runs the suite of all drivers against a real Cinder at CINDER_URL. Its
// admin logs in at OS_AUTH_URL with OS_PASSWORD. Each subtest has its own projects.
func TestRealCinder(t *testing.T) {
	identity, err := openstack.NewIdentityV3(login(t, "admin", "admin"), gophercloud.EndpointOpts{Region: "RegionOne"})
	check(t, err)
	drivertest.Run(t, func(t *testing.T) drivertest.Backend {
		t.Parallel() // most of the time is spent waiting
		admin, adminStorage := newProject(t, identity, driver.Admin, "admin")
		caller, storage := newProject(t, identity, driver.Member, "member")
		other, otherStorage := newProject(t, identity, driver.Member, "member")
		d, err := cinder.New(cinder.Options{URL: os.Getenv("CINDER_URL"), Options: shared.Options{Name: "real"}})
		check(t, err)
		return drivertest.Backend{
			Driver: d, Caller: caller, OtherCaller: other, AdminCaller: admin,
			Quirks: drivertest.Quirks{AdminOrphans: true, TrustsRecords: true},
			Lacks:  drivertest.Forwarded,
			Settle: func(t *testing.T) { settle(t, storage, adminStorage, otherStorage) },
			Volume: func(t *testing.T, size int) string {
				v, err := volumes.Create(t.Context(), storage, volumes.CreateOpts{Size: size}, nil).Extract()
				check(t, err)
				settle(t, storage)
				return v.ID
			},
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func login(t *testing.T, user, project string) *gophercloud.ProviderClient {
	t.Helper()
	provider, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: os.Getenv("OS_AUTH_URL"), Username: user, Password: os.Getenv("OS_PASSWORD"),
		DomainID: "default", Scope: &gophercloud.AuthScope{ProjectName: project, DomainID: "default"},
	})
	check(t, err)
	return provider
}

// newProject makes a project with one user who has the role in it. At the end it deletes
// the project's backups and volumes.
func newProject(t *testing.T, identity *gophercloud.ServiceClient, as driver.Role, role string) (driver.Caller, *gophercloud.ServiceClient) {
	t.Helper()
	ctx, name := t.Context(), "drivertest-"+uuid.NewString()
	p, err := projects.Create(ctx, identity, projects.CreateOpts{Name: name, DomainID: "default"}).Extract()
	check(t, err)
	u, err := users.Create(ctx, identity, users.CreateOpts{Name: name, DomainID: "default", Password: os.Getenv("OS_PASSWORD")}).Extract()
	check(t, err)
	page, err := roles.List(identity, roles.ListOpts{Name: role}).AllPages(ctx)
	check(t, err)
	found, err := roles.ExtractRoles(page)
	check(t, err)
	check(t, roles.Assign(ctx, identity, found[0].ID, roles.AssignOpts{UserID: u.ID, ProjectID: p.ID}).ExtractErr())
	provider := login(t, name, name)
	storage, err := openstack.NewBlockStorageV3(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
	check(t, err)
	t.Cleanup(func() { empty(t, storage) })
	return driver.Caller{ProjectID: p.ID, UserID: u.ID, Role: as, Token: driver.Token(provider.Token())}, storage
}

// empty deletes the backups, newest first, and the volumes.
func empty(t *testing.T, storage *gophercloud.ServiceClient) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
	defer cancel()
	bs, vs, err := resources(ctx, storage)
	check(t, err)
	for _, b := range bs {
		if err := backups.Delete(ctx, storage, b.ID).ExtractErr(); err != nil {
			t.Log("left behind:", err)
		}
		check(t, untilSettled(ctx, storage))
	}
	for _, v := range vs {
		if err := volumes.Delete(ctx, storage, v.ID, nil).ExtractErr(); err != nil {
			t.Log("left behind:", err)
		}
	}
}

// settle waits until Cinder has finished all work in each of the projects. An import, for
// example, makes a backup in the admin's project.
func settle(t *testing.T, storages ...*gophercloud.ServiceClient) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, storage := range storages {
		check(t, untilSettled(ctx, storage))
	}
}

func untilSettled(ctx context.Context, storage *gophercloud.ServiceClient) error {
	return shared.Until(ctx, clockwork.NewRealClock(), 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		bs, vs, err := resources(ctx, storage)
		for _, b := range bs {
			if changing[b.Status] {
				return false, err
			}
		}
		for _, v := range vs {
			if changing[v.Status] {
				return false, err
			}
		}
		return true, err
	})
}

// changing are the statuses that end by themselves.
var changing = map[string]bool{
	"creating": true, "restoring": true, "restoring-backup": true, "backing-up": true, "deleting": true, "downloading": true,
}

func resources(ctx context.Context, storage *gophercloud.ServiceClient) ([]backups.Backup, []volumes.Volume, error) {
	page, err := backups.ListDetail(storage, nil).AllPages(ctx)
	if err != nil {
		return nil, nil, err
	}
	bs, err := backups.ExtractBackups(page)
	if err != nil {
		return nil, nil, err
	}
	if page, err = volumes.List(storage, nil).AllPages(ctx); err != nil {
		return nil, nil, err
	}
	vs, err := volumes.ExtractVolumes(page)
	return bs, vs, err
}
