package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server does not start with a new database on old data. It prints how to proceed, and
// that works.
func TestLostDatabase(t *testing.T) {
	const id = "11111111-2222-4333-8444-555555555555"
	s := newServer(t, "AUTH=noauth")
	s.start()
	s.terminate()
	database, err := filepath.Glob(filepath.Join(s.data, "cindergate.db*"))
	must(t, err)
	for _, name := range database {
		must(t, os.Remove(name))
	}
	must(t, os.WriteFile(filepath.Join(s.data, "volumes", "volume-"+id), []byte("precious"), 0o600))

	_, err = command("serve", "--data", s.data, "--listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(err.Error(), "cindergate adopt --data "+s.data) {
		t.Fatal(err)
	}
	if _, err := command("adopt", "--data", s.data, "--project", "Not an id"); err == nil || !strings.Contains(err.Error(), "is not an id") {
		t.Fatal(err)
	}
	if _, err := command("adopt", "--data", s.data); err == nil || !strings.Contains(err.Error(), "project") {
		t.Fatal(err)
	}
	out, err := command("adopt", "--data", s.data, "--project", "abc")
	must(t, err)
	if want := "volume " + id + ": available\n"; out != want {
		t.Fatalf("printed %q, want %q", out, want)
	}
	out, err = command("adopt", "--data", s.data, "--project", "abc")
	must(t, err)
	if out != "nothing was found that has no row\n" {
		t.Fatal(out)
	}
	got, err := os.ReadFile(filepath.Join(s.data, "volumes", "volume-"+id))
	if err != nil || !strings.HasPrefix(string(got[:8]), "precious") {
		t.Fatal(err)
	}
	s.start()
}
