package object_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
	"cindergate/internal/chunk/swift"
	"cindergate/internal/marker"
)

const container = "volumebackups"

// service is a fake with a store on it.
type service struct {
	*chunktest.Server
	path string // of the container, in requests
	open func(t *testing.T, change func(*object.Options)) *object.Store
}

// each runs a test with each kind of service. The store has been claimed by "one".
func each(t *testing.T, test func(t *testing.T, s service, store *object.Store)) {
	base := func(change func(*object.Options)) object.Options {
		o := object.Options{Name: "archive", Pause: time.Millisecond, MaxPause: 4 * time.Millisecond, Budget: 1e6, Patience: 20 * time.Second, Stall: 20 * time.Second}
		if change != nil {
			change(&o)
		}
		return o
	}
	t.Run("s3", func(t *testing.T) {
		server := chunktest.NewS3(t)
		s := service{Server: server, path: "/" + container, open: func(t *testing.T, change func(*object.Options)) *object.Store {
			store, err := s3.New(s3.Options{Endpoint: server.URL, AccessKey: chunktest.S3Key, SecretKey: chunktest.S3Secret, Options: base(change)})
			if err != nil {
				t.Fatal(err)
			}
			return store
		}}
		test(t, s, claim(t, s))
	})
	t.Run("swift", func(t *testing.T) {
		server := chunktest.NewSwift(t)
		s := service{Server: server.Server, path: "/v1/AUTH_test/" + container, open: func(t *testing.T, change func(*object.Options)) *object.Store {
			store, err := swift.New(swift.Options{Login: swift.Login{AuthURL: server.URL, Version: 1,
				User: chunktest.SwiftUser, Key: chunktest.SwiftKey}, Options: base(change)})
			if err != nil {
				t.Fatal(err)
			}
			return store
		}}
		test(t, s, claim(t, s))
	})
}

func claim(t *testing.T, s service) *object.Store {
	t.Helper()
	store := s.open(t, nil)
	id, err := store.Claim(t.Context(), "one")
	if err != nil || id != "one" {
		t.Fatal(id, err)
	}
	store.Expect(id)
	s.Requests()
	return store
}

// on returns a fault that answers requests of a method on the data of a path's container.
func on(method string, s service, answer func(w http.ResponseWriter, r *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == method && strings.HasPrefix(r.URL.Path, s.path) && answer(w, r)
	}
}

// times answers the first n requests.
func times(n int32, answer func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if atomic.AddInt32(&n, -1) < 0 {
			return false
		}
		answer(w, r)
		return true
	}
}

func always(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(code); return true }
}

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func content(n int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n] }

func put(t *testing.T, store chunk.Store, key string, b []byte) {
	t.Helper()
	if err := store.Put(t.Context(), key, chunktest.Bytes(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, store chunk.Store, key string) []byte {
	t.Helper()
	r, err := store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// list returns the names in the default container.
func list(store chunk.Store, t *testing.T, prefix string) (names []string, err error) {
	for key, err := range store.List(t.Context(), container+"/"+prefix) {
		if err != nil {
			return names, err
		}
		names = append(names, strings.TrimPrefix(key, container+"/"))
	}
	return names, nil
}

// failure checks that an error is for users: it names the store and has all the words, and
// no secret.
func failure(t *testing.T, err error, words ...string) {
	t.Helper()
	var f *chunk.Failure
	if !errors.As(err, &f) {
		t.Fatalf("%v is no Failure", err)
	}
	for _, word := range append(words, "archive") {
		if !strings.Contains(f.Text, word) {
			t.Errorf("%q has no %q", f.Text, word)
		}
	}
	for _, secret := range []string{chunktest.S3Secret, chunktest.SwiftKey} {
		if strings.Contains(fmt.Sprintf("%+v", err), secret) {
			t.Errorf("a secret in %+v", err)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v says that an object does not exist", err)
	}
}

func TestDownloadGoesOn(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		want := content(1 << 20)
		put(t, store, container+"/o", want)
		var ranges []string
		s.Intercept(on("GET", s, func(w http.ResponseWriter, r *http.Request) bool {
			ranges = append(ranges, r.Header.Get("Range"))
			if len(ranges) > 3 {
				return false
			}
			from := 0
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil && len(ranges) > 1 {
				t.Error(err)
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(want)-from))
			w.Header().Set("Last-Modified", "Sat, 21 Nov 2026 17:00:59 GMT")
			if from > 0 {
				w.WriteHeader(http.StatusPartialContent)
			}
			_, _ = w.Write(want[from : from+300000])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		if got := get(t, store, container+"/o"); !bytes.Equal(got, want) {
			t.Errorf("got %d other bytes", len(got))
		}
		if len(ranges) != 4 || ranges[0] != "" || slices.Contains(ranges[1:], "") {
			t.Errorf("ranges %q", ranges)
		}
	})
}

// If the object is replaced while it is read, its parts must not be mixed.
func TestDownloadOfAReplacedObject(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		put(t, store, container+"/o", content(1<<20))
		s.Intercept(on("GET", s, times(1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(1<<20))
			w.Header().Set("ETag", `"00000000000000000000000000000000"`)
			w.Header().Set("Last-Modified", "Sat, 21 Nov 2026 17:00:59 GMT")
			_, _ = w.Write(content(300000))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})))
		r, err := store.Get(t.Context(), container+"/o")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		_, err = io.ReadAll(r)
		failure(t, err, "refused to read")
	})
}

func TestStalledDownload(t *testing.T) {
	each(t, func(t *testing.T, s service, _ *object.Store) {
		store := s.open(t, func(o *object.Options) { o.Stall = 50 * time.Millisecond })
		put(t, store, container+"/o", content(100000))
		s.Intercept(on("GET", s, times(2, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })))
		if got := get(t, store, container+"/o"); !bytes.Equal(got, content(100000)) {
			t.Errorf("got %d other bytes", len(got))
		}
	})
}

func TestUploadIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		want, calls := content(3<<20), 0
		var faults atomic.Int64
		s.Intercept(on("PUT", s, func(w http.ResponseWriter, r *http.Request) bool {
			switch faults.Add(1) {
			case 1: // cut
				_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
				panic(http.ErrAbortHandler)
			case 2: // damaged on the way
				r.Body = io.NopCloser(io.MultiReader(strings.NewReader("X"), dropFirst(r.Body)))
			case 3:
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			case 4:
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			case 5:
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			return false
		}))
		body := func() (io.Reader, error) { calls++; return bytes.NewReader(want), nil }
		if err := store.Put(t.Context(), container+"/o", body, int64(len(want))); err != nil {
			t.Fatal(err)
		}
		if got := get(t, store, container+"/o"); !bytes.Equal(got, want) {
			t.Errorf("got %d other bytes", len(got))
		}
		if calls < 4 { // for the MD5, and three times to the service
			t.Errorf("the body was read %d times", calls)
		}
	})
}

func dropFirst(r io.Reader) io.Reader {
	_, _ = r.Read(make([]byte, 1))
	return r
}

func TestAway(t *testing.T) {
	each(t, func(t *testing.T, s service, _ *object.Store) {
		store := s.open(t, func(o *object.Options) { o.Patience = 300 * time.Millisecond })
		store.Expect("one")
		s.Intercept(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
		ctx := t.Context()
		failure(t, store.Put(ctx, container+"/o", chunktest.Bytes(nil), 0), "did not answer", "write", "the connection")
		_, err := store.Get(ctx, container+"/o")
		failure(t, err, "did not answer", "read")
		_, err = list(store, t, "")
		failure(t, err, "did not answer", "list")
		failure(t, store.Delete(ctx, container+"/o"), "did not answer", "delete")
		failure(t, store.Check(ctx), "did not answer")
		_, err = store.Exists(ctx, container+"/o")
		failure(t, err, "did not answer")
		if len(s.Requests()) < 12 {
			t.Error("the requests were not repeated")
		}
	})
}

func TestThrottledForTooLong(t *testing.T) {
	each(t, func(t *testing.T, s service, _ *object.Store) {
		store := s.open(t, func(o *object.Options) { o.Patience = 30 * time.Millisecond })
		s.Intercept(on("PUT", s, always(http.StatusTooManyRequests)))
		failure(t, store.Put(t.Context(), container+"/o", chunktest.Bytes(nil), 0), "slow down")
	})
}

// Retry-After holds back all requests, not only the one that was answered with it.
func TestRetryAfter(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		put(t, store, container+"/o", nil)
		s.Intercept(on("PUT", s, times(1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		})))
		began := time.Now()
		put(t, store, container+"/o2", nil)
		if waited := time.Since(began); waited < 900*time.Millisecond {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestDenied(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		ctx := t.Context()
		s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasPrefix(r.URL.Path, s.path) && always(http.StatusForbidden)(w, r)
		})
		failure(t, store.Put(ctx, container+"/o", chunktest.Bytes(nil), 0), "refused to write", "permission")
		if n := len(s.Requests()); n > 2 { // a login and one request
			t.Errorf("%d requests", n)
		}
		_, err := store.Get(ctx, container+"/o")
		failure(t, err, "refused to read", "permission")
		_, err = list(store, t, "")
		failure(t, err, "refused to list", "permission")
		failure(t, store.Delete(ctx, container+"/o"), "refused to delete", "permission")
		failure(t, store.Check(ctx), "permission")
	})
}

// A container that is missing is not an empty one.
func TestMissingContainer(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		ctx := t.Context()
		put(t, store, container+"/o", nil)
		s.Drop(container)
		names, err := list(store, t, "")
		if len(names) > 0 {
			t.Error(names)
		}
		failure(t, err, "has no container volumebackups")
		_, err = store.Get(ctx, container+"/o")
		failure(t, err, "has no container")
		failure(t, store.Delete(ctx, container+"/o"), "has no container")
		failure(t, store.Delete(ctx, container+"/o", container+"/p"), "has no container")
		failure(t, store.Put(ctx, container+"/o", chunktest.Bytes(nil), 0), "has no container")
		_, err = store.Exists(ctx, container+"/o")
		failure(t, err, "has no container")
		failure(t, store.Check(ctx), "has no container")
		if s.Names(container) != nil {
			t.Error("the default container was made again")
		}
	})
}

// Users may name a container that does not exist yet.
func TestNamedContainer(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		failure(t, store.Put(t.Context(), "of-a-user/o", chunktest.Bytes(nil), 0), "has no container")
		for range 2 {
			if err := store.Prepare(t.Context(), "of-a-user"); err != nil {
				t.Fatal(err)
			}
		}
		put(t, store, "of-a-user/o", content(10))
		if got := get(t, store, "of-a-user/o"); !bytes.Equal(got, content(10)) {
			t.Errorf("got %q", got)
		}
		if names := s.Names("of-a-user"); !slices.Equal(names, []string{"o"}) {
			t.Error(names)
		}
	})
}

func TestMarker(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		ctx := t.Context()
		if err := store.Check(ctx); err != nil {
			t.Error(err)
		}
		// Another installation takes the id that is there.
		if id, err := s.open(t, nil).Claim(ctx, "two"); err != nil || id != "one" {
			t.Error(id, err)
		}
		if names, err := list(store, t, ""); err != nil || len(names) != 0 {
			t.Error("the marker is listed as an object:", names, err)
		}
		if err := store.Delete(ctx, container+"/"+marker.Name); err == nil {
			t.Error("the marker was deleted as an object")
		}
		other := s.open(t, nil)
		other.Expect("another")
		failure(t, other.Check(ctx), "not the one that was used before")
		s.Set(container, marker.Name, nil)
		err := store.Check(ctx)
		failure(t, err, "emptied")
		if !errors.As(err, new(*marker.Missing)) {
			t.Errorf("%v is not of a missing marker", err)
		}
	})
}

func TestListing(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		var want []string
		for i := range 2500 {
			name := fmt.Sprintf("volume_x/p-%05d", i)
			s.Set(container, name, []byte("x"))
			want = append(want, name)
		}
		var pages atomic.Int64
		s.Intercept(on("GET", s, func(w http.ResponseWriter, r *http.Request) bool {
			if n := pages.Add(1); n == 2 || n == 4 {
				abort(w, r)
			}
			return false
		}))
		got, err := list(store, t, "volume_x/")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d names, %v", len(got), err)
		}
		if err := store.Delete(t.Context(), keys(want)...); err != nil {
			t.Fatal(err)
		}
		if left := s.Names(container); len(left) != 1 { // the marker
			t.Errorf("%d left", len(left))
		}
		deletes := 0
		for _, r := range s.Requests() {
			if strings.Contains(r, "delete") || strings.HasPrefix(r, "DELETE") {
				deletes++
			}
		}
		if deletes != 3 {
			t.Errorf("%d requests to delete 2500 objects", deletes)
		}
	})
}

func keys(names []string) []string {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = container + "/" + name
	}
	return keys
}

func TestFull(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		s.Intercept(on("PUT", s, always(http.StatusInsufficientStorage)))
		err := store.Put(t.Context(), container+"/o", chunktest.Bytes(nil), 0)
		failure(t, err, "full")
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v is not ENOSPC", err)
		}
	})
}

func TestProbe(t *testing.T) {
	each(t, func(t *testing.T, s service, store *object.Store) {
		findings, err := store.Probe(t.Context())
		if err != nil || !slices.Contains(findings, "a probe in container volumebackups was written, read, listed and deleted") {
			t.Error(findings, err)
		}
		if left := s.Names(container); len(left) != 1 {
			t.Errorf("left: %v", left)
		}
		s.Intercept(on("PUT", s, always(http.StatusForbidden)))
		findings, err = store.Probe(t.Context())
		failure(t, err, "refused to write")
		if !slices.Contains(findings, "a probe in container volumebackups was listed and deleted") {
			t.Error(findings)
		}
		s.Heal()
		s.Drop(container)
		_, err = store.Probe(t.Context())
		failure(t, err, "has no container")
	})
}

func TestExpiredToken(t *testing.T) {
	server := chunktest.NewSwift(t)
	store, err := swift.New(swift.Options{Login: swift.Login{AuthURL: server.URL, Version: 1, User: chunktest.SwiftUser, Key: chunktest.SwiftKey},
		Options: object.Options{Name: "archive", Pause: time.Millisecond}, RenewAfter: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Claim(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		server.Expire()
		key := fmt.Sprintf("%s/o%d", container, i)
		put(t, store, key, content(100000))
		server.Expire()
		if got := get(t, store, key); !bytes.Equal(got, content(100000)) {
			t.Errorf("got %d bytes", len(got))
		}
	}
	wrong, err := swift.New(swift.Options{Login: swift.Login{AuthURL: server.URL, Version: 1, User: chunktest.SwiftUser, Key: "wrong"},
		Options: object.Options{Name: "archive"}})
	if err != nil {
		t.Fatal(err)
	}
	failure(t, wrong.Put(t.Context(), container+"/o", chunktest.Bytes(nil), 0), "the login was refused")
}

// Credentials of S3 are read from their file again once the service no longer knows them.
func TestExpiredKey(t *testing.T) {
	server := chunktest.NewS3(t)
	file := filepath.Join(t.TempDir(), "credentials")
	write := func(key string) {
		if err := os.WriteFile(file, []byte("[default]\naws_access_key_id = "+key+"\naws_secret_access_key = x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("OLD")
	store, err := s3.New(s3.Options{Endpoint: server.URL, CredentialsFile: file, Options: object.Options{Name: "archive", Pause: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Claim(t.Context(), "one")
	failure(t, err, "permission")
	write(chunktest.S3Key)
	if _, err := store.Claim(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	put(t, store, container+"/o", content(100))
}

// A wrong clock is not taken for a missing permission.
func TestClockSkew(t *testing.T) {
	server := chunktest.NewS3(t)
	server.Set(container, "", nil)
	server.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>RequestTimeTooSkewed</Code><Message>x</Message></Error>`)
		}
		return true
	})
	store, err := s3.New(s3.Options{Endpoint: server.URL, AccessKey: chunktest.S3Key, SecretKey: chunktest.S3Secret, Options: object.Options{Name: "archive"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Probe(t.Context())
	failure(t, err, "clock")
	_, err = store.Claim(t.Context(), "one")
	failure(t, err, "clock")
}

// No more objects are sent at once than the setting says.
func TestUploadsAreBounded(t *testing.T) {
	each(t, func(t *testing.T, s service, _ *object.Store) {
		store := s.open(t, func(o *object.Options) { o.Uploads = 3 })
		var mu sync.Mutex
		now, most := 0, 0
		arrived, release := make(chan struct{}, 20), make(chan struct{})
		s.Intercept(on("PUT", s, func(http.ResponseWriter, *http.Request) bool {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			arrived <- struct{}{}
			<-release
			mu.Lock()
			now--
			mu.Unlock()
			return false
		}))
		done := make(chan error)
		for i := range 12 {
			go func() {
				done <- store.Put(t.Context(), fmt.Sprintf("%s/o%d", container, i), chunktest.Bytes(content(10)), 10)
			}()
		}
		for range 3 {
			<-arrived
		}
		close(release)
		for range 12 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if most != 3 {
			t.Errorf("%d at once", most)
		}
	})
}
