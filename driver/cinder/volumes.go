package cinder

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

var _ driver.Schedulable = (*Driver)(nil)

// volumePage is how many volumes one request asks for. Cinder's osapi_max_limit may make it fewer.
const volumePage = 1000

// AllVolumes implements driver.Schedulable. It lists the oldest volumes first, so that new ones shift no
// page. Cinder's answer has a link to the next page if it is full (cinder/api/common.py
// ViewBuilder._get_collection_links), whatever limit it goes by.
func (d *Driver) AllVolumes(ctx context.Context, caller driver.Caller) ([]driver.Volume, error) {
	var all []driver.Volume
	seen := map[string]bool{}
	for marker := ""; ; {
		page := url.Values{"limit": {strconv.Itoa(volumePage)}, "sort": {"created_at:asc,id:asc"}}
		if marker != "" {
			page.Set("marker", marker)
		}
		var answer struct {
			Volumes []openstack.Volume `json:"volumes"`
			Links   []struct{}         `json:"volumes_links"`
		}
		if err := d.call(ctx, caller, http.MethodGet, "/volumes/detail?"+page.Encode(), nil, &answer, http.StatusOK); err != nil {
			return nil, err
		}
		if answer.Volumes == nil {
			return nil, d.unreadable("volumes")
		}
		before := len(all)
		for i := range answer.Volumes {
			v := answer.Volumes[i].ToDriver()
			if v.ID == "" {
				return nil, d.unreadable("id of a volume")
			}
			marker = v.ID
			if !seen[v.ID] {
				seen[v.ID] = true
				all = append(all, v)
			}
		}
		switch {
		case len(answer.Volumes) == 0, len(answer.Volumes) < volumePage && len(answer.Links) == 0:
			return all, nil
		case len(all) == before:
			return nil, driver.Errorf(driver.Unavailable, "Backend %s lists the same volumes again: it does not page by marker.", d.o.Name)
		case len(all) > driver.MaxVolumes:
			return nil, driver.Errorf(driver.Unavailable, "Backend %s lists more than %d volumes.", d.o.Name, driver.MaxVolumes)
		}
	}
}

// ScheduleTraits implements driver.Schedulable: backups have metadata since microversion 3.43.
func (d *Driver) ScheduleTraits(ctx context.Context) (driver.ScheduleTraits, error) {
	v, err := d.version(ctx)
	return driver.ScheduleTraits{BackupMetadata: v.atLeast(driver.MVBackupMetadata)}, err
}
