package copies

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"cindergate/driver"
	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// What only this gateway understands is what does not travel.
func TestKeysOfCopiesDoNotTravel(t *testing.T) {
	for _, key := range []string{driver.CopyTo, driver.CopyStatus, driver.CopyID, driver.CopyProgress, driver.CopyError} {
		if kept, stays := move.Travels(map[string]string{key: "v", "k": "v"}); len(kept) != 1 || len(stays) != 1 {
			t.Errorf("%s travels", key)
		}
		if driver.IsCopyState(key) != (key != driver.CopyTo) {
			t.Errorf("IsCopyState(%s) is wrong", key)
		}
	}
}

func TestCheck(t *testing.T) {
	c := New(Options{Backends: map[string]*cloud.Access{"west": {}, "east": {}, "here": nil}})
	if err := c.Check("west"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"north": `Invalid input received: metadata cindergate:copy-to: there is no backend "north"; these take copies: east, west.`,
		"here":  `Invalid input received: metadata cindergate:copy-to: the backend "here" has no credential for copies; these take copies: east, west.`,
	} {
		if err := c.Check(name); err == nil || err.Error() != want || driver.KindOf(err) != driver.InvalidInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := New(Options{}).Check("x"); err == nil || !strings.HasSuffix(err.Error(), "no backend takes copies.") {
		t.Error(err)
	}
}

// Users see why a copy failed, without addresses of the operator's network and paths of the
// machine.
func TestErrorsForUsers(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	address := closed.URL
	closed.Close()
	var status atomic.Int64
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", int(status.Load()))
	}))
	defer refusing.Close()
	c := New(Options{Dir: t.TempDir(), Backends: map[string]*cloud.Access{
		"refusing": {AuthURL: refusing.URL + "/v3", ID: "id", Secret: "s"}}})
	for code, kind := range map[int]driver.Kind{401: driver.Unauthorized, 404: driver.Unauthorized, 403: driver.Unauthorized} {
		status.Store(int64(code))
		_, err := c.Login(t.Context(), "refusing")
		var e *driver.Error
		if !errors.As(err, &e) || e.Kind != kind || strings.Contains(e.Message, "127.0.0.1") || !strings.Contains(e.Message, fmt.Sprint(code)) {
			t.Errorf("%d: %v", code, err)
		}
	}
	_, dial := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(address, "http://"))
	_, get := http.Get(address)
	_, open := os.Open("/no/such/file")
	for _, err := range []error{dial, get, open, fmt.Errorf("x: %w", open), &fs.PathError{Op: "write", Path: "/data/copies", Err: errors.New("full")}} {
		var e *driver.Error
		if !errors.As(classify("west", err), &e) || e.Kind != driver.Unavailable || strings.Contains(e.Message, "127.0.0.1") || strings.Contains(e.Message, "/") ||
			!strings.HasPrefix(e.Message, "The copy to backend west failed: ") {
			t.Errorf("%v: %v", err, e)
		}
	}
	if err := classify("west", &sourceError{fs.ErrPermission}); err != fs.ErrPermission { //nolint:errorlint // it is the same
		t.Errorf("an error of the content is %v", err)
	}
	if err := classify("west", fmt.Errorf("x: %w", context.Canceled)); driver.KindOf(err) != driver.Internal {
		t.Errorf("the end of an attempt is %v", err)
	}
}

// A backup of an encrypted volume is refused before anything is asked, and the journal of a copy
// that has not ended is never removed.
func TestRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	c := New(Options{Dir: dir})
	if _, err := c.Copy(t.Context(), driver.Copy{ID: c.NewID(), Backup: driver.Backup{EncryptionKeyID: "k"}}); driver.KindOf(err) != driver.InvalidState {
		t.Error(err)
	}
	s, err := move.Ensure(dir, move.Journal{ID: c.NewID()})
	if err != nil {
		t.Fatal(err)
	}
	id := s.ID
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.Forget(id)
	c.Forget(c.NewID()) // one that does not exist
	if _, err := move.Read(dir, id); err != nil {
		t.Error(err)
	}
}
