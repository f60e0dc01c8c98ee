// Package embedded is the driver that needs no other service: volumes are sparse files,
// backups are objects in Cinder's chunked format, and SQL (package meta) describes both.
//
// It does the work of Cinder's API, scheduler, volume and backup services in one process.
//
// A request is one transaction: it checks the state, changes it, inserts a job and commits.
// [Driver.Run] runs the jobs. The status of a backup and of its volume shows the state of
// the job, as in Cinder.
//
// The packages below internal/ do the work. core is what they share, and jobs is the queue.
// volumes and backups serve what their names say, and cloud emulates the rest of Cinder.
// This package opens a data directory, connects these packages, and repairs the state after
// a crash.
package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/backups"
	"cindergate/driver/embedded/internal/cloud"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/driver/embedded/internal/policies"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/chunk"
	"cindergate/internal/chunked"
	"cindergate/internal/database"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// Options configure a Driver. Only DataDir is required.
type Options struct {
	// DataDir holds everything: cindergate.db, volumes/, snapshots/, backups/. It is
	// created if missing, and locked against other processes.
	DataDir string
	// Database is where the rows are: postgres://…, which several gateways can share, each with a
	// DataDir and a Host of its own; "": the file cindergate.db in DataDir. With PostgreSQL there
	// is no store "local": DefaultStore must be one that all gateways reach.
	Database string
	// Installation is the id that DataDir must have. "" accepts any id, and generates one
	// for a new directory. With an id, a directory that is not mounted is an error, and
	// never becomes a new installation.
	Installation string
	// Adopt, if set, creates rows for volumes and backups that have none.
	Adopt *Adoption
	// SharedVolumes is a directory on a file system that all gateways of a shared database have
	// mounted, with the files of all volumes and snapshots: then any gateway can work on any volume.
	// "": each gateway has its own in DataDir.
	SharedVolumes string
	// Store holds the objects of backups in the store "local"; nil: DataDir/backups.
	Store chunk.Store
	// Stores are further places for backups, by name.
	Stores map[string]BackupStore
	// DefaultStore is the store of new backups that name none; "": local.
	DefaultStore string

	Log   *zap.Logger     // nil: none
	Clock clockwork.Clock // for rows, leases and waits; nil: the system's
	// Work is told of the goroutines that work, for a clock that is moved by hand; nil: nothing is.
	Work   Work
	NewID  func() string // nil: random UUIDs
	Random io.Reader     // for the keys of transfers; nil: crypto/rand

	Host             string // of the services shown; "": the machine's name
	AvailabilityZone string // "": nova

	Compression string // of new objects: zstd, zlib, none; "": zstd
	ChunkSize   int64  // bytes per object of a full backup; 0: chunked's default
	BlockSize   int64  // bytes per digest of a full backup; 0: chunked chooses it by the volume and its data

	// Workers is the number of backups, restores and copies that run at once; 0: 2. Deletes
	// and imports have QuickWorkers of their own; 0: 1.
	Workers, QuickWorkers int
	// Lease is how long a worker holds a job without a heartbeat; 0: 30 s.
	Lease time.Duration
	// Copier copies backups to other backends; nil: none takes copies. CopyWorkers is the number
	// of copies that run at once; 0: 2. CopyAttempts is how often a copy is tried while its
	// backend cannot be reached, and CopyPause the pause before the second attempt, doubled
	// before each further one; 0: 10 and 30 s.
	// Policies are those that volumes can name, and the defaults.
	Policies     policy.Book
	Copier       driver.Copier
	CopyWorkers  int
	CopyAttempts int
	CopyPause    time.Duration
	// Poll is how often idle workers look for jobs that nothing has told them of; 0: once per
	// Lease, and every 5 s if the database is shared.
	Poll time.Duration
	// MaxAttempts is how often a job runs if its worker dies each time; 0: 3.
	MaxAttempts int

	Quotas map[string]int // defaults by name; they override Cinder's; -1: no limit
	// ScrubInterval is the time between the starts of two scheduled scrubs; 0: none is
	// scheduled.
	ScrubInterval time.Duration
	// ScrubSample is the share of the data objects that a scheduled scrub reads, above 0 and
	// up to 1; 0: 1.
	ScrubSample float64
	// DeleteParents allows to delete backups that others build on: these are rebased. Otherwise such a
	// delete is refused, as in Cinder.
	DeleteParents bool
	// MaxLock is how long from now backups may be locked; 0: there are no locks.
	MaxLock time.Duration
	// UploadExpiry is how long an upload is kept after something was sent; 0: a day.
	UploadExpiry time.Duration
	Observer     Observer // may be nil
	// TraceJob is called before each attempt at a job. The job's requests to stores have the
	// context that it returns. end is called after the attempt. nil: nothing is called.
	TraceJob func(ctx context.Context, job JobTrace) (_ context.Context, end func(outcome string, err error))
	// JobHook is asked before and during each attempt at a job; nil: nothing is.
	JobHook JobHook
	// WrapStore wraps the store in the data directory; nil: it is used as it is. The result is a
	// [chunk.Batcher] if the store is.
	WrapStore func(chunk.Store) chunk.Store
	// BlankByJob says that a job makes the file of a new, empty volume, which is creating until
	// then; nil: the request makes it.
	BlankByJob func() bool
	// NoReserve keeps no space free for the database on a full disk.
	NoReserve bool

	unit     int64 // of volume sizes, in bytes; 0: a GiB. Tests set less to be fast.
	rehearse bool  // see [meta.Options]; tests set it
}

// JobTrace is what a trace says of a job.
type JobTrace struct {
	ID, Kind           string
	BackupID, VolumeID string
	SnapshotID         string
	ProjectID, UserID  string
	RequestID, Request string // id and traceparent of the request that queued the job
	Attempt            int
}

// Work counts the goroutines of a driver that work.
type Work = core.Work

// JobHook lets a test decide how attempts at jobs end. An error fails the attempt; see [JobError]
// and [ErrKilled]. Calls end no later than their context.
type JobHook interface {
	// Before is called before an attempt works.
	Before(ctx context.Context, job JobTrace) error
	// Progress is called while an attempt copies data: done of total bytes of the volume are
	// copied. Some kinds of jobs do not call it.
	Progress(ctx context.Context, job JobTrace, done, total int64) error
}

// ErrKilled ends an attempt as the death of its process does: nothing is cleaned up, and the job
// runs again after its lease has expired.
var ErrKilled = jobs.ErrKilled

// JobError is an error of a [JobHook] whose text users see, as fail_reason or in a message.
func JobError(reason string) error { return core.Reasonf("%s", reason) }

// LocalStore is the name of the backup store in the data directory.
const LocalStore = core.LocalStore

// BackupStore is a place for backups: a directory, a store on the network, or one with an
// account for each project.
type BackupStore struct {
	Dir      string // that exists; "": Remote or Accounts
	Remote   chunk.Remote
	Accounts chunk.Accounts
}

// Observer receives events that operators count.
type Observer interface {
	// JobDone is called for each attempt at a job that ended. outcome is ok, error, cancelled,
	// released (requeued at shutdown) or repeated (requeued for later). bytes is the number of the volume's bytes.
	JobDone(kind, outcome string, bytes int64, took time.Duration)
	// Scrubbed is called for each backup that a scrub has read. result is one of
	// [ScrubResults]. bytes is the number of the volume's bytes that were read.
	Scrubbed(result string, bytes int64)
	// PolicyRun is called for each run of a policy that ended. outcome is done, skipped or failed.
	PolicyRun(outcome string)
	// StrayFile is called for each file that has no row. kind is volume, snapshot or upload.
	StrayFile(kind string)
}

// nobody is an Observer that ignores all events.
type nobody struct{}

func (nobody) JobDone(string, string, int64, time.Duration) {}
func (nobody) StrayFile(string)                             {}
func (nobody) PolicyRun(string)                             {}
func (nobody) Scrubbed(string, int64)                       {}

// Driver stores volumes and backups on this machine. Each embedded interface is implemented
// by one package below internal/.
type Driver struct {
	backupRoom
	volumeRoom
	cloudRoom
	jobRoom

	o     Options
	core  *core.Core
	jobs  *jobs.Runner
	owned []io.Closer // closed by Close, last first
	// directory is the id of the data directory, if several gateways share the database.
	directory string

	backups  *backups.Backups
	volumes  *volumes.Volumes
	cloud    *cloud.Cloud
	policies *policies.Policies
}

type backupRoom interface {
	driver.Driver
	driver.BackupUpdater
	driver.BackupAdmin
	driver.BackupCopier
	driver.RecordPorter
	driver.ContentReader
	driver.ContentWriter
}

type volumeRoom interface {
	driver.VolumeConnector
	driver.VolumeManager
	driver.SnapshotManager
	driver.TypeManager
	driver.QuotaManager
}

type jobRoom interface{ driver.JobLister }

type cloudRoom interface {
	driver.Cloud
	driver.MessageReader
	driver.QoSManager
	driver.TypeEncrypter
	driver.GroupManager
	driver.GroupTypeManager
	driver.GroupSnapshotManager
	driver.TransferManager
	driver.AttachmentManager
	driver.ServiceManager
	driver.DefaultTypeManager
}

var (
	_ driver.Driver        = (*Driver)(nil)
	_ driver.VolumeManager = (*Driver)(nil)
	_ driver.Cloud         = (*Driver)(nil)
	_ driver.Runner        = (*Driver)(nil)
	_ driver.Checker       = (*Driver)(nil)
	_ driver.Readier       = (*Driver)(nil)
)

// Open opens the data directory and repairs the state after a crash, so that every status
// is correct before the first request.
func Open(ctx context.Context, o Options) (*Driver, error) {
	o = o.withDefaults()
	c := &core.Core{Stores: core.Stores{Default: o.DefaultStore}, Files: core.NewFiles(o.DataDir), Log: o.Log, Clock: o.Clock, Work: o.Work, NewID: o.NewID, Random: o.Random,
		Host: o.Host, AvailabilityZone: o.AvailabilityZone, Unit: o.unit, BlankByJob: o.BlankByJob, Copier: o.Copier, DownAfter: 2 * o.Lease, Policies: o.Policies,
		DataDir: o.DataDir, SharedVolumes: o.SharedVolumes != ""}
	c.Attention = c.NewAttention()
	if !o.NoReserve {
		c.Spare = core.NewReserve(o.DataDir)
	}
	if o.SharedVolumes != "" {
		c.Files = core.NewFiles(o.SharedVolumes)
	}
	if database.IsPostgres(o.Database) {
		c.Gateway = o.Host
	}
	r := jobs.NewRunner(c, o.jobs())
	vs := volumes.New(c, r, o.Quotas)
	bs := backups.New(c, r, vs, backups.Format{
		Compression: chunked.Compression(o.Compression), ChunkSize: o.ChunkSize, BlockSize: o.BlockSize},
		backups.ScrubSchedule{Interval: o.ScrubInterval, Sample: o.ScrubSample, Observe: o.Observer.Scrubbed},
		o.UploadExpiry, backups.Copying{Attempts: o.CopyAttempts, Pause: o.CopyPause}, backups.Deletes{Rebases: o.DeleteParents, MaxLock: o.MaxLock})
	cl := cloud.New(c, r, vs)
	ps := policies.New(c, bs, o.Observer.PolicyRun)
	d := &Driver{policies: ps, backupRoom: bs, volumeRoom: vs, cloudRoom: cl, jobRoom: r, o: o, core: c, jobs: r, backups: bs, volumes: vs, cloud: cl}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open data directory %s: %w", o.DataDir, err), d.Close())
	}
	return d, nil
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Clock == nil {
		o.Clock = clockwork.NewRealClock()
	}
	if o.BlankByJob == nil {
		o.BlankByJob = func() bool { return false }
	}
	if o.Work == nil {
		o.Work = core.NoWork{}
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	if o.AvailabilityZone == "" {
		o.AvailabilityZone = "nova"
	}
	if o.Compression == "" {
		o.Compression = "zstd"
	}
	if o.unit <= 0 {
		o.unit = core.GiB
	}
	if o.DefaultStore == "" {
		o.DefaultStore = core.LocalStore
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.QuickWorkers <= 0 {
		o.QuickWorkers = 1
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.UploadExpiry <= 0 {
		o.UploadExpiry = 24 * time.Hour
	}
	if o.Copier == nil {
		o.Copier = core.NoCopies{}
	}
	if o.CopyWorkers <= 0 {
		o.CopyWorkers = 2
	}
	if o.CopyAttempts <= 0 {
		o.CopyAttempts = 10
	}
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 3
	}
	return o
}

func (o Options) jobs() jobs.Options {
	settings := jobs.Options{Workers: o.Workers, QuickWorkers: o.QuickWorkers, CopyWorkers: o.CopyWorkers, Lease: o.Lease, MaxAttempts: o.MaxAttempts, JobDone: o.Observer.JobDone, Poll: o.Poll}
	if o.TraceJob != nil {
		settings.TraceJob = func(ctx context.Context, j *meta.Job) (context.Context, func(string, error)) {
			return o.TraceJob(ctx, traceOf(j))
		}
	}
	if o.JobHook != nil {
		settings.Hook = hook{o.JobHook}
	}
	if database.IsPostgres(o.Database) {
		settings.Poll = cmp.Or(o.Poll, sharedPoll)
	}
	return settings
}

func traceOf(j *meta.Job) JobTrace {
	return JobTrace{ID: j.ID, Kind: j.Kind, BackupID: j.BackupID, VolumeID: j.VolumeID, SnapshotID: j.SnapshotID, ProjectID: j.ProjectID,
		UserID: j.UserID, RequestID: j.RequestID, Request: j.Trace, Attempt: j.Attempts}
}

// hook passes jobs on to a JobHook.
type hook struct{ to JobHook }

func (h hook) Before(ctx context.Context, j *meta.Job) error { return h.to.Before(ctx, traceOf(j)) }

func (h hook) Progress(ctx context.Context, j *meta.Job, done, total int64) error {
	return h.to.Progress(ctx, traceOf(j), done, total)
}

// sharedPoll is how often idle workers look for jobs in a shared database: notifications of other
// gateways can get lost, and nothing tells that the lease of a dead one has expired.
const sharedPoll = 5 * time.Second

// Run runs jobs, schedules scrubs, follows the policies of volumes, and ends old uploads and messages until ctx ends. Then it requeues the running jobs;
// the next Run starts them again. It returns nil. The calling goroutine counts as work; see
// Options.Work.
func (d *Driver) Run(ctx context.Context) error {
	d.core.Attention.Bell.Wake()
	defer d.core.Attention.Bell.Silence() // jobs may name volumes until they have ended
	var group errgroup.Group
	start := func(run func(context.Context)) {
		d.core.Work.Begin()
		group.Go(func() error { defer d.core.Work.End(); run(ctx); return nil })
	}
	start(func(ctx context.Context) { _ = d.jobs.Run(ctx) }) // it returns nil
	start(d.cloud.ExpireMessages)
	start(d.backups.ScheduleScrubs)
	start(d.backups.ExpireUploads)
	start(d.policies.Run)
	if d.core.Several() {
		start(d.beat)
	}
	d.core.Work.End() // it only waits for the others
	defer d.core.Work.Begin()
	return group.Wait()
}

// RunOne runs the next job and reports whether there was one. The statuses of its resources
// show whether the job failed; that is not returned as an error.
func (d *Driver) RunOne(ctx context.Context) (bool, error) { return d.jobs.RunOne(ctx) }

func (d *Driver) open(ctx context.Context) error {
	if d.o.Installation == "" {
		if err := os.MkdirAll(d.o.DataDir, 0o750); err != nil {
			return err
		}
	}
	lock, err := core.LockDir(d.o.DataDir)
	if err != nil {
		return err
	}
	d.owned = append(d.owned, lock)
	// Before the database is opened, since its log needs free space.
	d.core.Spare.Release()
	if d.core.Several() && d.o.DefaultStore == core.LocalStore && d.o.Store == nil {
		return localStoreAlone()
	}
	if err := d.openInstallation(ctx); err != nil {
		return err
	}
	if err := errors.Join(d.repair(ctx), d.backups.CheckLocks(ctx)); err != nil {
		return err
	}
	if err := d.core.Spare.Keep(); err != nil {
		d.core.Log.Warn("no room is reserved for the database", zap.Error(err))
	}
	return nil
}

// Close releases the data directory. Run must have returned.
func (d *Driver) Close() error {
	var errs []error
	for i := len(d.owned) - 1; i >= 0; i-- {
		errs = append(errs, d.owned[i].Close())
	}
	d.owned = nil
	return errors.Join(errs...)
}

// Ready returns an error unless the database answers and the data directory is mounted. A full
// disk is no error: clients must reach the gateway to delete something.
func (d *Driver) Ready(ctx context.Context) error {
	if err := d.core.DB.Ping(ctx); err != nil {
		return driver.Wrap(driver.Unavailable, err, "The database does not answer.")
	}
	if err := d.core.Files.Check(); err != nil {
		return driver.Wrap(driver.Unavailable, err, "The data directory is not there.")
	}
	return nil
}

// Check returns an error unless the gateway is [Driver.Ready], the directories of backups are
// mounted, and the disk has free space. It does not ask stores on the network.
func (d *Driver) Check(ctx context.Context) error {
	if err := d.Ready(ctx); err != nil {
		return err
	}
	for _, s := range d.core.Stores.All() {
		if s.Remote() {
			continue // jobs wait for it; the gateway itself is well
		}
		if err := s.Check(ctx); err != nil {
			return driver.Wrap(driver.Unavailable, err, "The backup store is not there.")
		}
	}
	if err := errors.Join(d.core.Spare.Keep(), d.core.Spare.RoomLeft()); err != nil {
		return driver.Wrap(driver.Unavailable, err, "The disk of the data directory is full.")
	}
	return nil
}

// StoreChecks implements [driver.StoreChecker].
func (d *Driver) StoreChecks() map[string]func(context.Context) error {
	checks := map[string]func(context.Context) error{}
	for _, s := range d.core.Stores.All() {
		checks[s.Name] = func(ctx context.Context) error { return d.core.Look(ctx, s) }
	}
	return checks
}

// VolumeFile returns the path of the file that holds a volume's data. A job that replaces the data
// writes another file; the path is that of the moment.
func (d *Driver) VolumeFile(ctx context.Context, id string) (string, error) {
	v, err := d.core.DB.Volume(ctx, id)
	switch {
	case err != nil:
		return "", core.Classify(err)
	case v == nil:
		return "", driver.Errorf(driver.NotFound, "Volume %s could not be found.", id)
	}
	return d.core.Files.Volume(v), nil
}
