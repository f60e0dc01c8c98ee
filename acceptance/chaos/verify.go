package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// kinds of objects, in the order in which they can be deleted.
var kinds = []string{"backup", "snapshot", "volume"}

// list returns all rows of a kind.
func (c *client) list(ctx context.Context, kind string) []row {
	status, raw := c.get(ctx, "/"+kind+"s/detail?limit=1000")
	var answer map[string]json.RawMessage
	var rows []row
	if status != http.StatusOK || json.Unmarshal(raw, &answer) != nil || json.Unmarshal(answer[kind+"s"], &rows) != nil {
		c.m.fault("the list of %ss is %d %.200s", kind, status, raw)
	}
	return rows
}

// quiet waits until nothing changes any more, and returns what is there, by kind.
func (c *client) quiet(ctx context.Context, limit time.Duration) map[string][]row {
	var rows map[string][]row
	var left []string
	err := poll(ctx, limit, "nothing changes", func() bool {
		rows, left = map[string][]row{}, nil
		for _, kind := range kinds {
			rows[kind] = c.list(ctx, kind)
			for _, v := range rows[kind] {
				if transitional(v.Status) {
					left = append(left, kind+" "+v.ID+" "+v.Status)
				}
			}
		}
		jobs, err := c.w.pg.texts(ctx, "SELECT kind || ' ' || id || ' ' || state || ' of ' || COALESCE(worker, '') FROM jobs")
		if err != nil {
			left = append(left, err.Error())
		}
		left = append(left, jobs...)
		return len(left) == 0
	})
	if err != nil {
		c.m.fault("%v. Left: %s", err, strings.Join(left, "; "))
	}
	return rows
}

// verify compares what is there with the model, after all faults are healed.
func (c *client) verify(ctx context.Context) {
	rows := c.quiet(ctx, time.Minute)
	say("quiet: %d volumes, %d snapshots, %d backups", len(rows["volume"]), len(rows["snapshot"]), len(rows["backup"]))
	c.known(rows)
	c.quotas(ctx, rows)
	c.files(ctx, rows, "snapshot")
	c.files(ctx, rows, "volume")
	c.jobsOnce(ctx)
	c.bucket(ctx, rows["backup"])
	c.restores(ctx, rows["backup"])
	c.directories(ctx)
	c.clean(ctx)
}

// known compares the rows with what the clients were told.
func (c *client) known(rows map[string][]row) {
	for kind, all := range rows {
		there := map[string]bool{}
		for _, v := range all {
			there[v.ID] = true
			o := c.m.objects[v.ID]
			if o == nil {
				if o = c.m.lost[v.Name]; o == nil || o.kind != kind {
					c.m.fault("nobody has asked for the %s %s %s", kind, v.ID, v.Name)
					continue
				}
				if o.id != "" {
					c.m.fault("the %ss %s and %s are of one request", kind, o.id, v.ID)
				}
				o.id = v.ID
				c.m.objects[v.ID] = o
				c.m.count("found later", kind)
			}
			if strings.HasPrefix(v.Status, "error") {
				c.m.count(kind+" at the end", v.Status)
				if v.FailReason != "" {
					c.m.count("fail_reason", v.FailReason)
				}
				o.failed = true
			} else {
				c.m.count(kind+" at the end", v.Status)
				if o.deleted {
					c.m.fault("the %s %s was deleted, and is %s", kind, v.ID, v.Status)
				}
			}
		}
		for id, o := range c.m.objects {
			if o.kind == kind && !there[id] && !o.deleted && !o.maybe {
				c.m.fault("the %s %s has vanished", kind, id)
			}
		}
	}
}

// quotas compares the usage with the rows.
func (c *client) quotas(ctx context.Context, rows map[string][]row) {
	status, raw := c.get(ctx, "/os-quota-sets/"+project+"?usage=true")
	var answer struct {
		Set map[string]json.RawMessage `json:"quota_set"`
	}
	if status != http.StatusOK || json.Unmarshal(raw, &answer) != nil {
		c.m.fault("the quotas are %d %s", status, raw)
		return
	}
	sum := func(kind string) (n int) {
		for _, v := range rows[kind] {
			n += v.Size
		}
		return n
	}
	want := map[string]int{"volumes": len(rows["volume"]), "snapshots": len(rows["snapshot"]), "backups": len(rows["backup"]),
		"gigabytes": sum("volume") + sum("snapshot"), "backup_gigabytes": sum("backup")}
	for name, n := range want {
		var usage struct {
			InUse    int `json:"in_use"`
			Reserved int
		}
		if err := json.Unmarshal(answer.Set[name], &usage); err != nil || usage.InUse != n || usage.Reserved != 0 {
			c.m.fault("the quota of %s says %s, but %d are there", name, answer.Set[name], n)
		}
	}
}

// files compares the bytes of the files with the model.
func (c *client) files(ctx context.Context, rows map[string][]row, kind string) {
	query := "SELECT id || ' ' || split_part(host, '@', 1) || '/volumes/' || COALESCE(NULLIF(file, ''), 'volume-' || id) FROM volumes"
	if kind == "snapshot" {
		query = "SELECT s.id || ' ' || split_part(v.host, '@', 1) || '/snapshots/' || COALESCE(NULLIF(s.file, ''), 'snapshot-' || s.id) FROM snapshots s JOIN volumes v ON v.id = s.volume_id"
	}
	found, err := c.w.pg.texts(ctx, query)
	if err != nil {
		c.m.fault("%v", err)
	}
	paths := map[string]string{}
	for _, line := range found {
		id, path, _ := strings.Cut(line, " ")
		paths[id] = path
	}
	for _, v := range rows[kind] {
		o := c.m.objects[v.ID]
		if o == nil || v.Status != "available" {
			continue
		}
		got, err := readContent(filepath.Join(c.w.options.dir, paths[v.ID]))
		switch {
		case err != nil:
			c.m.fault("the %s %s is available: %v", kind, v.ID, err)
		case !o.may(got):
			c.m.fault("the %s %s has %d blocks, and not what was written", kind, v.ID, len(got))
		default:
			c.m.count("verified", kind+"s")
		}
	}
}

// jobsOnce checks that no job was done twice: the end of each is stored once, and each failure has
// one message.
func (c *client) jobsOnce(ctx context.Context) {
	twice, err := c.w.pg.texts(ctx, "SELECT id FROM job_ends GROUP BY id HAVING COUNT(*) > 1")
	if err != nil || len(twice) > 0 {
		c.m.fault("jobs that were done twice: %v %v", twice, err)
	}
	done, err := c.w.pg.texts(ctx, "SELECT COUNT(*)::TEXT || ' done, ' || COUNT(*) FILTER (WHERE attempts > 1)::TEXT || ' of them not by the first attempt' FROM job_ends")
	if err != nil {
		c.m.fault("%v", err)
	}
	say("jobs: %s", strings.Join(done, ""))
	status, raw := c.get(ctx, "/messages?limit=1000")
	var answer struct {
		Messages []struct {
			Request  string `json:"request_id"`
			Resource string `json:"resource_uuid"`
			Event    string `json:"event_id"`
		}
	}
	if status != http.StatusOK || json.Unmarshal(raw, &answer) != nil {
		c.m.fault("the messages are %d %.200s", status, raw)
	}
	seen := map[string]bool{}
	for _, message := range answer.Messages {
		key := message.Request + " " + message.Resource + " " + message.Event
		if seen[key] {
			c.m.fault("two messages of one request: %s", key)
		}
		seen[key] = true
	}
	c.m.mu.Lock()
	c.m.counts["messages"] = map[string]int{"each of another failure": len(answer.Messages)}
	c.m.mu.Unlock()
}

// objects returns the prefixes of the objects in the bucket, by backup.
func (w *world) objects() (map[string][]string, error) {
	found := map[string][]string{}
	root := filepath.Join(w.options.storeDir, "volumebackups")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile, or no backup was made
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".sgwtmp" { // uploads that are not complete, of the store
				return filepath.SkipDir
			}
			return nil
		}
		key, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		prefix, rest, ok := strings.Cut(key, "_backup_")
		if d.Name() == ".cindergate-id" { // names the installation
			return nil
		}
		if !ok || len(rest) < 36 {
			found["nobody"] = append(found["nobody"], key)
			return nil
		}
		if id := rest[:36]; !slices.Contains(found[id], prefix) {
			found[id] = append(found[id], prefix)
		}
		return nil
	})
	return found, err
}

// bucket checks that every object is of a backup, and of one attempt if the backup is available.
func (c *client) bucket(ctx context.Context, backups []row) {
	status := map[string]string{}
	for _, b := range backups {
		status[b.ID] = b.Status
	}
	var strays []string
	// The objects of an attempt that has failed are removed after the row says so.
	err := poll(ctx, 20*time.Second, "the bucket has no strays", func() bool {
		strays = nil
		found, err := c.w.objects()
		if err != nil {
			strays = append(strays, err.Error())
		}
		for id, prefixes := range found {
			if status[id] == "" || status[id] == "available" && len(prefixes) > 1 {
				strays = append(strays, fmt.Sprintf("backup %s (%s): %v", id, status[id], prefixes))
			}
		}
		for id, s := range status {
			if s == "available" && len(found[id]) == 0 {
				strays = append(strays, fmt.Sprintf("backup %s is available and has no objects", id))
			}
		}
		return len(strays) == 0
	})
	if err != nil {
		c.m.fault("strays in the bucket: %s", strings.Join(strays, "; "))
	}
	c.stray("in the bucket", len(strays))
}

func (c *client) stray(where string, n int) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.m.counts["strays"] == nil {
		c.m.counts["strays"] = map[string]int{}
	}
	c.m.counts["strays"][where] = n
}

// directories checks that every file of a gateway is that of a row.
func (c *client) directories(ctx context.Context) {
	var strays []string
	err := poll(ctx, 20*time.Second, "the directories have no strays", func() bool {
		rows, err := c.w.pg.texts(ctx, `SELECT split_part(host, '@', 1) || '/volumes/' || COALESCE(NULLIF(file, ''), 'volume-' || id) FROM volumes
			UNION ALL SELECT split_part(v.host, '@', 1) || '/snapshots/' || COALESCE(NULLIF(s.file, ''), 'snapshot-' || s.id) FROM snapshots s JOIN volumes v ON v.id = s.volume_id`)
		if err != nil {
			strays = []string{err.Error()}
			return false
		}
		strays = nil
		uncommitted := 0
		for _, g := range c.w.members {
			for _, dir := range []string{"volumes", "snapshots", "lost+found"} {
				entries, err := os.ReadDir(filepath.Join(g.dir, dir))
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					strays = append(strays, err.Error())
				}
				for _, e := range entries {
					path := filepath.Join(g.name, dir, e.Name())
					switch {
					case e.Name() == ".cindergate-id" || slices.Contains(rows, path):
					case uncommitted < c.m.unknownCreates() && c.isBlank(path):
						uncommitted++
					default:
						strays = append(strays, path)
					}
				}
			}
		}
		c.stray("empty files of creates that were not committed", uncommitted)
		return len(strays) == 0
	})
	if err != nil {
		c.m.fault("strays in directories: %s", strings.Join(strays, "; "))
	}
	c.stray("in directories", len(strays))
}

// isBlank reports whether a path may be that of a create without an answer: the file is made before the row.
// If the database then does not tell whether the row was committed, the file stays, and the next
// start moves it to lost+found. It is the first file of a volume, and has no data.
func (c *client) isBlank(path string) bool {
	id, ok := strings.CutPrefix(filepath.Base(path), "volume-")
	if !ok || len(id) != 36 {
		return false
	}
	got, err := readContent(filepath.Join(c.w.options.dir, path))
	return err == nil && len(got) == 0
}

// unknownCreates is how many creates of empty volumes had an answer that left open what has happened.
func (m *model) unknownCreates() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for result, count := range m.counts["create volume"] {
		if result != "ok" && !strings.HasPrefix(result, "4") {
			n += count
		}
	}
	return n
}

// restores restores every available backup to a new volume, and compares the bytes.
func (c *client) restores(ctx context.Context, backups []row) {
	var work errgroup.Group
	work.SetLimit(6)
	var seed atomic.Uint64
	for _, b := range backups {
		o := c.m.objects[b.ID]
		if b.Status != "available" || o == nil {
			continue
		}
		work.Go(func() error {
			own := &client{api: c.api, w: c.w, m: c.m, r: newRand(seed.Add(1), 0)}
			restored := &object{}
			own.create(ctx, "verifying restore", "volume", "/backups/"+b.ID+"/restore", fields{"restore": fields{}}, restored, &object{contents: o.contents})
			if restored.id == "" || restored.failed || restored.frozen {
				c.m.fault("the available backup %s cannot be restored", b.ID)
				return nil
			}
			got, err := readContent(c.w.volumeFile(ctx, restored.id))
			switch {
			case err != nil:
				c.m.fault("the restored volume of backup %s: %v", b.ID, err)
			case !o.may(got):
				c.m.fault("the backup %s restores to %d blocks, and not to what its volume had", b.ID, len(got))
			default:
				c.m.count("verified", "backups")
			}
			own.remove(ctx, restored)
			return nil
		})
	}
	_ = work.Wait() // errors are recorded
}

// clean deletes everything, and checks that nothing stays: no object, no file, no usage.
func (c *client) clean(ctx context.Context) {
	var rows map[string][]row
	for range 100 { // of chains, the last backup can be deleted first
		rows = c.quiet(ctx, time.Minute)
		left := slices.ContainsFunc(kinds, func(kind string) bool { return len(rows[kind]) > 0 })
		accepted := false
		for _, kind := range kinds {
			var mu sync.Mutex
			var work errgroup.Group
			work.SetLimit(8)
			for _, v := range rows[kind] {
				work.Go(func() error {
					status, _ := c.call(ctx, http.MethodDelete, "/"+kind+"s/"+v.ID, nil)
					mu.Lock()
					defer mu.Unlock()
					accepted = accepted || status == http.StatusAccepted
					return nil
				})
			}
			_ = work.Wait() // it has no errors
		}
		if !left || !accepted {
			break
		}
	}
	for _, kind := range kinds {
		for _, v := range rows[kind] {
			c.m.fault("the %s %s (%s) cannot be deleted", kind, v.ID, v.Status)
		}
	}
	c.quotas(ctx, rows)
	c.directories(ctx)
	c.bucket(ctx, rows["backup"])
}
