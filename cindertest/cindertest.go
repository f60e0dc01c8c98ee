// Package cindertest is a Block Storage service for tests, in the process of the test: a gateway
// with the embedded backend and a small Keystone, whose clock, faults and state the test controls.
// It is ready in milliseconds, listens on loopback on a port of its own, and ends with the test.
//
//	func TestBackups(t *testing.T) {
//		cloud := cindertest.New(t)
//		cloud.Faults.Next("POST /backups").Fail(503)
//		// cloud.BlockStorage() is a client of gophercloud.
//		cloud.Clock.Advance(time.Hour)
//	}
//
// The clock stands still until the test moves it. Work that has been accepted, such as a backup, is
// done at once all the same; [Cloud.Settle] waits for it.
package cindertest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"go.uber.org/zap"

	"cindergate/internal/harness"
)

// Start is the time of the clock of a new cloud.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Microversion is the one that the clients of [Cloud.BlockStorage] ask for.
const Microversion = "3.70"

// Option changes a new cloud.
type Option func(*harness.Options)

// At starts the clock at a time.
func At(now time.Time) Option { return func(o *harness.Options) { o.Now = now } }

// Running has the clock run at the speed of the system's, from its time on.
func Running() Option { return func(o *harness.Options) { o.Now = time.Time{} } }

// Seed determines ids and tokens. Without it, they differ from cloud to cloud.
func Seed(seed uint64) Option { return func(o *harness.Options) { o.Seed = seed } }

// Log has the cloud log.
func Log(log *zap.Logger) Option { return func(o *harness.Options) { o.Log = log } }

// In has the cloud keep its files below a directory. Without it, they are in memory (/dev/shm) if
// there is room, otherwise in the system's directory for temporary files.
func In(dir string) Option { return func(o *harness.Options) { o.Dir = dir } }

// Cloud is a cloud for a test. Its methods end the test if they fail.
type Cloud struct {
	// URL is the address of the cloud. The identity service is below /identity/v3.
	URL    string
	Clock  *Clock
	Faults *Faults

	t      testing.TB
	env    *harness.Environment
	server *httptest.Server

	mu      sync.Mutex
	clients map[string]*gophercloud.ProviderClient // by user
}

// New returns a new, empty cloud. It ends with the test.
func New(t testing.TB, options ...Option) *Cloud {
	t.Helper()
	o := harness.Options{Now: Start}
	for _, change := range options {
		change(&o)
	}
	env, err := harness.Open(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatalf("cindertest: %v", err)
	}
	server := httptest.NewServer(env)
	c := &Cloud{URL: server.URL, t: t, env: env, server: server, clients: map[string]*gophercloud.ProviderClient{}}
	c.Clock, c.Faults = &Clock{c}, &Faults{c}
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := env.Close(); err != nil {
			t.Errorf("cindertest: %v", err)
		}
	})
	return c
}

// check ends the test if there is an error.
func (c *Cloud) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("cindertest: %v", err)
	}
}

// Control returns a handler of the API of `cindergate harness` for this cloud, for clients that
// are no Go programs. Serve it on loopback only.
func (c *Cloud) Control() http.Handler { return c.env.API() }

// Users of a new cloud. All have the password [Password].
const (
	Demo   = "demo"        // a member of the project demo
	Reader = "demo-reader" // a reader of the project demo
	Alt    = "alt"         // a member of the project alt
	Admin  = "admin"       // an admin, in the project admin
)

// Password is that of all users.
const Password = harness.Password

// projectOf returns the project that a user of a new cloud logs in for.
func projectOf(user string) string {
	for _, u := range harness.Users {
		if u.Name == user {
			return u.Project
		}
	}
	return user
}

// ProjectID returns the id of a project of a new cloud: demo, alt or admin.
func ProjectID(name string) string { return harness.ProjectID(name) }

// AuthOptions returns what gophercloud logs in with as a user, for the user's project. The client
// logs in again when its token has expired.
func (c *Cloud) AuthOptions(user string) gophercloud.AuthOptions {
	return gophercloud.AuthOptions{
		IdentityEndpoint: c.URL + "/identity/v3", Username: user, Password: Password, DomainID: "default",
		TenantName: projectOf(user), AllowReauth: true,
	}
}

// Provider returns a client of gophercloud that has logged in as a user.
func (c *Cloud) Provider(user string) *gophercloud.ProviderClient {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.clients[user]; known != nil {
		return known
	}
	provider, err := openstack.AuthenticatedClient(context.WithoutCancel(c.t.Context()), c.AuthOptions(user))
	c.check(err)
	c.clients[user] = provider
	return provider
}

// BlockStorage returns a client of the Block Storage API for the user demo.
func (c *Cloud) BlockStorage() *gophercloud.ServiceClient {
	c.t.Helper()
	return c.BlockStorageOf(Demo)
}

// BlockStorageOf returns a client of the Block Storage API for a user.
func (c *Cloud) BlockStorageOf(user string) *gophercloud.ServiceClient {
	c.t.Helper()
	client, err := openstack.NewBlockStorageV3(c.Provider(user), gophercloud.EndpointOpts{Region: harness.Region})
	c.check(err)
	client.Microversion = Microversion
	return client
}

// Identity returns a client of the identity service for a user.
func (c *Cloud) Identity(user string) *gophercloud.ServiceClient {
	c.t.Helper()
	client, err := openstack.NewIdentityV3(c.Provider(user), gophercloud.EndpointOpts{Region: harness.Region})
	c.check(err)
	return client
}

// WriteVolume writes p at an offset of a volume, as an instance with the volume does.
func (c *Cloud) WriteVolume(id string, off int64, p []byte) {
	c.t.Helper()
	c.check(c.env.WriteVolume(c.t.Context(), id, off, p))
}

// ReadVolume reads n bytes at an offset of a volume.
func (c *Cloud) ReadVolume(id string, off int64, n int) []byte {
	c.t.Helper()
	p, err := c.env.ReadVolume(c.t.Context(), id, off, n)
	c.check(err)
	return p
}

// limit is how long methods wait for the cloud, by the system's clock.
const limit = time.Minute

// Settle waits until all accepted work is done that needs no time of the clock and is not held.
func (c *Cloud) Settle() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), limit)
	defer cancel()
	c.check(c.env.Clock.Work.Quiet(ctx))
}

// Reset brings the cloud back to its start. Clients have to log in again.
func (c *Cloud) Reset() {
	c.t.Helper()
	c.check(c.env.Reset(c.t.Context()))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients = map[string]*gophercloud.ProviderClient{}
}

// Save saves the state of the whole cloud: what it has, its bytes, users and tokens, and its clock.
func (c *Cloud) Save(name string) {
	c.t.Helper()
	_, err := c.env.Save(c.t.Context(), name)
	c.check(err)
}

// Restore brings the whole cloud back to a saved state.
func (c *Cloud) Restore(name string) {
	c.t.Helper()
	c.check(c.env.Restore(c.t.Context(), name))
}

// Release lets work go on that a fault or a transition holds: that on a resource, or with "" all.
// It returns how many jobs were held.
func (c *Cloud) Release(resource string) int { return c.env.Release(resource) }

// Transition says when resources leave a passing status such as backup.creating.
type Transition = harness.Transition

// Duration is a duration of a [Transition].
type Duration = harness.Duration

// The progressions of a [Transition].
const (
	Immediate = harness.Immediate // as soon as the work is done
	Timed     = harness.Timed     // not before a duration of the clock has passed
	Manual    = harness.Manual    // not before a number of polls, or a release
)

// SetTransition says when resources leave a status from now on.
func (c *Cloud) SetTransition(status string, t Transition) {
	c.t.Helper()
	c.check(c.env.Transitions.Set(map[string]Transition{status: t}))
}

// Request is a recorded request. Secrets are left out.
type Request = harness.Entry

// Filter says which requests are meant.
type Filter = harness.Filter

// Requests returns the recorded requests, oldest first: the last 2000 at most.
func (c *Cloud) Requests(filters ...Filter) []*Request {
	var filter Filter
	if len(filters) > 0 {
		filter = filters[0]
	}
	return c.env.Journal.Find(filter)
}

// WaitForRequests waits until n requests match.
func (c *Cloud) WaitForRequests(filter Filter, n int) []*Request {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), limit)
	defer cancel()
	found := c.env.Journal.Wait(ctx, filter, n)
	if len(found) < n {
		c.t.Fatalf("cindertest: %d of %d requests were made", len(found), n)
	}
	return found
}
