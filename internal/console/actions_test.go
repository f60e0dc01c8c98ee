package console

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Who restores by name has the same bytes in a new volume, and to a volume only after a tick.
func TestRestore(t *testing.T) {
	r := newRig(t)
	b := r.login("demo")
	v := b.volume("photos")
	data := bytes.Repeat([]byte("data of photos "), 5000)
	must(t, r.env.WriteVolume(t.Context(), v, 1<<20, data))
	id := b.backUp(v, url.Values{"name": {"monday"}})
	must(t, r.env.WriteVolume(t.Context(), v, 1<<20, bytes.Repeat([]byte{7}, len(data))))

	b.get("/ui/volumes/" + v)
	b.post("/ui/backups/restore", url.Values{"id": {id}, "to": {"new"}, "name": {"photos of monday"}, "page": {"/ui/volumes/" + v}})
	if !strings.Contains(b.page, "openstack volume backup restore "+id+" &#39;photos of monday&#39;") || !strings.Contains(b.page, "<h1><bdi>Volume") {
		t.Errorf("%d at %s\n%s", b.status, b.at, b.page)
	}
	made := strings.TrimPrefix(b.at, "/ui/volumes/")
	b.settle()
	got, err := r.env.ReadVolume(t.Context(), made, 1<<20, len(data))
	must(t, err)
	if !bytes.Equal(got, data) || made == v {
		t.Error("the new volume has other bytes")
	}
	if page := b.get("/ui/volumes/" + made); !strings.Contains(page, "Volume photos of monday") {
		t.Error("the new volume has another name")
	}

	for field, form := range map[string]url.Values{
		"name":      {"id": {id}, "to": {"new"}, "name": {" "}},
		"volume_id": {"id": {id}, "to": {"other"}},
		"to":        {"id": {id}, "to": {"elsewhere"}},
		"replaces":  {"id": {id}, "to": {"this"}, "this": {v}},
	} {
		form.Set("page", "/ui/volumes/"+v)
		b.post("/ui/backups/restore", form)
		if b.at != "/ui/volumes/"+v || !strings.Contains(b.page, field) || !strings.Contains(b.page, "flash bad") {
			t.Errorf("%v: at %s\n%s", form, b.at, b.page)
		}
	}
	b.post("/ui/backups/restore", url.Values{"id": {"../x"}})
	if b.status != http.StatusBadRequest {
		t.Errorf("an id that is none: %d", b.status)
	}
	b.get("/ui/volumes/" + v)
	b.post("/ui/backups/restore", url.Values{"id": {id}, "to": {"this"}, "this": {v}, "sure": {"1"}})
	b.settle()
	got, err = r.env.ReadVolume(t.Context(), v, 1<<20, len(data))
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Error("the volume has other bytes")
	}
	b.get("/ui/volumes/" + v)
	b.post("/ui/backups/restore", url.Values{"id": {id}, "to": {"other"}, "volume_id": {made}, "sure": {"1"}, "page": {"/ui/volumes/" + v}})
	b.settle()
	if b.at != "/ui/volumes/"+made {
		t.Errorf("a restore to another volume ends at %s", b.at)
	}
}

// Backups are deleted together, the newest first, and only after a page that asks. What the API refuses
// is shown in its words.
func TestDelete(t *testing.T) {
	r := newRig(t)
	b := r.login("demo")
	v := b.volume("photos")
	full := b.backUp(v, url.Values{"name": {"full"}})
	more := b.backUp(v, url.Values{"name": {"more"}, "incremental": {"1"}})
	if page := b.get("/ui/volumes/" + v); !strings.Contains(page, "A delete is refused: 1 backup builds on it.") || !strings.Contains(page, "removes this backup only") {
		t.Errorf("the page does not say what a delete does:\n%s", page)
	}
	page := b.get("/ui/backups/delete?id=" + full)
	if !strings.Contains(page, "1 backup of these have others built on them") {
		t.Errorf("the question:\n%s", page)
	}
	b.post("/ui/backups/delete", url.Values{"id": {full}})
	if !strings.Contains(b.page, "full: Invalid backup: Incremental backups exist for this backup.") {
		t.Errorf("the refusal:\n%s", b.page)
	}
	b.post("/ui/backups/delete", url.Values{"id": {full, more}})
	if !strings.Contains(b.page, "2 backups will be deleted.") {
		b.settle()
		t.Errorf("both:\n%s", b.page)
	}
	b.settle()
	if page := b.get("/ui/backups"); !strings.Contains(page, "There is no backup") {
		t.Errorf("they are still there:\n%s", page)
	}
	for _, path := range []string{"/ui/backups/delete", "/ui/backups/delete?id=a&id=%3Cb%3E", "/ui/backups/delete?id=" + strings.Join(manyIDs(51), "&id=")} {
		if b.do(http.MethodGet, path, nil); b.status != http.StatusBadRequest || !strings.Contains(b.page, "field id") {
			t.Errorf("%s: %d", path, b.status)
		}
	}
	if page := b.get("/ui/backups/delete?id=" + full); !strings.Contains(page, "None of these backups is there") {
		t.Errorf("a backup that is gone:\n%s", page)
	}
}

func manyIDs(n int) (ids []string) {
	for i := range n {
		ids = append(ids, strings.Repeat("a", i+1))
	}
	return ids
}

// An admin drains a gateway with a reason, and enables it again.
func TestDrain(t *testing.T) {
	r := newRig(t)
	b := r.login("admin")
	b.get("/ui/services")
	host := "harness@cindergate"
	if i := strings.Index(b.page, `name="host" value="`); i > 0 {
		host, _, _ = strings.Cut(b.page[i+len(`name="host" value="`):], `"`)
	}
	b.post("/ui/services/drain", url.Values{"host": {host}, "binary": {"cinder-backup"}, "do": {"drain"}, "reason": {" "}})
	if !strings.Contains(b.page, "the field reason must not be empty") {
		t.Errorf("without a reason:\n%s", b.page)
	}
	b.post("/ui/services/drain", url.Values{"host": {host}, "binary": {"cinder-backup"}, "do": {"drain"}, "reason": {"new <disk>"}})
	if !strings.Contains(b.page, "new &lt;disk&gt;") || !strings.Contains(b.page, "takes no new work") || !strings.Contains(b.page, `value="enable"`) {
		t.Errorf("drained:\n%s", b.page)
	}
	b.post("/ui/services/drain", url.Values{"host": {host}, "binary": {"cinder-backup"}, "do": {"enable"}})
	if !strings.Contains(b.page, "takes new work again") || strings.Contains(b.page, `value="enable"`) {
		t.Errorf("enabled:\n%s", b.page)
	}
}

// An admin takes the record of a backup as a file.
func TestRecord(t *testing.T) {
	r := newRig(t)
	b := r.login("admin")
	id := b.backUp(b.volume("photos"), url.Values{})
	record := b.get("/ui/backups/" + id + "/record")
	if !strings.Contains(record, `"backup_service":`) || b.header.Get("Content-Disposition") != `attachment; filename="backup-record-`+id+`.json"` {
		t.Errorf("%v %s", b.header, record)
	}
}

// The policy of a volume is set and removed.
func TestSetPolicy(t *testing.T) {
	r := newRig(t)
	b := r.login("demo")
	v := b.volume("photos")
	b.get("/ui/volumes/" + v)
	b.post("/ui/volumes/"+v+"/policy", url.Values{"policy": {"daily 25:00"}})
	if !strings.Contains(b.page, "flash bad") || !strings.Contains(b.page, "25:00") {
		t.Errorf("a mistake:\n%s", b.page)
	}
	b.post("/ui/volumes/"+v+"/policy", url.Values{"policy": {"daily 02:30; keep=7d"}})
	if !strings.Contains(b.page, "cindergate:backup=daily 02:30; keep=7d") {
		t.Errorf("set:\n%s", b.page)
	}
	if page := b.get("/ui/volumes"); !strings.Contains(page, "<code>daily 02:30; keep=7d</code>") {
		t.Errorf("the table lacks it:\n%s", page)
	}
	b.post("/ui/volumes/"+v+"/policy", url.Values{"policy": {""}})
	if page := b.get("/ui/volumes"); strings.Contains(page, "daily 02:30") {
		t.Error("the policy is still there")
	}
}
