package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cindergate/internal/marker"
	"cindergate/internal/policy"
)

// Load on the server.
const (
	sources     = 3        // volumes to back up, each by its own client
	dataOf      = 64 << 20 // random bytes in each volume; the rest of the GiB is sparse
	keepBackups = 4        // per volume; further backups are deleted
)

// A backup's name is the fingerprint of its volume at that time; a restored volume has the
// name of the backup. So the test can check requests whose answers were lost in a crash.
type (
	backupView struct {
		ID, Name, Status string
		FailReason       string `json:"fail_reason"`
		VolumeID         string `json:"volume_id"`
	}
	volumeView struct{ ID, Name, Status string }
)

// pace returns how often the server is killed, and its maximum lifetime. The variable KILLS asks for more.
func pace() (kills int, life time.Duration) {
	if n, err := strconv.Atoi(os.Getenv("KILLS")); err == nil {
		return n, 2 * time.Second
	}
	if raceEnabled {
		return 8, 3 * time.Second // jobs take longer there
	}
	return 26, 2 * time.Second
}

// TestKill kills the server at random moments while backups, incremental and synthetic full backups, restores,
// deletes, and rebases of what builds on deleted backups run. Afterwards the content of everything must match its status.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := newServer(t, "AUTH=noauth", "LOG_LEVEL=info", "EMBEDDED_WORKERS=3", "EMBEDDED_DELETE_PARENTS=rebase", "EMBEDDED_QUOTAS_VOLUMES=-1",
		"EMBEDDED_QUOTAS_BACKUPS=-1", "EMBEDDED_QUOTAS_GIGABYTES=-1", "EMBEDDED_QUOTAS_BACKUP_GIGABYTES=-1")
	s.start()
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var accepted atomic.Int64
	for i := range sources {
		c := &client{server: s, random: rand.New(rand.NewPCG(seed, uint64(i))), accepted: &accepted}
		c.makeVolume(t)
		clients.Add(1)
		go func() { defer clients.Done(); c.work(ctx, t) }()
	}
	random := rand.New(rand.NewPCG(seed, sources))
	kills, life := pace()
	busy := 0
	for range kills {
		moment := time.NewTimer(50*time.Millisecond + time.Duration(random.Int64N(int64(life))))
		<-moment.C
		var found struct{ Backups []backupView }
		if s.api(ctx, http.MethodGet, "/backups/detail", nil, &found) == nil &&
			slices.ContainsFunc(found.Backups, func(b backupView) bool { return !settled(b.Status) }) {
			busy++
		}
		s.kill()
		s.start()
	}
	stop()
	clients.Wait()
	t.Logf("%d kills, %d of them during jobs; %d requests were accepted", kills, busy, accepted.Load())
	if busy < kills/3 {
		t.Errorf("only %d of %d kills hit a job", busy, kills)
	}
	backups, volumes := s.settle()
	s.checkVolumes(volumes, backups)
	s.checkStore(backups)
	s.checkRestores(backups)
	if code, _ := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.checkDatabase()
}

// TestTerminate terminates the server during a backup. The backup must finish after the
// next start.
func TestTerminate(t *testing.T) {
	s := newServer(t, "AUTH=noauth")
	s.start()
	c := &client{server: s, random: rand.New(rand.NewPCG(1, 1)), accepted: new(atomic.Int64)}
	c.makeVolume(t)
	c.mutate(t)
	name := fingerprint(t, s.volumeFile(c.volume))
	must(t, s.api(t.Context(), http.MethodPost, "/backups", map[string]any{"backup": map[string]any{"volume_id": c.volume, "name": name}}, nil))
	poll(t, "the backup writes", func() bool { return len(s.objects()) > 0 })
	code, took := s.terminate()
	if code != 0 || took > 10*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
	s.start()
	backups, _ := s.settle()
	if len(backups) != 1 || backups[0].Status != "available" {
		t.Fatalf("after the restart: %+v", backups)
	}
	s.checkStore(backups)
	s.checkRestores(backups)
}

// ---- clients

// client repeatedly changes one volume and backs it up.
type client struct {
	*server
	random   *rand.Rand
	volume   string
	accepted *atomic.Int64
}

func (c *client) makeVolume(t testing.TB) {
	t.Helper()
	var made struct{ Volume volumeView }
	must(t, c.api(t.Context(), http.MethodPost, "/volumes", map[string]any{"volume": map[string]any{"size": 1}}, &made))
	c.volume = made.Volume.ID
	piece := make([]byte, 1<<20)
	f, err := os.OpenFile(c.volumeFile(c.volume), os.O_WRONLY, 0)
	must(t, err)
	for range dataOf / len(piece) {
		c.fill(piece)
		_, err := f.WriteAt(piece, c.random.Int64N(1<<30-int64(len(piece))))
		must(t, err)
	}
	must(t, f.Close())
}

func (c *client) fill(piece []byte) {
	for i := 0; i+8 <= len(piece); i += 8 {
		binary.LittleEndian.PutUint64(piece[i:], c.random.Uint64())
	}
}

// mutate changes part of the volume's content, some of it to zeroes.
func (c *client) mutate(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile(c.volumeFile(c.volume), os.O_WRONLY, 0)
	must(t, err)
	piece := make([]byte, 300_000)
	for i := range 20 {
		if i%4 > 0 {
			c.fill(piece)
		} else {
			clear(piece)
		}
		_, err := f.WriteAt(piece, c.random.Int64N(1<<30-int64(len(piece))))
		must(t, err)
	}
	must(t, f.Close())
}

// work runs until ctx ends, and continues after crashes.
func (c *client) work(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		err := c.step(ctx, t)
		switch {
		case err == nil:
			c.accepted.Add(1)
			continue
		case ctx.Err() != nil, errors.Is(err, errDown), refused(err, http.StatusBadRequest, http.StatusNotFound):
			// 400 and 404: the state has just changed.
		default:
			t.Errorf("volume %s: %v", c.volume, err)
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

var errNothing = &refusal{status: http.StatusBadRequest}

// step makes the next request that the current statuses allow.
func (c *client) step(ctx context.Context, t *testing.T) error {
	var mine struct{ Backups []backupView }
	if err := c.api(ctx, http.MethodGet, "/backups/detail?volume_id="+c.volume, nil, &mine); err != nil {
		return err
	}
	var volume struct{ Volume volumeView }
	if err := c.api(ctx, http.MethodGet, "/volumes/"+c.volume, nil, &volume); err != nil {
		return err
	}
	var ready []backupView
	for _, b := range mine.Backups {
		if b.Status == "available" || b.Status == "error" {
			ready = append(ready, b)
		}
	}
	switch dice := c.random.IntN(4); {
	case len(mine.Backups) > keepBackups && len(ready) > 0:
		// Those that build on it are rebased.
		return c.api(ctx, http.MethodDelete, "/backups/"+ready[c.random.IntN(len(ready))].ID, nil, nil)
	case volume.Volume.Status == "available" && dice < 3:
		c.mutate(t)
		backup := map[string]any{"volume_id": c.volume, "name": fingerprint(t, c.volumeFile(c.volume))}
		if dice > 0 && slices.ContainsFunc(ready, func(b backupView) bool { return b.Status == "available" }) {
			backup["incremental"] = true
			if c.random.IntN(4) == 0 {
				backup["metadata"] = map[string]string{policy.SyntheticKey: policy.SyntheticFull}
			}
		}
		return c.api(ctx, http.MethodPost, "/backups", map[string]any{"backup": backup}, nil)
	case len(ready) > 0 && ready[0].Status == "available" && dice == 3:
		var all struct{ Volumes []volumeView }
		if err := c.api(ctx, http.MethodGet, "/volumes", nil, &all); err != nil {
			return err
		}
		if len(all.Volumes) > 3*sources {
			return errNothing // the disk has limited space
		}
		return c.api(ctx, http.MethodPost, "/backups/"+ready[0].ID+"/restore",
			map[string]any{"restore": map[string]any{"name": ready[0].Name}}, nil)
	}
	return errNothing
}

// ---- final checks

func settled(status string) bool {
	return status == "available" || strings.HasPrefix(status, "error")
}

// settle waits until no job is left, and returns all backups and volumes.
func (s *server) settle() (backups []backupView, volumes []volumeView) {
	s.t.Helper()
	poll(s.t, "everything is settled", func() bool {
		var b struct{ Backups []backupView }
		var v struct{ Volumes []volumeView }
		must(s.t, s.api(s.t.Context(), http.MethodGet, "/backups/detail", nil, &b))
		must(s.t, s.api(s.t.Context(), http.MethodGet, "/volumes/detail", nil, &v))
		var j struct{ Jobs []struct{ ID string } } // old objects of rebased backups may still be removed
		must(s.t, s.api(s.t.Context(), http.MethodGet, "/jobs", nil, &j))
		backups, volumes = b.Backups, v.Volumes
		return len(j.Jobs) == 0 && !slices.ContainsFunc(backups, func(b backupView) bool { return !settled(b.Status) }) &&
			!slices.ContainsFunc(volumes, func(v volumeView) bool { return !settled(v.Status) })
	})
	return backups, volumes
}

// checkVolumes checks that each restored volume equals its backup, or has an error status.
func (s *server) checkVolumes(volumes []volumeView, backups []backupView) {
	s.t.Helper()
	counts := map[string]int{}
	for _, v := range volumes {
		switch {
		case v.Name == "":
			counts["source "+v.Status]++
			if v.Status != "available" {
				s.t.Errorf("the source volume %s is %s", v.ID, v.Status)
			}
		case v.Status == "available":
			counts["restored"]++
			if got := fingerprint(s.t, s.volumeFile(v.ID)); got != v.Name {
				s.t.Errorf("the volume %s was restored to %s, want %s", v.ID, got, v.Name)
			}
		default:
			counts[v.Status]++
			if v.Status != "error_restoring" && v.Status != "error" {
				s.t.Errorf("the volume %s is %s", v.ID, v.Status)
			}
		}
	}
	for _, b := range backups {
		counts["backup "+b.Status]++
		switch {
		case b.Status == "error" && b.FailReason == "":
			s.t.Errorf("the backup %s is in error without a reason", b.ID)
		case b.Status != "available" && b.Status != "error":
			s.t.Errorf("the backup %s is %s (%s)", b.ID, b.Status, b.FailReason)
		}
	}
	s.t.Logf("in the end: %v", counts)
}

// checkRestores restores every backup.
func (s *server) checkRestores(backups []backupView) {
	s.t.Helper()
	for _, b := range backups {
		if b.Status != "available" {
			continue
		}
		var made struct {
			Restore struct {
				VolumeID string `json:"volume_id"`
			}
		}
		must(s.t, s.api(s.t.Context(), http.MethodPost, "/backups/"+b.ID+"/restore",
			map[string]any{"restore": map[string]any{"name": b.Name}}, &made))
		path := "/volumes/" + made.Restore.VolumeID
		var got struct{ Volume volumeView }
		poll(s.t, "the restore of "+b.ID, func() bool {
			must(s.t, s.api(s.t.Context(), http.MethodGet, path, nil, &got))
			return settled(got.Volume.Status)
		})
		if got.Volume.Status != "available" {
			s.t.Errorf("the restore of %s ended in %s", b.ID, got.Volume.Status)
			continue
		}
		if is := fingerprint(s.t, s.volumeFile(made.Restore.VolumeID)); is != b.Name {
			s.t.Errorf("the backup %s was restored to %s, want %s", b.ID, is, b.Name)
		}
		must(s.t, s.api(s.t.Context(), http.MethodDelete, path, nil, nil))
		poll(s.t, "the deletion of a volume", func() bool {
			return refused(s.api(s.t.Context(), http.MethodGet, path, nil, nil), http.StatusNotFound)
		})
	}
}

// checkStore checks that every object belongs to an available backup, under the prefix in
// its record.
func (s *server) checkStore(backups []backupView) {
	s.t.Helper()
	owned := map[string]int{}
	for _, b := range backups {
		if b.Status != "available" {
			continue
		}
		var exported struct {
			Record struct {
				URL string `json:"backup_url"`
			} `json:"backup-record"`
		}
		must(s.t, s.api(s.t.Context(), http.MethodGet, "/backups/"+b.ID+"/export_record", nil, &exported))
		text, err := base64.StdEncoding.DecodeString(exported.Record.URL)
		must(s.t, err)
		var record struct {
			Container string
			Prefix    string `json:"service_metadata"`
		}
		must(s.t, json.Unmarshal(text, &record))
		owned[record.Container+"/"+record.Prefix] = 0
	}
	for _, key := range s.objects() {
		i := max(strings.LastIndexAny(key, "-_"), 0)
		if _, ok := owned[key[:i]]; !ok {
			s.t.Errorf("the object %s belongs to no available backup", key)
			continue
		}
		owned[key[:i]]++
	}
	for prefix, n := range owned {
		if n < 2 {
			s.t.Errorf("%s has %d objects", prefix, n)
		}
	}
}

// objects returns the keys of all files in the store.
func (s *server) objects() []string {
	s.t.Helper()
	var keys []string
	root := filepath.Join(s.data, "backups")
	must(s.t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted in the meantime
		}
		if err != nil || entry.IsDir() || entry.Name() == marker.Name {
			return err
		}
		key, err := filepath.Rel(root, path)
		keys = append(keys, key)
		return err
	}))
	return keys
}

func (s *server) checkDatabase() {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "cindergate.db"))
	must(s.t, err)
	defer db.Close()
	var verdict string
	must(s.t, db.QueryRowContext(s.t.Context(), "PRAGMA integrity_check").Scan(&verdict))
	if verdict != "ok" {
		s.t.Errorf("database: %s", verdict)
	}
	for _, query := range []string{"SELECT COUNT(*) FROM jobs", "SELECT COUNT(*) FROM pragma_foreign_key_check"} {
		var n int
		must(s.t, db.QueryRowContext(s.t.Context(), query).Scan(&n))
		if n > 0 {
			s.t.Errorf("%s: %d", query, n)
		}
	}
}

func (s *server) volumeFile(id string) string {
	s.t.Helper()
	return volumeFile(s.t, s.data, id)
}

// volumeFile returns the path of the file of a volume that no job uses. Its name may end in
// the attempt at the job that has written it.
func volumeFile(t testing.TB, data, id string) string {
	t.Helper()
	var files []string
	poll(t, "the removal of a volume's old file", func() (done bool) {
		var err error
		files, err = filepath.Glob(filepath.Join(data, "volumes", "volume-"+id+"*"))
		must(t, err)
		return len(files) == 1
	})
	return files[0]
}

// fingerprint returns a digest of a volume's size and of all non-zero blocks with their
// offsets.
func fingerprint(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	sum := sha256.New()
	fmt.Fprintln(sum, info.Size())
	const size = 64 << 10
	block, zero := make([]byte, size), make([]byte, size)
	for at := int64(0); ; at += size {
		data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return hex.EncodeToString(sum.Sum(nil))
		}
		must(t, err)
		at = data / size * size
		_, err = f.ReadAt(block, at)
		must(t, err)
		if string(block) != string(zero) {
			fmt.Fprintln(sum, at)
			sum.Write(block)
		}
	}
}
