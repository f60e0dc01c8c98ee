package console

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
)

// backupsView is the table of backups.
type backupsView struct {
	Backups  []backup          `json:"backups"`
	Count    int               `json:"count"` // that match; -1: not known
	Next     string            `json:"next,omitempty"`
	First    bool              `json:"first"`
	Name     string            `json:"name,omitempty"`
	Status   string            `json:"status,omitempty"`
	VolumeID string            `json:"volume_id,omitempty"`
	Sort     string            `json:"sort"`
	Volumes  map[string]string `json:"volumes"` // names of the volumes, by id, as far as they were read
}

// Statuses are those that the table can be filtered by.
func (v *backupsView) Statuses() []string {
	return []string{"available", "creating", "restoring", "deleting", "error", "error_deleting"}
}

// Orders are those of the table.
func (v *backupsView) Orders() [][2]string { return orders }

var orders = [][2]string{
	{"created_at:desc", "newest first"}, {"created_at:asc", "oldest first"}, {"name:asc", "by name"}, {"size:desc", "largest first"}, {"status:asc", "by status"},
}

// VolumeLabel is the name of a volume, or its id.
func (v *backupsView) VolumeLabel(id string) string { return labelOf(v.Volumes[id], id) }

// Page returns the path of the same table with another marker.
func (v *backupsView) Page(marker string) template.URL {
	l := listing{url.Values{}}
	query := l.with("name", v.Name).with("status", v.Status).with("volume_id", v.VolumeID).with("sort", v.Sort).with("marker", marker).Encode()
	return template.URL("/ui/backups?" + query) // #nosec G203 -- the values are encoded
}

// backupsAtOnce is how many backups a page shows.
const backupsAtOnce = 50

func (q *request) backups() (*backupsView, error) {
	form := q.r.URL.Query()
	v := &backupsView{Name: form.Get("name"), Status: form.Get("status"), VolumeID: form.Get("volume_id"), Sort: form.Get("sort"), First: form.Get("marker") == ""}
	if !slices.ContainsFunc(orders, func(o [2]string) bool { return o[0] == v.Sort }) {
		v.Sort = orders[0][0]
	}
	l := q.list(backupsAtOnce+1).with("with_count", "true").with("marker", form.Get("marker")).with("name", v.Name).with("status", v.Status).with("volume_id", v.VolumeID).with("sort", v.Sort)
	var err error
	if v.Backups, v.Count, err = q.listBackups(l); err != nil {
		return nil, err
	}
	if len(v.Backups) > backupsAtOnce {
		v.Backups = v.Backups[:backupsAtOnce]
		v.Next = v.Backups[len(v.Backups)-1].ID
	}
	s, err := q.names()
	if err != nil {
		return nil, err
	}
	v.Volumes = s
	return v, nil
}

// names returns the names of the volumes, as far as they were read.
func (q *request) names() (map[string]string, error) {
	key := "names"
	if q.wide() {
		key = "names of all"
	}
	return keep(q.s, q.c.o.Clock, key, scanLife, func() (map[string]string, error) {
		found, err := q.listVolumes(q.list(pageSize))
		if isStatus(err, http.StatusUnauthorized) {
			return nil, err
		}
		names := map[string]string{}
		for i := range found {
			names[found[i].ID] = found[i].Name
		}
		return names, nil
	})
}

// chosenView is the page that asks before backups are deleted.
type chosenView struct {
	Backups []backup `json:"backups"`
	Missing []string `json:"missing"` // ids that are not backups, or cannot be seen
	Blocked int      `json:"blocked"` // that others build on
}

// chosen returns the backups that the query names.
func (q *request) chosen() (*chosenView, error) {
	ids, err := idsOf(q.r.URL.Query()["id"])
	if err != nil {
		return nil, err
	}
	v := &chosenView{Backups: []backup{}}
	for _, id := range ids {
		var found struct {
			Backup backup `json:"backup"`
		}
		err := q.call(http.MethodGet, "/backups/"+url.PathEscape(id), nil, &found)
		switch {
		case isStatus(err, http.StatusNotFound):
			v.Missing = append(v.Missing, id)
			continue
		case err != nil:
			return nil, err
		}
		if found.Backup.Dependents {
			v.Blocked++
		}
		v.Backups = append(v.Backups, found.Backup)
	}
	return v, nil
}

// idsOf checks the ids of a form.
func idsOf(ids []string) ([]string, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	switch {
	case len(ids) == 0:
		return nil, &fault{http.StatusBadRequest, "Choose at least one backup: the field id is missing."}
	case slices.ContainsFunc(ids, func(id string) bool { return id == "" || safeName(id) != id }):
		return nil, &fault{http.StatusBadRequest, "The field id must be the id of a backup."}
	case len(ids) > backupsAtOnce:
		return nil, &fault{http.StatusBadRequest, "Choose at most 50 backups at once: the field id is there more often."}
	}
	return ids, nil
}
