package cbr

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

// page is one page of backups (GET /v3/{project_id}/backups). It has no link to the next
// page.
type page struct {
	Backups otc.List[backup] `json:"backups"`
	// Count is the number on all pages, or from this page on. The reference does not say
	// which.
	Count otc.Int `json:"count"`
}

func (d *Driver) page(ctx context.Context, caller driver.Caller, q url.Values) (page, error) {
	var p page
	err := d.cbr.Call(ctx, caller, http.MethodGet, "v3", "/backups", q, nil, &p)
	if err == nil && !p.Backups.Told {
		err = d.cbr.Unreadable("backups")
	}
	return p, err
}

// ListBackups implements driver.Driver. It passes on the filters that the service supports.
// If the service supports all sort keys, it also sorts, and ListBackups reads only as many
// pages as the caller's page needs. ListBackups filters every backup again, because the
// service compares names differently from Cinder and may list parts of servers' backups.
func (d *Driver) ListBackups(ctx context.Context, caller driver.Caller, q driver.Query) (driver.Page[driver.Backup], error) {
	if q.AllProjects && caller.IsAdmin() {
		return driver.Page[driver.Backup]{}, d.cbr.Cannot("lists of all projects: the service shows a token's own project")
	}
	filter, possible := filters(q.Filters)
	if !possible {
		return driver.Paginate(nil, driver.BackupColumns, q, driver.BackupNotFound)
	}
	l := listing{d: d, caller: caller, query: filter, reasons: wantsReasons(q), filtered: len(q.Filters) > 0}
	order, sorts := sortKeys(q.Sort)
	if !sorts || q.Limit < 0 || q.WithCount {
		order, _ = sortKeys(nil) // paging needs a stable order
		l.query.Set("sort", order)
		all, err := l.collect(ctx, -1, func(driver.Backup) bool { return true })
		if err != nil {
			return driver.Page[driver.Backup]{}, err
		}
		return driver.Paginate(all, driver.BackupColumns, q, driver.BackupNotFound)
	}
	l.query.Set("sort", order)
	if q.Marker != "" {
		// The reference does not document the answer to a marker that does not exist.
		if _, err := d.show(ctx, caller, q.Marker); err != nil {
			return driver.Page[driver.Backup]{}, err
		}
		l.query.Set("marker", q.Marker)
	}
	items, err := l.collect(ctx, q.Offset+q.Limit, func(b driver.Backup) bool {
		one, err := driver.Paginate([]driver.Backup{b}, driver.BackupColumns, driver.Query{Filters: q.Filters, Limit: -1}, driver.BackupNotFound)
		return err == nil && len(one.Items) == 1
	})
	if err != nil {
		return driver.Page[driver.Backup]{}, err
	}
	return driver.Page[driver.Backup]{Items: items[min(q.Offset, len(items)):]}, nil
}

// listing reads the service's pages.
type listing struct {
	d      *Driver
	caller driver.Caller
	query  url.Values
	// reasons asks for the operation logs. filtered is true if keep may drop some backups.
	reasons, filtered bool
}

// collect reads the backups for which keep reports true, at most a number of them; negative
// means all. It pages by marker, so that backups made or deleted meanwhile shift no page. A
// short page is the last one only if the count agrees, since the service may return fewer
// than it documents.
func (l *listing) collect(ctx context.Context, most int, keep func(driver.Backup) bool) ([]driver.Backup, error) {
	size := otc.MaxPage
	if most >= 0 && !l.filtered {
		size = min(most, size)
	}
	all := []driver.Backup{}
	read, count := 0, 0
	for most < 0 || len(all) < most {
		l.query.Set("limit", strconv.Itoa(size))
		p, err := l.d.page(ctx, l.caller, l.query)
		if err != nil {
			return nil, err
		}
		var found []driver.Backup
		last := ""
		for i := range p.Backups.Items {
			b := &p.Backups.Items[i]
			if b.ofVolume() {
				found = append(found, b.toDriver())
			}
			if b.ID != "" {
				last = b.ID
			}
		}
		if l.reasons {
			if err := l.d.addReasons(ctx, l.caller, found); err != nil {
				return nil, err
			}
		}
		for _, b := range found {
			if keep(b) && (most < 0 || len(all) < most) {
				all = append(all, b)
			}
		}
		read, count = read+p.Backups.Len, max(count, int(p.Count))
		if last != "" && last == l.query.Get("marker") { // what comes after the marker does not end with it
			return nil, driver.Errorf(driver.Unavailable, "CBR of backend %s lists the same backups again: it does not page by marker.", l.d.o.Name)
		}
		if last == "" || p.Backups.Len < size && read >= count {
			break
		}
		l.query.Set("marker", last)
	}
	return all, nil
}

// filters returns the service's parameters for a list. possible is false if nothing can
// match. own_type leaves out backups that other projects share.
func filters(all []driver.Filter) (q url.Values, possible bool) {
	q = url.Values{"resource_type": {ofVolumes}, "own_type": {"private"}}
	for _, f := range all {
		if driver.BackupColumns[f.Column] == nil {
			return nil, false
		}
		if f.Like {
			continue
		}
		switch f.Column {
		case "volume_id":
			q.Set("resource_id", strings.ToLower(f.Value))
		case "container":
			q.Set("vault_id", strings.ToLower(f.Value))
		case "availability_zone":
			q.Set("resource_az", f.Value)
		case "status":
			theirs := upstream[driver.BackupStatus(strings.ToLower(f.Value))]
			if theirs == nil || q.Has("status") && !slices.Equal(q["status"], theirs) {
				return nil, false
			}
			q["status"] = theirs
		}
	}
	return q, true
}

// keys maps columns to the service's sort keys.
var keys = map[string]string{
	"created_at": "created_at", "updated_at": "updated_at", "display_name": "name", "data_timestamp": "protected_at", "id": "id",
}

// sortKeys returns an order as the service's sort parameter. sorts is false if the service
// lacks a key.
func sortKeys(order []driver.SortKey) (sort string, sorts bool) {
	if len(order) == 0 {
		order = []driver.SortKey{{Column: "created_at", Desc: true}, {Column: "id", Desc: true}}
	}
	var parts []string
	for _, k := range order {
		key, known := keys[k.Column]
		if !known {
			return "", false
		}
		dir := ":asc"
		if k.Desc {
			dir = ":desc"
		}
		parts = append(parts, key+dir)
	}
	return strings.Join(parts, ","), true
}

// wantsReasons reports whether a list needs the operation logs. A brief list needs them
// only if it filters or sorts by status or fail_reason.
func wantsReasons(q driver.Query) bool {
	tell := func(column string) bool { return column == "status" || column == "fail_reason" }
	return !q.Brief || slices.ContainsFunc(q.Filters, func(f driver.Filter) bool { return tell(f.Column) }) ||
		slices.ContainsFunc(q.Sort, func(k driver.SortKey) bool { return tell(k.Column) })
}
