package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cindergate/driver"
	"cindergate/identity"
	"cindergate/internal/move"
	tenant "cindergate/internal/move/cloud"
)

const copySecretText = "the secret of the keeper"

// twoGateways are a gateway, east, that copies backups to another one, west, through a proxy.
type twoGateways struct {
	t          *testing.T
	east, west *server
	keeper     *tenant.Cloud // at west
	secretFile string        // of the application credential that east uses
	volume     string        // at east

	mu   sync.Mutex
	hold func(*http.Request) // called before a request reaches west
	lose func(*http.Request) // called when west has answered, before east knows
}

func newTwoGateways(t *testing.T) *twoGateways {
	t.Helper()
	hash, err := identity.HashPassword(copySecretText)
	must(t, err)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	g := &twoGateways{t: t}
	g.west = newServer(t, "CONFIG="+write("west.yaml", fmt.Sprintf(`identity:
  users: [{name: keeper, password_hash: %q, projects: [{project: vault, role: member}]}]
  application_credentials: [{name: copies, id: copies-of-east, secret_hash: %q, user: keeper, project: vault, role: member}]
`, hash, hash)))
	g.west.start()
	to, err := url.Parse(g.west.url)
	must(t, err)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		hold, lose := g.hold, g.lose
		g.mu.Unlock()
		if hold != nil {
			hold(r)
		}
		(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }, ModifyResponse: func(*http.Response) error {
			if lose != nil {
				lose(r)
			}
			return nil
		}}).ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	g.secretFile = write("secret", copySecretText)
	backend := func(name, secret string) string {
		return fmt.Sprintf("  %s:\n    driver: cinder\n    cinder: {url: %q}\n    copies: {auth_url: %q, application_credential_id: copies-of-east, application_credential_secret_file: %q}\n",
			name, proxy.URL, proxy.URL+"/identity/v3", secret)
	}
	g.east = newServer(t, "AUTH=noauth", "CONFIG="+write("east.yaml", "default_backend: here\nbackends:\n  here: {driver: embedded}\n  bare: {driver: cinder, cinder: {url: "+proxy.URL+"}}\n"+
		backend("west", g.secretFile)+backend("west2", g.secretFile)))
	g.east.start()
	g.keeper, err = tenant.Connect(t.Context(), tenant.Access{Name: "west", AuthURL: g.west.url + "/identity/v3", ID: "copies-of-east", Secret: copySecretText, URL: g.west.url})
	must(t, err)
	var v struct {
		Volume struct {
			ID string `json:"id"`
		} `json:"volume"`
	}
	must(t, g.east.api(t.Context(), "POST", "/volumes", map[string]any{"volume": map[string]any{"size": 1, "name": "db"}}, &v))
	g.volume = v.Volume.ID
	poll(t, "the volume is available", func() bool {
		var now struct {
			Volume struct {
				Status string `json:"status"`
			} `json:"volume"`
		}
		must(t, g.east.api(t.Context(), "GET", "/volumes/"+g.volume, nil, &now))
		return now.Volume.Status == "available"
	})
	return g
}

func (g *twoGateways) onRequest(hold func(*http.Request)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold = hold
}

func (g *twoGateways) disk() string {
	return volumeFile(g.t, g.east.data, g.volume)
}

// write writes random bytes to the volume.
func (g *twoGateways) write(off int64, n int) {
	g.t.Helper()
	f, err := os.OpenFile(g.disk(), os.O_RDWR, 0)
	must(g.t, err)
	p := make([]byte, n)
	_, _ = rand.Read(p) // it never fails
	_, err = f.WriteAt(p, off)
	must(g.t, err)
	must(g.t, f.Close())
}

type shownBackup struct {
	ID       string            `json:"id"`
	Status   string            `json:"status"`
	Metadata map[string]string `json:"metadata"`
}

func (g *twoGateways) backup(name string, metadata map[string]string, incremental bool) string {
	g.t.Helper()
	var b struct {
		Backup shownBackup `json:"backup"`
	}
	must(g.t, g.east.api(g.t.Context(), "POST", "/backups", map[string]any{"backup": map[string]any{"volume_id": g.volume, "name": name, "metadata": metadata, "incremental": incremental}}, &b))
	return b.Backup.ID
}

func (g *twoGateways) show(id string) shownBackup {
	g.t.Helper()
	var b struct {
		Backup shownBackup `json:"backup"`
	}
	must(g.t, g.east.api(g.t.Context(), "GET", "/backups/"+id, nil, &b))
	return b.Backup
}

// set sets the metadata of a backup, as a client does that has read it before.
func (g *twoGateways) set(id, key, value string) error {
	metadata := g.show(id).Metadata
	metadata[key] = value
	if value == "" {
		delete(metadata, key)
	}
	return g.east.api(g.t.Context(), "PUT", "/backups/"+id, map[string]any{"backup": map[string]any{"metadata": metadata}}, nil)
}

// status waits until the copy of a backup has a status.
func (g *twoGateways) status(id, want string) shownBackup {
	g.t.Helper()
	var b shownBackup
	poll(g.t, "the copy is "+want, func() bool {
		b = g.show(id)
		if now := b.Metadata[driver.CopyStatus]; now == "error" && want != "error" {
			g.t.Fatalf("the copy failed: %v\n%s", b.Metadata, g.east.out)
		}
		return b.Metadata[driver.CopyStatus] == want
	})
	return b
}

// sameAsCopy restores a copy, and compares it with a file.
func (g *twoGateways) sameAsCopy(copyID, file string) {
	g.t.Helper()
	v, err := g.keeper.EnsureVolume(g.t.Context(), tenant.NewVolume{Name: "restored-" + copyID, Size: tenant.GiB})
	must(g.t, err)
	must(g.t, g.keeper.Restore(g.t.Context(), copyID, v.ID))
	sameFiles(g.t, file, volumeFile(g.t, g.west.data, v.ID))
}

// A backup whose metadata, or whose volume's metadata, asks for it is copied: equal bytes, full or
// incremental as it is.
func TestCopies(t *testing.T) {
	g := newTwoGateways(t)
	g.write(100<<20, 20<<20)
	to := map[string]string{driver.CopyTo: "west", "k": "v"}
	full := g.backup("full", to, false)
	b := g.status(full, "available")
	first, err := g.keeper.Backup(t.Context(), b.Metadata[driver.CopyID])
	must(t, err)
	if meta := *first.Metadata; first.Name != "full" || first.IsIncremental || meta["k"] != "v" || meta["cindergate:moved_from"] != full || len(meta) != 2 {
		t.Errorf("the copy is %+v with %v", first, meta)
	}
	if b.Metadata["k"] != "v" || b.Metadata[driver.CopyError] != "" || b.Metadata[driver.CopyProgress] != "" {
		t.Errorf("the backup has the metadata %v", b.Metadata)
	}
	g.sameAsCopy(first.ID, g.disk())

	// An incremental backup that exists, asked for later.
	g.write(500<<20, 1<<20)
	before := strings.Count(g.east.out.String(), `"kind":"copy"`)
	second := g.backup("second", nil, true)
	poll(t, "the backup", func() bool { return g.show(second).Status == "available" })
	if strings.Count(g.east.out.String(), `"kind":"copy"`) != before || g.show(second).Metadata[driver.CopyStatus] != "" {
		t.Error("a backup was copied that does not ask for it")
	}
	sent := 0
	g.onRequest(func(r *http.Request) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/data") {
			g.mu.Lock()
			defer g.mu.Unlock()
			sent += int(r.ContentLength)
		}
	})
	must(t, g.set(second, driver.CopyTo, "west"))
	b = g.status(second, "available")
	g.onRequest(nil)
	c, err := g.keeper.Backup(t.Context(), b.Metadata[driver.CopyID])
	must(t, err)
	if !c.IsIncremental || sent > 16<<20 {
		t.Errorf("an incremental backup made the copy %+v of %d bytes", c, sent)
	}
	g.sameAsCopy(c.ID, g.disk())
	if err := g.keeper.DeleteBackups(t.Context(), first.ID); err == nil {
		t.Error("the copy of the full backup has no dependents")
	}

	// All later backups of a volume, but for one that says otherwise.
	must(t, g.east.api(t.Context(), "POST", "/volumes/"+g.volume+"/metadata", map[string]any{"metadata": map[string]string{driver.CopyTo: "west"}}, nil))
	third := g.backup("third", nil, false)
	b = g.status(third, "available")
	other := g.backup("other", map[string]string{driver.CopyTo: ""}, false)
	poll(t, "the backup", func() bool { return g.show(other).Status == "available" })
	if _, copied := g.show(other).Metadata[driver.CopyStatus]; copied {
		t.Error("a backup is copied that asks for none")
	}
	// Its copy stays when it is deleted, and is made again when it is gone and asked for.
	must(t, g.east.api(t.Context(), "DELETE", "/backups/"+third, nil, nil))
	poll(t, "the backup is gone", func() bool {
		return refused(g.east.api(t.Context(), "GET", "/backups/"+third, nil, nil), http.StatusNotFound)
	})
	kept, err := g.keeper.Backup(t.Context(), b.Metadata[driver.CopyID])
	must(t, err)
	if kept.Status != "available" {
		t.Errorf("the copy of a backup that was deleted is %s", kept.Status)
	}
	must(t, g.keeper.DeleteBackups(t.Context(), c.ID))
	must(t, g.set(second, driver.CopyTo, ""))
	if left := g.show(second).Metadata; len(left) != 0 {
		t.Errorf("without the property the metadata is %v", left)
	}
	must(t, g.set(second, driver.CopyTo, "west"))
	if again := g.status(second, "available").Metadata[driver.CopyID]; again == c.ID {
		t.Error("the copy that is gone is shown as available")
	}
	nothingLeft(t, g.keeper)
	entries, err := os.ReadDir(filepath.Join(g.east.data, copiesDir))
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("journals are left: %v", entries)
	}
}

// What cannot be copied is refused with the key and the backends that can be named.
func TestCopiesRefused(t *testing.T) {
	g := newTwoGateways(t)
	plain := g.backup("plain", nil, false)
	poll(t, "the backup", func() bool { return g.show(plain).Status == "available" })
	for name, why := range map[string]string{"north": `there is no backend \"north\"`, "bare": `the backend \"bare\" has no credential for copies`, "here": `the backend \"here\" has no credential`} {
		metadata := map[string]string{driver.CopyTo: name}
		for what, err := range map[string]error{
			"a new backup": g.east.api(t.Context(), "POST", "/backups", map[string]any{"backup": map[string]any{"volume_id": g.volume, "metadata": metadata}}, nil),
			"a backup":     g.set(plain, driver.CopyTo, name),
			"an upload":    g.east.api(t.Context(), "POST", "/backups/upload", map[string]any{"upload": map[string]any{"size": 1, "metadata": metadata}}, nil),
			"a new volume": g.east.api(t.Context(), "POST", "/volumes", map[string]any{"volume": map[string]any{"size": 1, "metadata": metadata}}, nil),
			"a volume":     g.east.api(t.Context(), "POST", "/volumes/"+g.volume+"/metadata", map[string]any{"metadata": metadata}, nil),
			"one key":      g.east.api(t.Context(), "PUT", "/volumes/"+g.volume+"/metadata/"+driver.CopyTo, map[string]any{"meta": metadata}, nil),
		} {
			if !refused(err, http.StatusBadRequest) || !strings.Contains(err.Error(), driver.CopyTo) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "west, west2") {
				t.Errorf("%s to %s: %v", what, name, err)
			}
		}
	}
	if left := g.show(plain).Metadata; len(left) != 0 {
		t.Errorf("the metadata is %v", left)
	}
	// What the gateway says about a copy cannot be made up.
	must(t, g.set(plain, driver.CopyStatus, "available"))
	if left := g.show(plain).Metadata; len(left) != 0 {
		t.Errorf("the metadata is %v", left)
	}
}

// gate stops the requests that send content, from the n-th on, until it is opened.
type gate struct {
	reached chan struct{} // closed when a request has been stopped
	open    chan struct{}
}

func (g *twoGateways) stopAt(n int) *gate {
	stop := &gate{make(chan struct{}), make(chan struct{})}
	seen := 0
	g.onRequest(func(r *http.Request) {
		if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/data") {
			return
		}
		g.mu.Lock()
		seen++
		now := seen
		g.mu.Unlock()
		if now < n {
			return
		}
		if now == n {
			close(stop.reached)
		}
		select {
		case <-stop.open:
		case <-r.Context().Done():
		}
	})
	return stop
}

// A gateway that is killed in the middle goes on after its start, with what has not been sent.
func TestCopyKilled(t *testing.T) {
	g := newTwoGateways(t)
	g.write(100<<20, 100<<20)
	stop := g.stopAt(6)
	id := g.backup("killed", map[string]string{driver.CopyTo: "west"}, false)
	<-stop.reached
	if b := g.show(id); b.Metadata[driver.CopyStatus] != "copying" {
		t.Errorf("while it is copied the metadata is %v", b.Metadata)
	}
	g.east.kill()
	close(stop.open)
	var mu sync.Mutex
	sent := int64(0)
	g.onRequest(func(r *http.Request) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/data") {
			mu.Lock()
			sent += r.ContentLength
			mu.Unlock()
		}
	})
	g.east.start()
	b := g.status(id, "available")
	mu.Lock()
	defer mu.Unlock()
	if sent > 90<<20 {
		t.Errorf("after the restart %d bytes were sent, as if nothing had been", sent)
	}
	g.sameAsCopy(b.Metadata[driver.CopyID], g.disk())
	nothingLeft(t, g.keeper)
	all, err := g.keeper.Backups(t.Context(), "", "")
	must(t, err)
	if len(all) != 1 {
		t.Errorf("west has %d backups, not one", len(all))
	}
}

// A gateway is killed at each request that changes something at the backend, before it arrives and
// after it was answered: at every other one of both, unless KILLS=all. After the next start there
// is one copy with the same bytes, and nothing else.
func TestCopyKilledAtEachRequest(t *testing.T) {
	g := newTwoGateways(t)
	g.write(100<<20, 10<<20)
	copies := 0
	for _, after := range []bool{false, true} {
		first, stride := 1, 1
		if os.Getenv("KILLS") != "all" {
			if stride = 2; after {
				first = 2
			}
		}
		for n, more := first, true; more; n += stride {
			reached, gone := make(chan struct{}), make(chan struct{})
			seen := 0
			stop := func(r *http.Request) {
				if r.Method == http.MethodGet || r.Method == http.MethodHead {
					return
				}
				g.mu.Lock()
				seen++
				now := seen == n
				g.mu.Unlock()
				if now {
					close(reached)
					<-gone
					panic(http.ErrAbortHandler)
				}
			}
			g.mu.Lock()
			if after {
				g.lose = stop
			} else {
				g.hold = stop
			}
			g.mu.Unlock()
			id := g.backup(fmt.Sprintf("killed-%v-%d", after, n), map[string]string{driver.CopyTo: "west"}, false)
			complete := make(chan struct{})
			go func() {
				defer close(complete)
				for {
					select {
					case <-reached:
						return
					default:
					}
					var b struct {
						Backup shownBackup `json:"backup"`
					}
					if err := g.east.api(t.Context(), "GET", "/backups/"+id, nil, &b); err != nil || b.Backup.Metadata[driver.CopyStatus] == "available" {
						return
					}
				}
			}()
			select {
			case <-reached:
				<-complete
				g.east.kill()
				close(gone)
				g.mu.Lock()
				g.hold, g.lose = nil, nil
				g.mu.Unlock()
				g.east.start()
			case <-complete:
				g.mu.Lock()
				g.hold, g.lose = nil, nil
				g.mu.Unlock()
				more = false
			}
			b := g.status(id, "available")
			copies++
			if n%3 == 1 || !more { // a restore takes longer than all else
				g.sameAsCopy(b.Metadata[driver.CopyID], g.disk())
			}
			nothingLeft(t, g.keeper)
			all, err := g.keeper.Backups(t.Context(), "", "")
			must(t, err)
			if len(all) != copies {
				t.Fatalf("killed at change %d (answered: %v): west has %d backups, not %d", n, after, len(all), copies)
			}
			if more {
				// The quotas are for ten.
				found, err := g.keeper.Volumes(t.Context(), "restored-"+b.Metadata[driver.CopyID])
				must(t, err)
				for _, v := range found {
					must(t, g.keeper.DeleteVolume(t.Context(), v.ID))
				}
				must(t, g.keeper.DeleteBackups(t.Context(), b.Metadata[driver.CopyID]))
				must(t, g.east.api(t.Context(), "DELETE", "/backups/"+id, nil, nil))
				poll(t, "the backup is gone", func() bool {
					return refused(g.east.api(t.Context(), "GET", "/backups/"+id, nil, nil), http.StatusNotFound)
				})
				copies--
			} else if n < 6 {
				t.Errorf("a copy takes fewer than %d changes", n)
			}
		}
	}
}

// A backup is deleted at once while it is copied, and so is what the copy has made. The same
// holds if the property is removed, or names another backend.
func TestCopyEnded(t *testing.T) {
	g := newTwoGateways(t)
	g.write(100<<20, 50<<20)
	for name, end := range map[string]func(id string){
		"delete": func(id string) {
			must(t, g.east.api(t.Context(), "DELETE", "/backups/"+id, nil, nil))
			poll(t, "the backup is gone", func() bool {
				return refused(g.east.api(t.Context(), "GET", "/backups/"+id, nil, nil), http.StatusNotFound)
			})
		},
		"remove": func(id string) {
			must(t, g.set(id, driver.CopyTo, ""))
			if left := g.show(id).Metadata; len(left) > 0 {
				t.Errorf("the metadata is %v", left)
			}
		},
		"change": func(id string) { must(t, g.set(id, driver.CopyTo, "west2")) },
	} {
		stop := g.stopAt(3)
		id := g.backup(name, map[string]string{driver.CopyTo: "west"}, false)
		<-stop.reached
		left, err := g.keeper.Left(t.Context(), move.Prefix)
		must(t, err)
		if len(left) == 0 {
			t.Fatal("nothing is being copied")
		}
		end(id)
		close(stop.open)
		g.onRequest(nil)
		if name == "change" {
			b := g.status(id, "available")
			c, err := g.keeper.Backup(t.Context(), b.Metadata[driver.CopyID])
			must(t, err)
			if c.Name != name {
				t.Errorf("the copy is %+v", c)
			}
		}
		poll(t, "what the copy has made is removed after "+name, func() bool {
			left, err := g.keeper.Left(t.Context(), move.Prefix)
			must(t, err)
			return len(left) == 0
		})
	}
	all, err := g.keeper.Backups(t.Context(), "", "")
	must(t, err)
	if len(all) != 1 { // that of west2
		t.Errorf("west has %d backups, not one", len(all))
	}
}

// A credential that is wrong ends a copy with a reason. When it has been mended, a restart or the
// property, set again, makes the copy.
func TestCopyCredential(t *testing.T) {
	g := newTwoGateways(t)
	g.write(100<<20, 1<<20)
	restart := func(secret string) {
		must(t, os.WriteFile(g.secretFile, []byte(secret), 0o600))
		g.east.terminate()
		g.east.start()
	}
	restart("the wrong secret")
	ids := []string{g.backup("by restart", map[string]string{driver.CopyTo: "west"}, false)}
	b := g.status(ids[0], "error")
	if why := b.Metadata[driver.CopyError]; b.Status != "available" || why !=
		"The login at backend west was refused with 401: the application credential for copies in the gateway's configuration is wrong, has expired or was deleted." {
		t.Errorf("the backup is %s, the reason %q", b.Status, why)
	}
	must(t, g.set(ids[0], "k", "v")) // tried again, in vain
	g.status(ids[0], "error")
	restart(copySecretText)
	if log := g.east.out.String(); strings.Contains(log, "the wrong secret") || strings.Contains(log, copySecretText) {
		t.Error("the log shows a secret")
	}
	b = g.status(ids[0], "available")
	if b.Metadata[driver.CopyError] != "" || b.Metadata["k"] != "v" {
		t.Errorf("the metadata is %v", b.Metadata)
	}
	g.sameAsCopy(b.Metadata[driver.CopyID], g.disk())
}

// A gateway may copy to itself, into another project: requests and jobs do not hold each other up.
func TestCopyToItself(t *testing.T) {
	hash, err := identity.HashPassword(copySecretText)
	must(t, err)
	config := filepath.Join(t.TempDir(), "cindergate.yaml")
	s := newServer(t, "CONFIG="+config)
	must(t, os.WriteFile(config, []byte(fmt.Sprintf(`identity:
  users: [{name: keeper, password_hash: %q, projects: [{project: work, role: member}, {project: vault, role: member}]}]
  application_credentials:
    - {name: copies, id: copies, secret_hash: %q, user: keeper, project: vault, role: member}
    - {name: work, id: work, secret_hash: %q, user: keeper, project: work, role: member}
default_backend: here
backends:
  here: {driver: embedded}
  vault:
    driver: cinder
    cinder: {url: %q}
    copies: {auth_url: %q, application_credential_id: copies, application_credential_secret: %q}
`, hash, hash, hash, s.url, s.url+"/identity/v3", copySecretText)), 0o600))
	s.start()
	login := func(id string) *tenant.Cloud {
		c, err := tenant.Connect(t.Context(), tenant.Access{Name: id, AuthURL: s.url + "/identity/v3", ID: id, Secret: copySecretText, URL: s.url})
		must(t, err)
		return c
	}
	work, vault := login("work"), login("copies")
	v, err := work.EnsureVolume(t.Context(), tenant.NewVolume{Name: "db", Size: tenant.GiB})
	must(t, err)
	disk := volumeFile(t, s.data, v.ID)
	must(t, os.WriteFile(disk+".new", bytes.Repeat([]byte("data"), 1<<20), 0o600))
	must(t, os.Truncate(disk+".new", tenant.GiB))
	must(t, os.Rename(disk+".new", disk))
	b, err := work.EnsureBackup(t.Context(), tenant.NewBackup{Name: "b", VolumeID: v.ID})
	must(t, err)
	// A move would not send this key, which does not travel.
	l, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/identity/v3/auth/tokens", strings.NewReader(fmt.Sprintf(
		`{"auth": {"identity": {"methods": ["application_credential"], "application_credential": {"id": "work", "secret": %q}}}}`, copySecretText)))
	must(t, err)
	token, err := http.DefaultClient.Do(l)
	must(t, err)
	must(t, token.Body.Close())
	r, err := http.NewRequestWithContext(t.Context(), "PUT", s.url+"/v3/backups/"+b.ID, strings.NewReader(`{"backup": {"metadata": {"`+driver.CopyTo+`": "vault"}}}`))
	must(t, err)
	r.Header.Set("X-Auth-Token", token.Header.Get("X-Subject-Token"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("OpenStack-API-Version", "volume 3.70")
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the property is %s", answer.Status)
	}
	var id string
	poll(t, "the copy", func() bool {
		b, err := work.Backup(t.Context(), b.ID)
		must(t, err)
		id = (*b.Metadata)[driver.CopyID]
		return id != ""
	})
	to, err := vault.EnsureVolume(t.Context(), tenant.NewVolume{Name: "restored", Size: tenant.GiB})
	must(t, err)
	must(t, vault.Restore(t.Context(), id, to.ID))
	sameFiles(t, disk, volumeFile(t, s.data, to.ID))
}

// An upload that has expired at the backend, or that somebody has deleted, is made again.
func TestCopyStale(t *testing.T) {
	g := newTwoGateways(t)
	g.write(100<<20, 50<<20)
	stop := g.stopAt(3)
	id := g.backup("stale", map[string]string{driver.CopyTo: "west"}, false)
	<-stop.reached
	g.east.kill()
	close(stop.open)
	g.onRequest(nil)
	must(t, g.keeper.AbortUpload(t.Context(), move.Prefix))
	nothingLeft(t, g.keeper)
	g.east.start()
	g.sameAsCopy(g.status(id, "available").Metadata[driver.CopyID], g.disk())
}

// A backend that cannot be reached for a while is tried again, and the metadata says so.
func TestCopyTriedAgain(t *testing.T) {
	g := newTwoGateways(t)
	g.write(100<<20, 1<<20)
	fail := true
	g.onRequest(func(r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if fail && strings.HasSuffix(r.URL.Path, "/upload") && r.Method == http.MethodPost {
			fail = false
			panic(http.ErrAbortHandler) // the connection breaks; a POST is not repeated by itself
		}
	})
	id := g.backup("again", map[string]string{driver.CopyTo: "west"}, false)
	poll(t, "the failure shows", func() bool {
		m := g.show(id).Metadata
		return m[driver.CopyStatus] == "queued" && strings.Contains(m[driver.CopyError], "The copy to backend west failed")
	})
	if log := g.east.out.String(); !strings.Contains(log, "a copy failed and is repeated") || !strings.Contains(log, `"outcome":"repeated"`) {
		t.Error("the log does not say that the copy failed")
	}
	must(t, g.set(id, "k", "v")) // nobody waits for the pause
	b := g.status(id, "available")
	g.sameAsCopy(b.Metadata[driver.CopyID], g.disk())
	resp, err := http.Get(g.east.url + "/metrics")
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	for _, line := range []string{`cindergate_jobs_total{kind="copy",outcome="ok"} 1`, `cindergate_jobs_total{kind="copy",outcome="repeated"} 1`} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the metrics have no %s", line)
		}
	}
}
