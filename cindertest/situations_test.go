package cindertest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/jonboulle/clockwork"

	"cindergate/cindertest"
)

var errTimeout = errors.New("the backup was not finished in time")

// await polls a backup as programs do: once in pause, for at most limit. move lets the time pass.
func await(ctx context.Context, client *gophercloud.ServiceClient, id string, clock clockwork.Clock, pause, limit time.Duration, move func(time.Duration)) (string, error) {
	for began := clock.Now(); ; move(pause) {
		b, err := backups.Get(ctx, client, id).Extract()
		switch {
		case err != nil:
			return "", err
		case b.Status != "creating" && b.Status != "restoring":
			return b.Status, nil
		case clock.Since(began) >= limit:
			return b.Status, errTimeout
		}
	}
}

// A backup stays in creating for an hour. The client gives up after 30 minutes; when the cloud
// goes on, the backup is finished all the same.
func TestBackupStuckForAnHour(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	client := c.BlockStorage()
	v := volume(t, client)
	c.Faults.NextJob("backup").Stick()
	b := backup(t, client, backups.CreateOpts{VolumeID: v.ID})
	status, err := await(t.Context(), client, b.ID, c.Clock.Clockwork(), 10*time.Second, 30*time.Minute, c.Clock.Advance)
	if !errors.Is(err, errTimeout) || status != "creating" {
		t.Fatalf("%s, %v", status, err)
	}
	c.Clock.Advance(30 * time.Minute) // no lease expires meanwhile
	if status := backupStatus(t, client, b.ID); status != "creating" {
		t.Fatal(status)
	}
	if n := c.Release(b.ID); n != 1 {
		t.Fatalf("%d jobs were held", n)
	}
	c.Settle()
	got, err := backups.Get(t.Context(), client, b.ID).Extract()
	check(t, err)
	if got.Status != "available" || got.UpdatedAt.Sub(got.CreatedAt) != time.Hour {
		t.Fatalf("%s after %s", got.Status, got.UpdatedAt.Sub(got.CreatedAt))
	}
}

// A client is told to slow down, waits for as long as it is told, and succeeds.
func TestRateLimitThenSuccess(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	client := c.BlockStorage()
	v := volume(t, client)
	c.Faults.Next("POST /backups").Times(2).RetryAfter(7 * time.Second)
	var id string
	for id == "" {
		created, err := backups.Create(t.Context(), client, backups.CreateOpts{VolumeID: v.ID}).Extract()
		var refused gophercloud.ErrUnexpectedResponseCode
		switch {
		case err == nil:
			id = created.ID
		case errors.As(err, &refused) && refused.Actual == http.StatusRequestEntityTooLarge:
			pause, err := strconv.Atoi(refused.ResponseHeader.Get("Retry-After"))
			check(t, err)
			if !bytes.Contains(refused.Body, []byte(`"overLimitFault"`)) {
				t.Fatalf("%s", refused.Body)
			}
			c.Clock.Advance(time.Duration(pause) * time.Second)
		default:
			t.Fatal(err)
		}
	}
	created, err := backups.Get(t.Context(), client, id).Extract()
	check(t, err)
	if waited := created.CreatedAt.Sub(cindertest.Start); waited != 14*time.Second {
		t.Fatalf("the backup was made after %s", waited)
	}
	if asked := c.Requests(cindertest.Filter{Method: "POST", Route: "/backups"}); len(asked) != 3 || asked[0].Status != 413 || asked[2].Status != 202 {
		t.Fatalf("%d requests", len(asked))
	}
}

// A restore fails when 80 % of the volume are written. The volume keeps its data.
func TestRestoreFailsAt80Percent(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	client := c.BlockStorage()
	v := volume(t, client)
	c.WriteVolume(v.ID, 0, []byte("monday"))
	c.WriteVolume(v.ID, 900<<20, []byte("the end"))
	b := backup(t, client, backups.CreateOpts{VolumeID: v.ID})
	c.Settle()
	c.WriteVolume(v.ID, 0, []byte("friday"))
	c.Faults.NextJob("restore").AfterShare(0.8).FailJob("The power went out.")
	restore := func() string {
		_, err := backups.RestoreFromBackup(t.Context(), client, b.ID, backups.RestoreOpts{VolumeID: v.ID}).Extract()
		check(t, err)
		c.Settle()
		after, err := volumes.Get(t.Context(), client, v.ID).Extract()
		check(t, err)
		return after.Status
	}
	if status := restore(); status != "error_restoring" {
		t.Fatal(status)
	}
	if got := c.ReadVolume(v.ID, 0, 6); string(got) != "friday" {
		t.Fatalf("%q", got)
	}
	if status := backupStatus(t, client, b.ID); status != "available" {
		t.Fatal(status)
	}
	check(t, volumes.ResetStatus(t.Context(), c.BlockStorageOf(cindertest.Admin), v.ID, volumes.ResetStatusOpts{Status: "available"}).ExtractErr())
	if status := restore(); status != "available" {
		t.Fatal(status)
	}
	if got := c.ReadVolume(v.ID, 0, 6); string(got) != "monday" {
		t.Fatalf("%q", got)
	}
}

// A token ends while a client polls. A client that logs in again does not notice; one that does
// not gets 401.
func TestTokenEndsInMidPoll(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	client := c.BlockStorage()
	o := c.AuthOptions(cindertest.Demo)
	o.AllowReauth = false
	provider, err := openstack.AuthenticatedClient(t.Context(), o)
	check(t, err)
	naive, err := openstack.NewBlockStorageV3(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
	check(t, err)
	v := volume(t, client)
	c.SetTransition("backup.creating", cindertest.Transition{Progression: cindertest.Timed, Duration: cindertest.Duration(90 * time.Minute)})
	b := backup(t, client, backups.CreateOpts{VolumeID: v.ID})
	poll := func(client *gophercloud.ServiceClient) (string, error) {
		return await(t.Context(), client, b.ID, c.Clock.Clockwork(), 5*time.Minute, 3*time.Hour, c.Clock.Advance)
	}
	if _, err := poll(naive); !gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
		t.Fatalf("the token still works after %s: %v", c.Clock.Now().Sub(cindertest.Start), err)
	}
	if at := c.Clock.Now().Sub(cindertest.Start); at < time.Hour || at > 70*time.Minute {
		t.Fatalf("the token ended after %s", at)
	}
	if status, err := poll(client); err != nil || status != "available" {
		t.Fatalf("%s, %v", status, err)
	}
}

// Thirty days of incremental backups: each day's change is in that day's backup. Those older than
// a week go, which the API allows only from the end of a chain.
func TestMonthOfIncrementals(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	client := c.BlockStorage()
	v := volume(t, client)
	_, err := quotasets.Update(t.Context(), c.BlockStorageOf(cindertest.Admin), cindertest.ProjectID("demo"),
		quotasets.UpdateOpts{Backups: new(30)}).Extract()
	check(t, err)
	var chain []string
	for day := range 30 {
		c.WriteVolume(v.ID, int64(day)<<20, fmt.Appendf(nil, "day %02d", day))
		b := backup(t, client, backups.CreateOpts{VolumeID: v.ID, Incremental: day%10 > 0, Name: fmt.Sprint("day ", day)})
		c.Clock.Advance(24 * time.Hour)
		chain = append(chain, b.ID)
	}
	last, err := backups.Get(t.Context(), client, chain[29]).Extract()
	check(t, err)
	if last.Status != "available" || !last.IsIncremental || !last.CreatedAt.Equal(cindertest.Start.Add(29*24*time.Hour)) {
		t.Fatalf("%+v", last)
	}
	// Retention: the first two chains, of ten days each, from their ends.
	for day := 19; day >= 0; day-- {
		check(t, backups.Delete(t.Context(), client, chain[day]).ExtractErr())
		c.Settle()
	}
	pages, err := backups.List(client, nil).AllPages(t.Context())
	check(t, err)
	kept, err := backups.ExtractBackups(pages)
	check(t, err)
	if len(kept) != 10 {
		t.Fatalf("%d backups are left", len(kept))
	}
	r, err := backups.RestoreFromBackup(t.Context(), client, chain[29], backups.RestoreOpts{Name: "again"}).Extract()
	check(t, err)
	c.Settle()
	for day := range 30 {
		if got, want := string(c.ReadVolume(r.VolumeID, int64(day)<<20, 6)), fmt.Sprintf("day %02d", day); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}
