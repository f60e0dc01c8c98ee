package vbs

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// statuses are the service's statuses, which it also accepts as a filter.
var statuses = []driver.BackupStatus{
	driver.BackupAvailable, driver.BackupError, driver.BackupRestoring, driver.BackupCreating, driver.BackupDeleting, driver.BackupErrorRestore,
}

// ListBackups implements driver.Driver. The service filters by volume and status, which
// shortens lists. It compares names differently from Cinder, has no marker, and does not
// sort in v3. ListBackups therefore reads all pages, then filters, sorts and pages itself.
func (d *Driver) ListBackups(ctx context.Context, caller driver.Caller, q driver.Query) (driver.Page[driver.Backup], error) {
	if q.AllProjects && caller.IsAdmin() {
		return driver.Page[driver.Backup]{}, d.vbs.Cannot("lists of all projects: the service shows a token's own project")
	}
	parameters := url.Values{}
	possible := true
	for _, f := range q.Filters {
		value := strings.ToLower(f.Value)
		switch {
		case driver.BackupColumns[f.Column] == nil:
			possible = false
		case f.Like:
		case f.Column == "volume_id":
			parameters.Set("volume_id", value)
		case f.Column == "status":
			parameters.Set("status", value)
			possible = possible && slices.Contains(statuses, driver.BackupStatus(value))
		}
	}
	var all []driver.Backup
	if possible {
		var err error
		if all, err = d.all(ctx, caller, parameters); err != nil {
			return driver.Page[driver.Backup]{}, err
		}
	}
	return driver.Paginate(all, driver.BackupColumns, q, driver.BackupNotFound)
}

// maxRepeated is how many pages in a row may have nothing new: backups that are made meanwhile shift pages.
const maxRepeated = 10

// all reads every page of a list.
func (d *Driver) all(ctx context.Context, caller driver.Caller, parameters url.Values) ([]driver.Backup, error) {
	parameters.Set("limit", strconv.Itoa(otc.MaxPage))
	if d.o.Native == "v2" {
		// New backups then come last and shift no page.
		parameters.Set("sort_key", "created_at")
		parameters.Set("sort_dir", "asc")
	}
	var all []driver.Backup
	seen := map[string]bool{}
	for offset, repeated := 0, 0; ; {
		parameters.Set("offset", strconv.Itoa(offset))
		var page struct {
			Backups otc.List[backup]   `json:"backups"`
			Links   otc.List[struct{}] `json:"backups_links"` // empty on the last page
		}
		if err := d.vbs.Call(ctx, caller, http.MethodGet, d.o.Native, "/backups/detail", parameters, nil, &page); err != nil {
			return nil, err
		}
		if !page.Backups.Told {
			return nil, d.vbs.Unreadable("backups")
		}
		before := len(all)
		for i := range page.Backups.Items {
			if b := &page.Backups.Items[i]; b.ID != "" && !seen[b.ID] {
				seen[b.ID] = true
				all = append(all, b.toDriver(caller))
			}
		}
		// Only the link's existence counts: its URL may not be reachable.
		if page.Backups.Len == 0 || page.Backups.Len < otc.MaxPage && page.Links.Len == 0 {
			return all, nil
		}
		if repeated++; len(all) > before {
			repeated = 0
		}
		if repeated == maxRepeated { // schedules have no request whose end would end this
			return nil, driver.Errorf(driver.Unavailable, "VBS of backend %s lists the same backups again: it does not page by offset.", d.o.Name)
		}
		offset += page.Backups.Len
	}
}
