// Package harness is a cloud for tests: the gateway with the embedded backend and the built-in
// identity service, and an API that owns its clock, its faults and its state. Nothing of that API
// is part of the gateway itself.
package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
	"cindergate/identity"
	"cindergate/identity/accounts"
	"cindergate/internal/harness/clock"
)

// Password is that of every user of an Environment. Its listeners are on loopback.
const Password = "harness" // #nosec G101 -- nothing real is behind it

// Region is the region in the catalogue.
const Region = "RegionOne"

// Users are those of an Environment, each with the project and the role that they log in for.
var Users = []struct{ Name, Project, Role string }{
	{"demo", "demo", "member"}, {"demo-reader", "demo", "reader"}, {"alt", "alt", "member"}, {"admin", "admin", "admin"},
}

// ProjectID returns the id of a project of [Users].
func ProjectID(name string) string { return identity.ID("project", name) }

// Options configure an Environment.
type Options struct {
	// Dir is a directory in which the Environment makes one of its own, which [Environment.Close]
	// removes; "": [ScratchDir].
	Dir string
	// Now is the time at which a clock stands still at the start; zero: the clock runs, and shows
	// the system's time.
	Now time.Time
	// Seed determines ids and tokens; 0: it is random.
	Seed uint64
	Log  *zap.Logger // nil: none
	// Inspector records requests; nil: nothing does.
	Inspector gateway.Inspector
}

// Environment is a cloud for tests. It is an http.Handler for the clients of the cloud. It is safe
// for concurrent use.
type Environment struct {
	*Control
	o    Options
	dir  string
	lock *os.File // on the directory, while this process uses it
	seed source

	jobs jobs

	cloud  *cloud // nil: it could not be opened, or the Environment is closed
	broken error  // why there is no cloud
}

// cloud is the gateway with its backend.
type cloud struct {
	driver   *embedded.Driver
	accounts *accounts.DB
	gateway  http.Handler
	stop     context.CancelFunc // of the jobs
	stopped  chan struct{}
}

// Open makes an Environment with a new, empty cloud.
func Open(ctx context.Context, o Options) (*Environment, error) {
	if o.Dir == "" {
		o.Dir = ScratchDir()
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Seed == 0 {
		o.Seed = NewSeed()
	}
	sweepOnce.Do(func() { sweep(o.Dir) })
	dir, lock, err := makeScratch(o.Dir)
	if err != nil {
		return nil, err
	}
	e := &Environment{o: o, dir: dir, lock: lock}
	e.seed.set(o.Seed)
	c := clock.New()
	if !o.Now.IsZero() {
		c = clock.NewAt(o.Now.UTC())
	}
	e.Control = newControl(c, o.Seed)
	e.env = e
	e.jobs.init(e)
	if err := e.open(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir), lock.Close())
	}
	return e, nil
}

// Close ends the cloud and removes its directory.
func (e *Environment) Close() error {
	return e.change(func() error {
		return errors.Join(e.close(errors.New("the harness is closed")), os.RemoveAll(e.dir), e.lock.Close())
	})
}

func (e *Environment) dataDir() string { return filepath.Join(e.dir, "data") }

// idlePoll is how often idle workers look for jobs that nothing has told them of. A day of a clock
// that is moved by hand must not cost thousands of polls.
const idlePoll = 24 * time.Hour

// workers is the number of jobs that run at once in each queue. Jobs that a fault holds keep their
// worker.
const workers = 4

// open opens the cloud in the data directory. The caller holds e.state, or nobody else has e.
func (e *Environment) open(ctx context.Context) (err error) {
	c := &cloud{stopped: make(chan struct{})}
	defer func() {
		if err != nil {
			e.broken = fmt.Errorf("the cloud could not be opened: %w", err)
			err = errors.Join(err, c.close())
		}
	}()
	data := e.dataDir()
	switch err := os.Mkdir(data, 0o700); {
	case err == nil:
		if err := layDatabases(ctx, data); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	c.driver, err = embedded.Open(ctx, embedded.Options{
		DataDir: data, Log: e.o.Log.Named("embedded"), Clock: e.Clock, Work: &e.Clock.Work, Host: "harness", Workers: workers, QuickWorkers: workers,
		NewID: stream{&e.seed, driverStream}.newID, Random: stream{&e.seed, driverStream}, Poll: idlePoll, NoReserve: true,
		MaxLock: 400 * 24 * time.Hour, JobHook: &e.jobs, WrapStore: e.faults.wrapStore, BlankByJob: e.Transitions.holdsNewVolumes,
	})
	if err != nil {
		return err
	}
	if c.accounts, err = accounts.Open(ctx, filepath.Join(data, accountsFile)); err != nil {
		return err
	}
	base := gateway.BaseURL("", nil)
	o := identity.Options{
		Region: Region, TokenLifetime: time.Hour, Clock: e.Clock, Pace: clockwork.NewRealClock(), Base: base, Store: c.accounts,
		Random: stream{&e.seed, identityStream}, Log: e.o.Log.Named("identity"),
	}
	for _, u := range Users {
		o.Users = append(o.Users, identity.User{Name: u.Name, Secret: identity.Generated(Password), Projects: map[string]string{u.Project: u.Role}})
	}
	if o.Made, err = c.accounts.Load(ctx); err != nil {
		return err
	}
	keystone, err := identity.New(o)
	if err != nil {
		return err
	}
	// The gateway has the system's clock: it measures requests and limits connections with it.
	c.gateway = gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"embedded": c.driver}, Auth: keystone, Log: e.o.Log.Named("gateway"), Metrics: gateway.NewMetrics(),
		Base: base, NewID: stream{&e.seed, gatewayStream}.newID, Hook: e.hook, Inspector: e.o.Inspector,
		Mounts: map[string]http.Handler{"/identity": keystone.Handler(), "/image": keystone.Images(), "/compute": keystone.Compute(), "/network": keystone.Network()},
	})
	var jobs context.Context
	jobs, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	e.Clock.Work.Begin() // until Run has counted its own
	go func() {
		defer close(c.stopped)
		defer e.Clock.Work.End()
		_ = c.driver.Run(jobs) // it returns nil
	}()
	e.cloud, e.broken = c, nil
	return nil
}

func (c *cloud) close() error {
	var errs []error
	if c.stop != nil {
		c.stop()
		<-c.stopped
	}
	if c.driver != nil {
		errs = append(errs, c.driver.Close())
	}
	return errors.Join(append(errs, c.accounts.Close())...)
}

// close closes the cloud. The caller holds e.state.
func (e *Environment) close(why error) error {
	if e.cloud == nil {
		return nil
	}
	c := e.cloud
	e.cloud, e.broken = nil, why
	return c.close()
}

// Reset brings everything back to the start: an empty cloud, the clock, the seed, and no faults,
// transitions and recorded requests. Saved snapshots stay.
func (e *Environment) Reset(ctx context.Context) error {
	return e.change(func() error {
		err := e.close(errors.New("the harness is resetting"))
		e.clear()
		e.jobs.clear()
		if err := errors.Join(err, os.RemoveAll(e.dataDir())); err != nil {
			return err
		}
		now := e.o.Now.UTC()
		if e.o.Now.IsZero() {
			now = time.Now()
		}
		e.Clock.Reset(!e.o.Now.IsZero(), now)
		e.seed.set(e.o.Seed)
		return e.open(ctx)
	})
}

// ServeHTTP answers a client of the cloud.
func (e *Environment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, end := e.enter(r.Context())
	defer end()
	if e.cloud == nil {
		http.Error(w, e.broken.Error(), http.StatusServiceUnavailable)
		return
	}
	e.serve(w, r.WithContext(ctx), e.cloud.gateway)
}

// errNoVolume says that there is no volume with an id, or that it has no data yet.
var errNoVolume = errors.New("there is no such volume, or it has no data yet")

// volumeFile opens the file of a volume.
func (e *Environment) volumeFile(ctx context.Context, id string, flag int) (*os.File, error) {
	if e.cloud == nil {
		return nil, e.broken
	}
	path, err := e.cloud.driver.VolumeFile(ctx, strings.ToLower(id))
	if driver.KindOf(err) == driver.NotFound {
		return nil, errNoVolume
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flag, 0) // #nosec G703 -- the path is the row's, not the client's
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoVolume
	}
	return f, err
}

// WriteVolume writes p at an offset of a volume, as an instance with the volume does. Bytes beyond
// its end are an error.
func (e *Environment) WriteVolume(ctx context.Context, id string, off int64, p []byte) error {
	ctx, end := e.enter(ctx)
	defer end()
	f, err := e.volumeFile(ctx, id, os.O_WRONLY)
	if err != nil {
		return err
	}
	if err := within(f, off, int64(len(p))); err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = f.WriteAt(p, off)
	return errors.Join(err, f.Close())
}

// ReadVolume reads n bytes at an offset of a volume. Bytes beyond its end are an error.
func (e *Environment) ReadVolume(ctx context.Context, id string, off int64, n int) ([]byte, error) {
	ctx, end := e.enter(ctx)
	defer end()
	f, err := e.volumeFile(ctx, id, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := within(f, off, int64(n)); err != nil {
		return nil, err
	}
	p := make([]byte, n)
	_, err = f.ReadAt(p, off)
	return p, err
}

// errBeyond says that a range is not one of the volume.
var errBeyond = errors.New("the bytes are not all within the volume")

func within(f *os.File, off, n int64) error {
	st, err := f.Stat()
	if err == nil && (off < 0 || n < 0 || off > st.Size() || n > st.Size()-off) {
		err = errBeyond
	}
	return err
}
