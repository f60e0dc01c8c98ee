package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
)

func options(server *chunktest.Server) s3.Options {
	return s3.Options{Endpoint: server.URL, AccessKey: chunktest.S3Key, SecretKey: chunktest.S3Secret,
		Options: object.Options{Name: "archive", Pause: time.Millisecond, MaxPause: 4 * time.Millisecond, Budget: 1e6, Patience: 10 * time.Second}}
}

func open(t *testing.T, o s3.Options) *object.Store {
	t.Helper()
	s, err := s3.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	chunktest.RunBelow(t, "suite", func(t *testing.T) chunk.Store {
		server := chunktest.NewS3(t)
		server.Set("suite", "", nil)
		s := open(t, options(server))
		if _, err := s.Claim(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// SSE-C is that of Cinder's s3 driver: whoever reads needs the key that wrote.
func TestCustomerKey(t *testing.T) {
	server := chunktest.NewS3(t)
	with := func(key string) *object.Store {
		o := options(server)
		if key != "" {
			o.CustomerKey = []byte(key)
		}
		return open(t, o)
	}
	const key = "0123456789abcdef0123456789abcdef"
	s := with(key)
	if _, err := s.Claim(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "volumebackups/o", chunktest.Bytes([]byte("secret")), 6); err != nil {
		t.Fatal(err)
	}
	read := func(s *object.Store) (string, error) {
		r, err := s.Get(t.Context(), "volumebackups/o")
		if err != nil {
			return "", err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		return string(b), err
	}
	if got, err := read(s); err != nil || got != "secret" {
		t.Errorf("%q %v", got, err)
	}
	if exists, err := s.Exists(t.Context(), "volumebackups/o"); err != nil || !exists {
		t.Error(exists, err)
	}
	for name, other := range map[string]*object.Store{"no key": with(""), "another key": with("anotheralbcdef0123456789abcdef01")} {
		got, err := read(other)
		if err == nil || strings.Contains(fmt.Sprintf("%+v", err), key) {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	o := options(server)
	o.CustomerKey = []byte("short")
	if _, err := s3.New(o); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a short key: %v", err)
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, valid := range map[string]bool{"https://s3.example.com": true, "http://127.0.0.1:7070/": true,
		"": false, "s3.example.com": false, "ftp://x": false, "https://x/path": false} {
		if _, err := s3.New(s3.Options{Endpoint: endpoint}); (err == nil) != valid {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

// A bucket that no request could name is refused at the start, and not called a store that is away.
func TestBuckets(t *testing.T) {
	for bucket, valid := range map[string]bool{"": true, "volumebackups": true, "Old_Name": true, "b": false, "a/b": false, "192.0.2.1": false, "a..b": false} {
		_, err := s3.New(s3.Options{Endpoint: "https://s3.example.com", Bucket: bucket})
		if (err == nil) != valid || err != nil && !strings.Contains(err.Error(), fmt.Sprintf("bucket %q", bucket)) {
			t.Errorf("%q: %v", bucket, err)
		}
	}
}

// S3 may say in the body of a 200 that a copy has failed (API reference, CopyObject: "If the error occurs during the
// copy operation, the error response is embedded in the 200 OK response").
func TestCopyFailsAfter200(t *testing.T) {
	server := chunktest.NewS3(t)
	s := open(t, options(server))
	if _, err := s.Claim(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "volumebackups/o", chunktest.Bytes([]byte("data")), 4); err != nil {
		t.Fatal(err)
	}
	failures := 0
	server.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Amz-Copy-Source") == "" || failures == 2 {
			return false
		}
		failures++
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>")
		return true
	})
	if err := s.Copy(t.Context(), chunk.Pair{From: "volumebackups/o", To: "volumebackups/p"}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(t.Context(), "volumebackups/p")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "data" || failures != 2 {
		t.Errorf("%q, %v, after %d failures", got, err, failures)
	}
}

// A service that takes locks and deletes the objects all the same is found out, and so is one that knows none.
func TestProbeLock(t *testing.T) {
	for name, c := range map[string]struct {
		mode  string
		serve func(*chunktest.Server)
		want  error
	}{
		"it protects":         {s3.Governance, func(s *chunktest.Server) { s.LockObjects(time.Now, true) }, nil},
		"compliance":          {s3.Compliance, func(s *chunktest.Server) { s.LockObjects(time.Now, true) }, nil},
		"it protects nothing": {s3.Governance, func(s *chunktest.Server) { s.LockObjects(time.Now, false) }, chunk.ErrNoLock},
		"it knows no locks": {s3.Governance, func(s *chunktest.Server) {
			s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Has("object-lock") {
					http.Error(w, "<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>", http.StatusNotFound)
					return true
				}
				return false
			})
		}, chunk.ErrNoLock},
		"it answers with a listing": {s3.Governance, func(s *chunktest.Server) {
			s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Has("object-lock") {
					_, _ = io.WriteString(w, "<ListBucketResult></ListBucketResult>")
				}
				return r.URL.Query().Has("object-lock")
			})
		}, chunk.ErrNoLock},
		"it is not configured": {"", func(s *chunktest.Server) { s.LockObjects(time.Now, true) }, chunk.ErrNoLock},
	} {
		t.Run(name, func(t *testing.T) {
			server := chunktest.NewS3(t)
			c.serve(server)
			o := options(server)
			o.ObjectLock = c.mode
			s := open(t, o)
			if _, err := s.Claim(t.Context(), "one"); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := s.ProbeLock(t.Context(), ""); !errors.Is(err, c.want) {
					t.Fatal(err)
				}
			}
		})
	}
	if _, err := s3.New(s3.Options{Endpoint: "https://s3.example.com", ObjectLock: "forever"}); err == nil || !strings.Contains(err.Error(), "forever") {
		t.Error(err)
	}
}

// If the service is away, nothing is known: that is another error than that it protects nothing.
func TestProbeLockAway(t *testing.T) {
	server := chunktest.NewS3(t)
	server.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("object-lock") {
			http.Error(w, "<Error><Code>InternalError</Code></Error>", http.StatusInternalServerError)
			return true
		}
		return false
	})
	o := options(server)
	o.ObjectLock, o.Patience = s3.Governance, time.Millisecond
	if err := open(t, o).ProbeLock(t.Context(), ""); err == nil || errors.Is(err, chunk.ErrNoLock) {
		t.Fatal(err)
	}
}

// A refused delete of several objects leaves nothing behind that runs: deletes are tried again for weeks.
func TestRefusedDeletesLeaveNoGoroutines(t *testing.T) {
	server := chunktest.NewS3(t)
	server.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Query().Has("delete") {
			http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
			return true
		}
		return false
	})
	server.LockObjects(time.Now, true)
	o := options(server)
	o.ObjectLock = s3.Governance
	s := open(t, o)
	if _, err := s.Claim(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i := range 8 {
		keys = append(keys, fmt.Sprintf("volumebackups/o%d", i))
		if err := s.Put(t.Context(), keys[i], chunktest.Bytes([]byte("x")), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), keys...); err == nil {
		t.Fatal("the delete is not refused")
	}
	running := func() string {
		var all bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&all, 2)
		return all.String()
	}
	for deadline := time.Now().Add(10 * time.Second); strings.Contains(running(), "emoveObjects"); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal(running())
		}
	}
}
