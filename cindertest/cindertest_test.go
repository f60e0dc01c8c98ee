package cindertest_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"

	"cindergate/cindertest"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func volume(t testing.TB, client *gophercloud.ServiceClient) *volumes.Volume {
	t.Helper()
	v, err := volumes.Create(t.Context(), client, volumes.CreateOpts{Name: "data", Size: 1}, nil).Extract()
	check(t, err)
	return v
}

func backup(t testing.TB, client *gophercloud.ServiceClient, o backups.CreateOpts) *backups.Backup {
	t.Helper()
	b, err := backups.Create(t.Context(), client, o).Extract()
	check(t, err)
	return b
}

func backupStatus(t testing.TB, client *gophercloud.ServiceClient, id string) string {
	t.Helper()
	b, err := backups.Get(t.Context(), client, id).Extract()
	check(t, err)
	return b.Status
}

// A volume is backed up and restored, with its bytes, at times of the test's clock.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	client := c.BlockStorage()
	v := volume(t, client)
	if !v.CreatedAt.Equal(cindertest.Start) {
		t.Errorf("created_at is %s", v.CreatedAt)
	}
	text := []byte("the quick brown fox")
	c.WriteVolume(v.ID, 5000, text)
	b := backup(t, client, backups.CreateOpts{VolumeID: v.ID, Name: "b"})
	c.Settle()
	if status := backupStatus(t, client, b.ID); status != "available" {
		t.Fatal(status)
	}
	c.WriteVolume(v.ID, 5000, bytes.ToUpper(text))
	c.Clock.Advance(36 * time.Hour)
	_, err := backups.RestoreFromBackup(t.Context(), client, b.ID, backups.RestoreOpts{VolumeID: v.ID}).Extract()
	check(t, err)
	c.Settle()
	if got := c.ReadVolume(v.ID, 5000, len(text)); !bytes.Equal(got, text) {
		t.Fatalf("%q", got)
	}
	v, err = volumes.Get(t.Context(), client, v.ID).Extract()
	check(t, err)
	if !v.UpdatedAt.Equal(cindertest.Start.Add(36 * time.Hour)) {
		t.Errorf("updated_at is %s", v.UpdatedAt)
	}
}

// The listener of clients has nothing of the harness.
func TestControlIsNotPublic(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	for _, path := range []string{"/harness/v1/clock", "/harness", "/v3/harness/v1/clock", "/identity/harness/v1/clock"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+path, nil)
		check(t, err)
		r.Header.Set("X-Auth-Token", c.Provider(cindertest.Admin).Token())
		answer, err := http.DefaultClient.Do(r)
		check(t, err)
		check(t, answer.Body.Close())
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		_ = cindertest.New(b)
	}
}
