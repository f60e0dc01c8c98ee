package cindertest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"

	"cindergate/cindertest"
)

type shownJob struct {
	Action      string  `json:"action"`
	State       string  `json:"state"`
	BackupID    string  `json:"backup_id"`
	VolumeID    string  `json:"volume_id"`
	Host        *string `json:"host"`
	StartedAt   *string `json:"started_at"`
	Done, Total *int64
	Remaining   *int64 `json:"remaining_seconds"`
}

// jobsOf lists jobs as a program does that knows no more than the URL.
func jobsOf(t *testing.T, client *gophercloud.ServiceClient, query string) (page struct {
	Jobs  []shownJob
	Count int
}) {
	t.Helper()
	_, err := client.Get(t.Context(), client.ServiceURL("jobs")+query, &page, nil) //nolint:bodyclose // gophercloud closes it
	check(t, err)
	return page
}

// A tenant sees how far its backup is, and nothing of other projects. When the job has ended, it is gone.
func TestJobs(t *testing.T) {
	t.Parallel()
	c := cindertest.New(t)
	client := c.BlockStorage()
	v := volume(t, client)
	c.WriteVolume(v.ID, 900<<20, []byte("the end"))
	if page := jobsOf(t, client, ""); len(page.Jobs) != 0 {
		t.Fatalf("%+v", page)
	}
	c.Faults.NextJob("backup").AfterShare(0.5).Stick()
	b := backup(t, client, backups.CreateOpts{VolumeID: v.ID})
	c.Settle()
	page := jobsOf(t, client, "")
	if len(page.Jobs) != 1 {
		t.Fatalf("%+v", page)
	}
	j := page.Jobs[0]
	if j.Action != "backup" || j.State != "running" || j.BackupID != b.ID || j.VolumeID != v.ID || j.StartedAt == nil || j.Host != nil {
		t.Fatalf("%+v", j)
	}
	if j.Done == nil || j.Total == nil || *j.Total != 1<<30 || *j.Done < 512<<20 || *j.Done > *j.Total {
		t.Fatalf("the progress is %+v", j)
	}
	alt, admin := c.BlockStorageOf("alt"), c.BlockStorageOf("admin")
	for query, want := range map[string]int{"": 1, "?volume_id=" + v.ID: 1, "?backup_id=" + v.ID: 0, "?state=queued": 0, "?action=backup&limit=1": 1} {
		if got := jobsOf(t, client, query); len(got.Jobs) != want {
			t.Errorf("%q: %+v", query, got)
		}
	}
	if got := jobsOf(t, alt, "?all_tenants=1"); len(got.Jobs) != 0 {
		t.Errorf("another project sees %+v", got)
	}
	if got := jobsOf(t, admin, ""); len(got.Jobs) != 0 {
		t.Errorf("the admin's own project has %+v", got)
	}
	if got := jobsOf(t, admin, "?all_tenants=1"); len(got.Jobs) != 1 || got.Jobs[0].Host == nil {
		t.Errorf("an admin sees %+v", got)
	}
	for query, want := range map[string]string{"?status=x": "Invalid filters status", "?all_tenants=maybe": "maybe", "?marker=" + v.ID: "Job " + v.ID, "?limit=-1": "limit"} {
		_, err := client.Get(t.Context(), client.ServiceURL("jobs")+query, nil, nil) //nolint:bodyclose // gophercloud closes it
		if err == nil || !strings.Contains(err.Error(), want) || gophercloud.ResponseCodeIs(err, http.StatusInternalServerError) {
			t.Errorf("%s: %v", query, err)
		}
	}
	c.Release(b.ID)
	c.Settle()
	if page := jobsOf(t, client, ""); len(page.Jobs) != 0 {
		t.Fatalf("the job has ended: %+v", page)
	}
}
