package cindertest_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"

	"cindergate/cindertest"
)

// day is a backup of a schedule, as the model sees it.
type day struct {
	at    time.Time // in the policy's zone
	chain int       // which full backup it begins with
}

// kept is the definition of keep=7d,4w,12m for daily backups (restic, doc/060_forget.rst): the newest of each
// of the last seven days, four weeks and twelve months that have one; the oldest of all while there are
// fewer; and all that these build on. The oldest one comes first.
func kept(all []day) []day {
	keep := map[int]bool{len(all) - 1: true}
	for period, count := range map[string]int{"2006-01-02": 7, "week": 4, "2006-01": 12} {
		last := map[string]int{}
		for i, d := range all {
			key := d.at.Format(period)
			if period == "week" {
				year, week := d.at.ISOWeek()
				key = fmt.Sprintf("%d-%02d", year, week)
			}
			last[key] = i
		}
		keys := slices.Sorted(maps.Keys(last))
		if len(keys) < count {
			keep[0] = true
		}
		for _, key := range keys[max(len(keys)-count, 0):] {
			keep[last[key]] = true
		}
	}
	var left []day
	for i, d := range all {
		for j := i; j < len(all) && all[j].chain == d.chain; j++ {
			if keep[j] {
				left = append(left, d)
				break
			}
		}
	}
	return left
}

// A year of daily backups with retention, in the time zone of the volume's owner, with days on which clocks
// change. It takes seconds.
func TestAYearOfBackups(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			days := 365
			if zone != "Europe/Berlin" || raced {
				days = 40 // clocks have changed, and chains have gone
			}
			aYear(t, zone, days)
		})
	}
}

func aYear(t *testing.T, zone string, days int) {
	location, err := time.LoadLocation(zone)
	check(t, err)
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, location)
	c := cindertest.New(t, cindertest.At(start))
	client := c.BlockStorage()
	unlimited := -1
	_, err = quotasets.Update(t.Context(), c.BlockStorageOf("admin"), cindertest.ProjectID(cindertest.Demo), quotasets.UpdateOpts{Backups: &unlimited, BackupGigabytes: &unlimited}).Extract()
	check(t, err)
	v, err := volumes.Create(t.Context(), client, volumes.CreateOpts{Size: 1, Metadata: map[string]string{
		"cindergate:backup": "daily 02:30 " + zone + "; full=7; keep=7d,4w,12m"}}, nil).Extract()
	check(t, err)
	c.Settle()

	var model []day
	contents := map[string]uint64{} // by the time of the slot
	for n := 1; n <= days; n++ {
		c.WriteVolume(v.ID, 1<<20, binary.BigEndian.AppendUint64(nil, uint64(n)))
		c.Clock.AdvanceTo(start.AddDate(0, 0, n))
		at := time.Date(start.Year(), start.Month(), start.Day()+n, 2, 30, 0, 0, location)
		if len(model) == 0 || n%7 == 1 {
			model = append(model, day{at, n})
		} else {
			model = append(model, day{at, model[len(model)-1].chain})
		}
		contents[at.Format(time.DateOnly)] = uint64(n)
		model = kept(model)
		if n%5 != 0 && n != days {
			continue
		}
		pages, err := backups.ListDetail(client, backups.ListDetailOpts{}).AllPages(t.Context())
		check(t, err)
		all, err := backups.ExtractBackups(pages)
		check(t, err)
		var got, want []string
		for _, b := range all {
			if b.Status != "available" {
				t.Fatalf("day %d: backup %s is %s: %s", n, b.ID, b.Status, b.FailReason)
			}
			slot, err := time.Parse(time.RFC3339, (*b.Metadata)["cindergate:scheduled"])
			check(t, err)
			got = append(got, slot.In(location).Format(time.DateOnly))
		}
		for _, d := range model {
			want = append(want, d.at.Format(time.DateOnly))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("day %d: there are\n%v\nwant\n%v", n, got, want)
		}
	}
	oldest := model[0].at.Format(time.DateOnly)
	pages, err := backups.ListDetail(client, backups.ListDetailOpts{}).AllPages(t.Context())
	check(t, err)
	all, err := backups.ExtractBackups(pages)
	check(t, err)
	first := slices.MinFunc(all, func(a, b backups.Backup) int { return a.CreatedAt.Compare(b.CreatedAt) })
	restored, err := backups.RestoreFromBackup(t.Context(), client, first.ID, backups.RestoreOpts{}).Extract()
	check(t, err)
	c.Settle()
	if got := binary.BigEndian.Uint64(c.ReadVolume(restored.VolumeID, 1<<20, 8)); got != contents[oldest] {
		t.Errorf("the oldest backup, of %s, has the content of day %d, want %d", oldest, got, contents[oldest])
	}
}
