package main

import (
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// spoil flips a bit of the largest data object. It returns a function that repairs it.
func (s *server) spoil() (repair func()) {
	s.t.Helper()
	var object string
	var good []byte
	must(s.t, filepath.WalkDir(filepath.Join(s.data, "backups"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(e.Name(), "-000") {
			return err
		}
		content, err := os.ReadFile(path)
		if len(content) > len(good) {
			object, good = path, content
		}
		return err
	}))
	bad := append([]byte(nil), good...)
	bad[len(bad)/2] ^= 1
	must(s.t, os.WriteFile(object, bad, 0o600))
	return func() { must(s.t, os.WriteFile(object, good, 0o600)) }
}

// status returns the status of a backup.
func (s *server) status(backup string) string {
	s.t.Helper()
	var got struct{ Backup backupView }
	must(s.t, s.api(s.t.Context(), http.MethodGet, "/backups/"+backup, nil, &got))
	return got.Backup.Status
}

// The command works the same whether the gateway runs or not, also where the path of the
// socket would be too long.
func TestScrub(t *testing.T) {
	s := newServer(t, "AUTH=noauth")
	s.data = filepath.Join(s.data, strings.Repeat("long", 30))
	s.start()
	c := &client{server: s, random: rand.New(rand.NewPCG(1, 1)), accepted: new(atomic.Int64)}
	c.makeVolume(t)
	c.mutate(t)
	must(t, s.api(t.Context(), http.MethodPost, "/backups", map[string]any{"backup": map[string]any{"volume_id": c.volume}}, nil))
	backups, _ := s.settle()
	b := backups[0].ID
	out, err := command("scrub", "--data", s.data)
	must(t, err)
	if !strings.HasPrefix(out, "backups: 1 ok; 1.0 GiB of volumes read") {
		t.Fatal(out)
	}
	repair := s.spoil()
	out, err = command("scrub", "--data", s.data)
	if err == nil || !strings.Contains(out, "backup "+b+" of project ") || !strings.Contains(out, "damaged: ") {
		t.Fatalf("%v: %s", err, out)
	}
	if got := s.status(b); got != "error" {
		t.Fatalf("the backup is %s", got)
	}
	st, err := os.Stat(filepath.Join(s.data, controlSocket))
	must(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v", st.Mode())
	}
	s.kill()
	repair()
	out, err = command("scrub", "--data", s.data, "--json")
	must(t, err)
	var got struct {
		ID     string `json:"backup_id"`
		Result string `json:"result"`
	}
	must(t, json.Unmarshal([]byte(out), &got))
	if got.ID != b || got.Result != "repaired" {
		t.Fatal(out)
	}
	s.start() // over the socket of the process that was killed
	if got := s.status(b); got != "available" {
		t.Fatalf("the backup is %s", got)
	}
	for _, args := range [][]string{{"--sample", "0%"}, {"--sample", "5"}, {"--workers", "0"}} {
		if _, err := command(append([]string{"scrub", "--data", s.data}, args...)...); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
