package otc

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// Volumes serves volumes from EVS, if the backend has EVS. Drivers embed it for
// driver.VolumeLister, driver.Passthrough and driver.Versioner.
type Volumes struct {
	EVS *Service
	// DefaultType is the type of a volume made from a backup whose source volume no longer
	// exists.
	DefaultType string
	// Backup is the driver's GetBackup.
	Backup func(ctx context.Context, caller driver.Caller, backupID string) (driver.Backup, error)
}

var (
	_ driver.VolumeLister     = (*Volumes)(nil)
	_ driver.VolumeSummarizer = (*Volumes)(nil)
	_ driver.Passthrough      = (*Volumes)(nil)
	_ driver.Versioner        = (*Volumes)(nil)
	_ driver.Schedulable      = (*Volumes)(nil)
)

// IsID reports whether a string can be an id. Callers send no request for any other string:
// the API gateways answer such paths in ways of their own.
func IsID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

// GetVolume implements driver.VolumeReader.
func (v *Volumes) GetVolume(ctx context.Context, caller driver.Caller, volumeID string) (driver.Volume, error) {
	if !v.EVS.Exists() {
		return driver.Volume{}, v.EVS.Missing("volumes")
	}
	if !IsID(volumeID) {
		return driver.Volume{}, driver.VolumeNotFound(volumeID)
	}
	var answer struct {
		Volume openstack.Volume `json:"volume"`
	}
	err := v.EVS.Call(ctx, caller, http.MethodGet, "v2", "/volumes/"+volumeID, nil, nil, &answer)
	if driver.KindOf(err) == driver.NotFound {
		err = driver.Because(err, driver.VolumeNotFound(volumeID))
	}
	if err == nil && answer.Volume.ID == "" && answer.Volume.Status == "" {
		err = v.EVS.Unreadable("volume")
	}
	return answer.Volume.ToDriver(), err
}

// MaxPage is the largest number of elements in one page of the services' lists.
const MaxPage = 1000

// ListVolumes implements driver.VolumeLister. EVS supports few filters and sort keys, so
// ListVolumes reads all pages, then filters and sorts them itself.
func (v *Volumes) ListVolumes(ctx context.Context, caller driver.Caller, q driver.Query) (driver.Page[driver.Volume], error) {
	if !v.EVS.Exists() {
		return driver.Page[driver.Volume]{}, v.EVS.Missing("volumes")
	}
	var all []driver.Volume
	seen := map[string]bool{}
	for marker := ""; ; {
		page := url.Values{"limit": {strconv.Itoa(MaxPage)}}
		if marker != "" {
			page.Set("marker", marker)
		}
		var answer struct {
			Volumes List[openstack.Volume] `json:"volumes"`
			Links   List[struct{}]         `json:"volumes_links"` // empty on the last page
		}
		if err := v.EVS.Call(ctx, caller, http.MethodGet, "v2", "/volumes/detail", page, nil, &answer); err != nil {
			return driver.Page[driver.Volume]{}, err
		}
		if !answer.Volumes.Told {
			return driver.Page[driver.Volume]{}, v.EVS.Unreadable("volumes")
		}
		before := len(all)
		for i := range answer.Volumes.Items {
			if volume := answer.Volumes.Items[i].ToDriver(); volume.ID != "" && !seen[volume.ID] {
				all, marker, seen[volume.ID] = append(all, volume), volume.ID, true
			}
		}
		if answer.Volumes.Len == 0 || answer.Volumes.Len < MaxPage && answer.Links.Len == 0 {
			break
		}
		switch {
		case len(all) == before: // what follows is not known, and must not look like volumes that are gone
			return driver.Page[driver.Volume]{}, driver.Errorf(driver.Unavailable, "EVS of backend %s lists the same volumes again: it does not page by marker.", v.EVS.cloud.o.Name)
		case len(all) > driver.MaxVolumes:
			return driver.Page[driver.Volume]{}, driver.Errorf(driver.Unavailable, "EVS of backend %s lists more than %d volumes.", v.EVS.cloud.o.Name, driver.MaxVolumes)
		}
	}
	return driver.Paginate(all, driver.VolumeColumns, q, driver.VolumeNotFound)
}

// AllVolumes implements driver.Schedulable.
func (v *Volumes) AllVolumes(ctx context.Context, caller driver.Caller) ([]driver.Volume, error) {
	page, err := v.ListVolumes(ctx, caller, driver.Query{Limit: -1})
	return page.Items, err
}

// ScheduleTraits implements driver.Schedulable. VBS keeps tags and never shows them; CBR has none. Deleting a
// backup does not affect the restoration of others (cbr_faq, "What Are Full Backup and Incremental Backup?").
func (v *Volumes) ScheduleTraits(context.Context) (driver.ScheduleTraits, error) {
	return driver.ScheduleTraits{Independent: true}, nil
}

// SummarizeVolumes implements driver.VolumeSummarizer. It sums the list, since EVS has no
// such request.
func (v *Volumes) SummarizeVolumes(ctx context.Context, caller driver.Caller, q driver.Query) (driver.VolumeSummary, error) {
	q.Limit = -1
	found, err := v.ListVolumes(ctx, caller, q)
	return driver.Summarize(found.Items), err
}

// MaxMicroversion implements driver.Versioner. The gateway serves the backup routes in
// every microversion that it knows, whatever EVS supports.
func (v *Volumes) MaxMicroversion(context.Context) (int, error) { return driver.MaxMicroversion, nil }
