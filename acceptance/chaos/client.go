package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

const (
	project = "abc"
	quotas  = 400 // of everything: only counted, never reached
	// patience is how long a client waits for a change to end, and for an answer that says yes
	// or no.
	patience = 60 * time.Second
)

// fields is a JSON object.
type fields = map[string]any

// api sends requests to one address.
type api struct {
	url  string
	http *http.Client
}

func newAPI(url string) *api {
	return &api{url: url, http: &http.Client{Timeout: 35 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// call returns the status and the body of the answer; 0 if there was no answer.
func (a *api) call(ctx context.Context, method, path string, body any) (int, []byte) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			panic(err) // maps of strings and numbers
		}
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, a.url+"/v3/"+project+path, content)
	if err != nil {
		panic(err) // the URL is made here
	}
	r.Header.Set("X-Auth-Token", "admin:"+project)
	r.Header.Set("OpenStack-API-Version", "volume 3.60")
	r.Header.Set("Content-Type", "application/json")
	answer, err := a.http.Do(r)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err != nil {
		return 0, nil
	}
	return answer.StatusCode, raw
}

// unknown reports whether an answer leaves open what has happened.
func unknown(status int) bool { return status == 0 || status >= 500 }

func result(status int) string {
	switch {
	case status == 0:
		return "no answer"
	case status == http.StatusNotFound:
		return "404"
	case status < 300:
		return "ok"
	}
	return fmt.Sprint(status)
}

// client does one operation after the other.
type client struct {
	*api
	w *world
	m *model
	r *rand.Rand
}

func (c *client) send(ctx context.Context, operation, method, path string, body any) (int, []byte) {
	status, raw := c.call(ctx, method, path, body)
	c.m.count(operation, result(status))
	return status, raw
}

// get reads until an answer says yes or no. Reads that a fault prevents are repeated.
func (c *client) get(ctx context.Context, path string) (status int, raw []byte) {
	err := poll(ctx, patience, "a read of "+path+" is answered", func() bool {
		status, raw = c.call(ctx, http.MethodGet, path, nil)
		c.m.count("read", result(status))
		return !unknown(status)
	})
	if err != nil {
		c.m.fault("%v", err)
	}
	return status, raw
}

// row is what answers say of a volume, snapshot or backup.
type row struct {
	ID, Name, Status, Description string
	Size                          int
	VolumeID                      string `json:"volume_id"`
	FailReason                    string `json:"fail_reason"`
	Host                          string `json:"os-vol-host-attr:host"`
}

// show returns one row; ok is false if it is not there.
func (c *client) show(ctx context.Context, kind, id string) (v row, ok bool) {
	status, raw := c.get(ctx, "/"+kind+"s/"+id)
	var answer map[string]row
	if status != http.StatusOK || json.Unmarshal(raw, &answer) != nil {
		return row{}, false
	}
	return answer[kind], true
}

// fresh checks that what was acknowledged just now is what the next read shows, at whichever
// gateway.
func (c *client) fresh(ctx context.Context, what, path string, shows func(status int, raw []byte) bool) {
	status, raw := c.get(ctx, path)
	if unknown(status) || shows(status, raw) {
		return
	}
	c.m.mu.Lock()
	c.m.stale++
	c.m.mu.Unlock()
	say("STALE: after %s, GET %s answers %d %.200s", what, path, status, raw)
}

func (c *client) freshCreate(ctx context.Context, kind, id, name string) {
	path := "/" + kind + "s/" + id
	if c.r.IntN(2) == 0 {
		path = "/" + kind + "s/detail?name=" + name
	}
	c.fresh(ctx, "create", path, func(status int, raw []byte) bool {
		return status == http.StatusOK && strings.Contains(string(raw), id)
	})
}

func transitional(status string) bool {
	switch status {
	case "creating", "deleting", "restoring", "restoring-backup", "backing-up", "reverting", "downloading", "extending", "uploading", "retyping", "":
		return true
	}
	return false
}

// settled waits until an object has no change in progress.
func (c *client) settled(ctx context.Context, kind, id string) (v row, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		status, raw := c.call(ctx, http.MethodGet, "/"+kind+"s/"+id, nil)
		c.m.count("read", result(status))
		if status == http.StatusNotFound {
			return row{}, false
		}
		var answer map[string]row
		if status == http.StatusOK && json.Unmarshal(raw, &answer) == nil && !transitional(answer[kind].Status) {
			return answer[kind], true
		}
		select {
		case <-ctx.Done():
			return row{}, false
		case <-time.After(pause):
		}
	}
}

// create makes an object from what source holds. It waits until the object is there: the caller
// has the lock of source, which must not change before.
func (c *client) create(ctx context.Context, operation, kind, path string, body fields, o *object, source *object) {
	name := c.m.name()
	for key := range body {
		body[key].(fields)["name"] = name
	}
	if source != nil {
		o.contents = source.contents
	} else {
		o.contents = []content{{}}
	}
	o.kind = kind
	status, raw := c.send(ctx, operation, http.MethodPost, path, body)
	switch {
	case unknown(status):
		if source != nil {
			source.frozen = true
			source.root().frozen = true
		}
		c.m.lose(name, o)
		return
	case status >= 300:
		return
	}
	var answer map[string]struct {
		ID       string
		VolumeID string `json:"volume_id"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		c.m.fault("%s answers %s", operation, raw)
		return
	}
	for key, a := range answer {
		o.id = a.ID
		if key == "restore" {
			o.id = a.VolumeID
		}
	}
	if o.volume == nil {
		o.mu.Lock()
		defer o.mu.Unlock()
	}
	c.m.add(o)
	c.freshCreate(ctx, kind, o.id, name)
	v, ok := c.settled(ctx, kind, o.id)
	switch {
	case !ok:
		o.frozen = true
		if source != nil {
			source.frozen = true
			source.root().frozen = true
		}
		c.m.count(operation, "not settled in time")
	case v.Status != "available":
		o.failed = true
		c.m.count(operation, "ended in "+v.Status)
	}
}

// remove deletes an object whose lock the caller has.
func (c *client) remove(ctx context.Context, o *object) {
	path := "/" + o.kind + "s/" + o.id
	status, _ := c.send(ctx, "delete "+o.kind, http.MethodDelete, path, nil)
	switch {
	case unknown(status):
		o.maybe = true
		return
	case status != http.StatusAccepted && status != http.StatusNoContent:
		return
	}
	c.m.mu.Lock()
	o.deleted = true
	c.m.mu.Unlock()
	c.fresh(ctx, "delete", path, func(status int, raw []byte) bool {
		var answer map[string]row
		return status == http.StatusNotFound || json.Unmarshal(raw, &answer) == nil && answer[o.kind].Status != "available"
	})
}

// volumeFile returns the path of a volume's file; "" if the database does not answer now.
func (w *world) volumeFile(ctx context.Context, id string) string {
	found, err := w.pg.texts(ctx, "SELECT split_part(host, '@', 1) || '/volumes/' || COALESCE(NULLIF(file, ''), 'volume-' || id) FROM volumes WHERE id = $1", id)
	if err != nil || len(found) != 1 {
		return ""
	}
	return filepath.Join(w.options.dir, found[0])
}

func healthy(o *object) bool  { return !o.failed }
func writable(o *object) bool { return !o.failed && !o.frozen }

// once does one operation.
func (c *client) once(ctx context.Context) {
	const volumes, snapshots, backups = 30, 15, 45
	volume := fields{"size": 1}
	if c.m.live("volume") < volumes/3 {
		c.create(ctx, "create volume", "volume", "/volumes", fields{"volume": volume}, &object{}, nil)
		return
	}
	n := c.r.IntN(100)
	room := c.m.live("volume") < volumes
	switch {
	case n < 6 && room:
		c.create(ctx, "create volume", "volume", "/volumes", fields{"volume": volume}, &object{}, nil)
	case n < 22:
		c.with("volume", writable, func(v *object) { c.write(ctx, v) })
	case n < 38 && c.m.live("backup") < backups:
		c.with("volume", healthy, func(v *object) { c.backup(ctx, v, false) })
	case n < 54 && c.m.live("backup") < backups:
		c.with("backup", func(b *object) bool { return !b.failed && !b.volume.failed && !b.volume.deleted && !b.volume.maybe },
			func(b *object) { c.backup(ctx, b.volume, true) })
	case n < 60 && c.m.live("snapshot") < snapshots:
		c.with("volume", healthy, func(v *object) {
			c.create(ctx, "create snapshot", "snapshot", "/snapshots", fields{"snapshot": fields{"volume_id": v.id}}, &object{volume: v}, v)
		})
	case n < 64 && room:
		c.with("snapshot", healthy, func(s *object) {
			c.create(ctx, "volume from snapshot", "volume", "/volumes", fields{"volume": fields{"size": 1, "snapshot_id": s.id}}, &object{}, s)
		})
	case n < 70 && room:
		c.with("backup", healthy, func(b *object) {
			c.create(ctx, "restore to new", "volume", "/backups/"+b.id+"/restore", fields{"restore": fields{}}, &object{}, b)
		})
	case n < 80:
		c.with("backup", healthy, func(b *object) { c.restore(ctx, b) })
	case n < 84:
		c.with("backup", func(o *object) bool { return o.failed || c.m.live("backup") > backups/2 }, func(b *object) { c.remove(ctx, b) })
	case n < 87:
		c.with("snapshot", func(*object) bool { return true }, func(s *object) { c.remove(ctx, s) })
	case n < 90:
		c.with("volume", func(o *object) bool { return o.failed || o.frozen || !room }, func(v *object) { c.remove(ctx, v) })
	case n < 95:
		c.with("volume", writable, func(v *object) { c.describe(ctx, v) })
	default:
		paths := []string{"/volumes/detail", "/backups/detail", "/snapshots/detail", "/limits"}
		c.send(ctx, "list", http.MethodGet, paths[c.r.IntN(len(paths))], nil)
	}
}

// backup makes a backup of a volume whose lock the caller has.
func (c *client) backup(ctx context.Context, v *object, incremental bool) {
	operation := "full backup"
	if incremental {
		operation = "incremental backup"
	}
	c.create(ctx, operation, "backup", "/backups", fields{"backup": fields{"volume_id": v.id, "incremental": incremental}}, &object{volume: v}, v)
}

func (c *client) with(kind string, passes func(*object) bool, do func(*object)) {
	o := c.m.take(c.r, kind, passes)
	if o == nil {
		return
	}
	defer o.root().mu.Unlock()
	do(o)
}

func (c *client) write(ctx context.Context, v *object) {
	got, ok := c.show(ctx, "volume", v.id)
	path := c.w.volumeFile(ctx, v.id)
	if !ok || got.Status != "available" || path == "" || len(v.contents) != 1 {
		return
	}
	after, err := write(path, v.contents[0], c.r)
	if err != nil {
		c.m.fault("the volume %s is available: %v", v.id, err)
		return
	}
	v.contents = []content{after}
	c.m.count("write", "ok")
}

// restore restores to a volume that is there: that of the backup, whose lock the caller has.
func (c *client) restore(ctx context.Context, b *object) {
	v := b.volume
	if v.failed || v.frozen || v.deleted || v.maybe {
		return
	}
	status, _ := c.send(ctx, "restore to existing", http.MethodPost, "/backups/"+b.id+"/restore", fields{"restore": fields{"volume_id": v.id}})
	switch {
	case unknown(status):
		v.frozen = true
		v.contents = merge(v.contents, b.contents)
		return
	case status >= 300:
		return
	}
	got, ok := c.settled(ctx, "volume", v.id)
	switch {
	case !ok:
		v.frozen = true
		v.contents = merge(v.contents, b.contents)
		c.m.count("restore to existing", "not settled in time")
	case got.Status == "available":
		v.contents = b.contents
	default: // the former data is kept
		v.failed = true
		c.m.count("restore to existing", "ended in "+got.Status)
	}
}

// describe changes the description of a volume, which the next read must show.
func (c *client) describe(ctx context.Context, v *object) {
	text := c.m.name()
	path := "/volumes/" + v.id
	status, _ := c.send(ctx, "update volume", http.MethodPut, path, fields{"volume": fields{"description": text}})
	if unknown(status) {
		v.frozen = true // the change may come later, after another one
	}
	if status != http.StatusOK {
		return
	}
	c.fresh(ctx, "update", path, func(status int, raw []byte) bool {
		var answer map[string]row
		return status == http.StatusOK && json.Unmarshal(raw, &answer) == nil && answer["volume"].Description == text
	})
}
