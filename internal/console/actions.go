package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// back shows what came of the request on another page, by a redirect. If that cannot be kept for it, the
// page of that error shows it.
func (q *request) back(path string, f flash) error {
	q.told = append(q.told, f)
	if err := q.c.sessions.change(q.r.Context(), q.s, func(st *kept) { st.tell(q.told) }); err != nil {
		return err
	}
	http.Redirect(q.w, q.r, path, http.StatusSeeOther)
	return nil
}

// after goes back to a page with what came of an action. Only the end of the session is an error.
func (q *request) after(path string, err error, done flash) error {
	switch {
	case isStatus(err, http.StatusUnauthorized):
		return err
	case err != nil:
		return q.back(path, flash{Bad: true, Text: textOf(err), Command: done.Command})
	}
	return q.back(path, done)
}

// backUp makes a backup of a volume.
func (q *request) backUp() error {
	id := q.r.PathValue("id")
	name := strings.TrimSpace(q.r.PostFormValue("name"))
	spec := map[string]any{"volume_id": id, "incremental": q.r.PostFormValue("incremental") != "", "force": q.r.PostFormValue("force") != ""}
	same := []string{"openstack", "volume", "backup", "create"}
	if name != "" {
		spec["name"] = name
		same = append(same, "--name", name)
	}
	for _, flag := range []string{"incremental", "force"} {
		if spec[flag] == true {
			same = append(same, "--"+flag)
		}
	}
	err := q.call(http.MethodPost, "/backups", map[string]any{"backup": spec}, nil)
	return q.after(volumePath(id), err, flash{Text: "The backup has begun.", Command: command(append(same, id)...)})
}

// setPolicy sets the policy in the metadata of a volume, or removes it.
func (q *request) setPolicy() error {
	id, text := q.r.PathValue("id"), strings.TrimSpace(q.r.PostFormValue("policy"))
	path := "/volumes/" + url.PathEscape(id) + "/metadata"
	if text == "" {
		err := q.call(http.MethodDelete, path+"/cindergate:backup", nil, nil)
		return q.after(volumePath(id), err, flash{Text: "The volume has no policy of its own any more.", Command: command("openstack", "volume", "unset", "--property", "cindergate:backup", id)})
	}
	err := q.call(http.MethodPost, path, map[string]any{"metadata": map[string]string{"cindergate:backup": text}}, nil)
	return q.after(volumePath(id), err, flash{Text: "The volume has this policy.", Command: command("openstack", "volume", "set", "--property", "cindergate:backup="+text, id)})
}

// restore restores a backup by the rule of docs/restore.md: to the volume of volume_id, or without one
// to a new volume of a name.
func (q *request) restore() error {
	id := q.r.PostFormValue("id")
	if id == "" || safeName(id) != id {
		return &fault{http.StatusBadRequest, "Choose a backup: the field id must be the id of one."}
	}
	page := nextOf(q.r.PostFormValue("page"))
	if page == "" {
		page = "/ui/backups"
	}
	body := map[string]any{}
	var done string
	same := []string{"openstack", "volume", "backup", "restore"}
	switch to := q.r.PostFormValue("to"); to {
	case "new":
		name := strings.TrimSpace(q.r.PostFormValue("name"))
		if name == "" {
			return q.back(page, flash{Bad: true, Text: "Name the new volume: the field name must not be empty."})
		}
		body["name"], done = name, "A new volume is being made of the backup."
		same = append(same, id, name)
	case "this", "other":
		field := map[string]string{"this": "this", "other": "volume_id"}[to]
		volumeID := strings.TrimSpace(q.r.PostFormValue(field))
		if volumeID == "" {
			return q.back(page, flash{Bad: true, Text: "Choose the volume to restore to: the field " + field + " must not be empty."})
		}
		if q.r.PostFormValue("sure") == "" {
			return q.back(page, flash{Bad: true, Text: "A restore to an existing volume replaces its data. Tick that box of the form, and repeat it."})
		}
		body["volume_id"], done = volumeID, "The volume gets the data of the backup."
		same = append(same, "--force", id, volumeID)
	default:
		return q.back(page, flash{Bad: true, Text: "Choose where to restore to: the field to is none of new, this and other."})
	}
	var restored struct {
		Restore struct {
			VolumeID string `json:"volume_id"`
		} `json:"restore"`
	}
	err := q.call(http.MethodPost, "/backups/"+url.PathEscape(id)+"/restore", map[string]any{"restore": body}, &restored)
	if err == nil {
		page = volumePath(restored.Restore.VolumeID)
	}
	return q.after(page, err, flash{Text: done, Command: command(same...)})
}

// deleteBackups deletes backups, the newest first, so that none of them is kept by another.
func (q *request) deleteBackups() error {
	ids, err := idsOf(q.r.PostForm["id"])
	if err != nil {
		return err
	}
	chosen := make([]backup, 0, len(ids))
	for _, id := range ids {
		var found struct {
			Backup backup `json:"backup"`
		}
		switch err := q.call(http.MethodGet, "/backups/"+url.PathEscape(id), nil, &found); {
		case isStatus(err, http.StatusUnauthorized):
			return err
		case err != nil:
			q.told = append(q.told, flash{Bad: true, Text: id + ": " + textOf(err)})
			continue
		}
		chosen = append(chosen, found.Backup)
	}
	newestFirst(chosen)
	deleted := 0
	same := []string{"openstack", "volume", "backup", "delete"}
	ctx, cancel := context.WithTimeout(q.ctx, chainTime)
	defer cancel()
	for i := range chosen {
		b := &chosen[i]
		if b.Dependents {
			for _, id := range same[4:] {
				q.waitUntilGone(ctx, id)
			}
		}
		switch err := q.call(http.MethodDelete, "/backups/"+url.PathEscape(b.ID), nil, nil); {
		case isStatus(err, http.StatusUnauthorized):
			return err
		case err != nil:
			q.told = append(q.told, flash{Bad: true, Text: b.Label() + ": " + textOf(err)})
		default:
			deleted++
			same = append(same, b.ID)
		}
	}
	if deleted == 0 {
		return q.back("/ui/backups", flash{Bad: true, Text: "No backup was deleted."})
	}
	return q.back("/ui/backups", flash{Text: counted(deleted, "backup") + " will be deleted.", Command: command(same...)})
}

// chainTime is how long a delete of several backups waits until those are gone that build on others.
const chainTime = 15 * time.Second

// waitUntilGone waits until a backup is deleted, or ctx ends.
func (q *request) waitUntilGone(ctx context.Context, id string) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !isStatus(q.c.call(ctx, q.s, http.MethodGet, "/backups/"+url.PathEscape(id), nil, nil), http.StatusNotFound) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// exportRecord gives out the record of a backup as a file.
func (q *request) exportRecord() error {
	var found map[string]any
	id := q.r.PathValue("id")
	if err := q.call(http.MethodGet, "/backups/"+url.PathEscape(id)+"/export_record", nil, &found); err != nil {
		return err
	}
	q.w.Header().Set("Content-Disposition", "attachment; filename="+strconv.Quote("backup-record-"+safeName(id)+".json"))
	writeJSON(q.w, http.StatusOK, found)
	return nil
}

// setScope has an admin look at all projects, or at the session's.
func (q *request) setScope() error {
	narrow := q.r.PostFormValue("projects") != "all"
	if err := q.c.sessions.change(q.r.Context(), q.s, func(st *kept) { st.Narrow = narrow }); err != nil {
		return err
	}
	page := nextOf(q.r.PostFormValue("page"))
	if page == "" {
		page = "/ui/"
	}
	http.Redirect(q.w, q.r, page, http.StatusSeeOther)
	return nil
}

func volumePath(id string) string { return "/ui/volumes/" + url.PathEscape(id) }
