package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"cindergate/internal/filelock/locktest"
)

func TestStickAndSnapshot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.volume()
	r.do("POST /faults", `[{"job":{"kind":"backup","stick":true}}]`, 200)
	b := r.backup(v)
	r.do("POST /clock/advance", `{"by":"2h"}`, 200)
	r.login()
	if held := r.jobs.held(); len(held) != 1 || held[0].Rule != 1 || !slices.Contains(held[0].Resources, b) {
		t.Fatalf("%+v", held)
	}
	r.do("POST /snapshots/stuck", "", 200)
	r.settle()
	if status := r.status("backup", b); status != "creating" {
		t.Fatal(status)
	}
	r.do("DELETE /faults", "", 204)
	r.settle()
	if status := r.status("backup", b); status != "available" {
		t.Fatal(status)
	}
	r.do("POST /snapshots/stuck/restore", "", 204)
	r.settle()
	if status := r.status("backup", b); status != "creating" { // as it was saved
		t.Fatal(status)
	}
	r.do("POST /release", `{"resource":"`+b+`"}`, 200)
	r.settle()
	if status := r.status("backup", b); status != "available" {
		t.Fatal(status)
	}
	// A time that is not over goes on.
	r.do("PUT /transitions", `{"snapshot.creating":{"progression":"time","duration":"10m"}}`, 200)
	s, _ := member(r.ask("POST /snapshots", `{"snapshot":{"volume_id":"`+v+`"}}`, 202), "snapshot", "id").(string)
	r.do("POST /clock/advance", `{"by":"6m"}`, 200)
	r.do("POST /snapshots/timed", "", 200)
	for _, want := range []string{"creating", "available"} {
		if status := r.status("snapshot", s); status != want {
			t.Fatalf("%s, want %s", status, want)
		}
		r.do("POST /clock/advance", `{"by":"4m"}`, 200)
	}
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.volume()
	check(t, r.WriteVolume(t.Context(), v, 100<<20, []byte("before")))
	r.do("POST /snapshots/one", "", 200)
	r.do("GET /snapshots/one/restore", "", 404)
	token := r.token
	check(t, r.WriteVolume(t.Context(), v, 100<<20, []byte("after!")))
	made := r.volume()
	r.do("POST /clock/advance", `{"by":"2h"}`, 200)
	if answer, _ := r.send(r.public, "GET /v3/volumes", ""); answer.StatusCode != 401 {
		t.Fatalf("the token works after two hours: %d", answer.StatusCode)
	}
	r.do("POST /snapshots/one/restore", "", 204)
	r.token = token
	if got := r.Clock.Now(); !got.Equal(start) {
		t.Error(got)
	}
	r.ask("GET /volumes/"+v, "", 200)
	r.ask("GET /volumes/"+made, "", 404)
	if got, err := r.ReadVolume(t.Context(), v, 100<<20, 6); err != nil || string(got) != "before" {
		t.Fatalf("%q %v", got, err)
	}
	if again := r.volume(); again != made {
		t.Errorf("the same request makes %s, before it made %s", again, made)
	}
	var all []Snapshot
	check(t, json.Unmarshal(r.do("GET /snapshots", "", 200), &all))
	if len(all) != 1 || all[0].Name != "one" || !all[0].Manual || all[0].Bytes > 64<<20 {
		t.Errorf("%+v", all)
	}
	r.do("DELETE /snapshots/one", "", 204)
	r.do("POST /snapshots/one/restore", "", 404)
	r.do("DELETE /snapshots/one", "", 404)
	r.ask("GET /volumes/"+v, "", 200)
}

func TestRestoreAmongRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.volume()
	check(t, r.WriteVolume(t.Context(), v, 0, []byte("x")))
	r.do("POST /snapshots/s", "", 200)
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				answer, _, err := r.try(r.public, "POST /v3/backups", `{"backup":{"volume_id":"`+v+`","force":true}}`)
				if err != nil || !slices.Contains([]int{202, 400, 413}, answer.StatusCode) {
					t.Errorf("%v %v", answer, err)
					return
				}
			}
		})
	}
	for range 10 {
		r.do("POST /snapshots/s/restore", "", 204)
	}
	close(done)
	clients.Wait()
	r.settle()
	if status := r.status("volume", v); status != "available" {
		t.Error(status)
	}
}

func TestRestoreAmongAdvances(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST /snapshots/s", "", 200)
	done := make(chan struct{})
	var mover sync.WaitGroup
	mover.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if answer, got, err := r.try(r.control, "POST "+Prefix+"/clock/advance", `{"by":"1h"}`); err != nil || answer.StatusCode != 200 && answer.StatusCode != 504 {
					t.Errorf("%v %s", err, got)
					return
				}
			}
		}
	})
	for range 5 {
		r.do("POST /snapshots/s/restore", "", 204)
	}
	close(done)
	mover.Wait()
	r.do("POST /snapshots/s/restore", "", 204)
	if now := r.Clock.Now(); !now.Equal(start) {
		t.Error(now)
	}
}

func TestRestoreEndsDelays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST /snapshots/s", "", 200)
	r.do("POST /faults", `[{"match":{"method":"GET","route":"/volumes"},"answer":{"delay":"10h"}}]`, 200)
	answered := make(chan error, 1)
	go func() { _, _, err := r.try(r.public, "GET /v3/volumes", ""); answered <- err }()
	for r.Faults()[0].Struck == 0 { // until it has struck
	}
	r.do("POST /snapshots/s/restore", "", 204)
	check(t, <-answered)
}

func TestReset(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.volume()
	r.do("POST /faults", `[{"answer":{"status":500,"delay":"1h"}}]`, 200)
	r.do("PUT /transitions", `{"backup.creating":{"progression":"manual"}}`, 200)
	r.do("POST /clock/advance", `{"by":"24h"}`, 200)
	r.do("POST /reset", "", 204)
	if len(r.Faults()) > 0 || r.Transitions.All()["backup.creating"].Progression != Immediate || len(r.Journal.Find(Filter{})) > 0 || !r.Clock.Now().Equal(start) {
		t.Error("something is left")
	}
	if answer, _ := r.send(r.public, "GET /v3/volumes", ""); answer.StatusCode != 401 {
		t.Errorf("a token of before works: %d", answer.StatusCode)
	}
	r.login()
	if n := len(r.ask("GET /volumes", "", 200)["volumes"].([]any)); n != 0 {
		t.Errorf("%d volumes are left", n)
	}
	if again := r.volume(); again != first {
		t.Errorf("the first volume is %s, it was %s", again, first)
	}
}

func BenchmarkReset(b *testing.B) {
	r := newRig(b)
	for b.Loop() {
		check(b, r.Reset(b.Context()))
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	below := t.TempDir()
	dead, lock, err := makeScratch(below)
	check(t, err)
	check(t, lock.Close())
	alive, lock, err := makeScratch(below)
	check(t, err)
	defer lock.Close()
	strange := filepath.Join(below, scratchPrefix+"x")
	check(t, os.Mkdir(strange, 0o700))
	sweep(below)
	for dir, want := range map[string]bool{dead: false, alive: true, strange: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// A directory that another process makes is not swept while it is being made.
func TestSweepWhileOthersBegin(t *testing.T) {
	t.Parallel()
	below := t.TempDir()
	locktest.Beside(t, func() error { sweep(below); return nil })
	for range 20 {
		locks := map[string]*os.File{}
		for range 50 {
			dir, lock, err := makeScratch(below)
			check(t, err)
			locks[dir] = lock
		}
		for dir, lock := range locks {
			if _, err := os.Stat(dir); err != nil {
				t.Error(err)
			}
			check(t, errors.Join(os.RemoveAll(dir), lock.Close()))
		}
	}
}

func BenchmarkSaveRestore(b *testing.B) {
	r := newRig(b)
	v := r.volume()
	check(b, r.WriteVolume(b.Context(), v, 0, bytes.Repeat([]byte("data"), 1<<18)))
	r.backup(v)
	r.settle()
	for b.Loop() {
		_, err := r.Save(b.Context(), "s")
		check(b, err)
		check(b, r.Restore(b.Context(), "s"))
	}
}
