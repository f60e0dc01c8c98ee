// Package embedded is the driver that needs nothing else: volumes are sparse
// files, backups are objects in Cinder's chunked format, and what is known about
// both is in SQL (package meta). It is Cinder's API, scheduler, volume and backup
// service in one process.
//
// A request is one transaction: it checks the state, changes it, inserts a job and
// commits. [Driver.Run] does the jobs. The status of a backup and of its volume is
// the state of the job, as in Cinder.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/chunk"
	"cindergate/internal/meta"
)

var (
	_ driver.Driver               = (*Driver)(nil)
	_ driver.BackupUpdater        = (*Driver)(nil)
	_ driver.RecordPorter         = (*Driver)(nil)
	_ driver.BackupAdmin          = (*Driver)(nil)
	_ driver.VolumeManager        = (*Driver)(nil)
	_ driver.SnapshotManager      = (*Driver)(nil)
	_ driver.QuotaManager         = (*Driver)(nil)
	_ driver.Cloud                = (*Driver)(nil)
	_ driver.TypeManager          = (*Driver)(nil)
	_ driver.MessageReader        = (*Driver)(nil)
	_ driver.QoSManager           = (*Driver)(nil)
	_ driver.TypeEncrypter        = (*Driver)(nil)
	_ driver.GroupManager         = (*Driver)(nil)
	_ driver.GroupTypeManager     = (*Driver)(nil)
	_ driver.GroupSnapshotManager = (*Driver)(nil)
	_ driver.TransferManager      = (*Driver)(nil)
	_ driver.AttachmentManager    = (*Driver)(nil)
	_ driver.ServiceManager       = (*Driver)(nil)
	_ driver.DefaultTypeManager   = (*Driver)(nil)
	_ driver.Runner               = (*Driver)(nil)
	_ driver.Checker              = (*Driver)(nil)
)

// Options configure a Driver. Only DataDir is required.
type Options struct {
	// DataDir holds everything: cindergate.db, volumes/, snapshots/, backups/. It
	// is made if it does not exist, and locked against a second process.
	DataDir string
	// Installation is the id that DataDir must have; "" takes any, and makes a new
	// one. With it, a directory that is not mounted is an error, never a new start.
	Installation string
	// Adopt, if set, makes rows for volumes and backups that have none.
	Adopt *Adoption
	// Store keeps the backups' objects; nil is DataDir/backups.
	Store chunk.Store

	Log   *zap.Logger      // nil: none
	Now   func() time.Time // nil: time.Now
	NewID func() string    // nil: random UUIDs

	Host             string // of the services that it shows; "": the machine's name
	AvailabilityZone string // "": nova

	Compression string // of new objects: zstd, zlib, none; "": zstd
	ChunkSize   int64  // bytes per object of a full backup; 0: chunked's default
	BlockSize   int64  // bytes per digest; 0: Cinder's, 32768

	// Workers is how many backups, restores and copies run at once; 0: 2. Deletes
	// and imports have a worker of their own.
	Workers int
	// Lease is how long a job is a worker's without a sign of life; 0: 30 s.
	Lease time.Duration
	// MaxAttempts is how often a job is tried whose worker died; 0: 3.
	MaxAttempts int

	Quotas   map[string]int // defaults by name, over [DefaultQuotas]; -1: no limit
	Observer Observer       // may be nil

	unit     int64 // of volumes' sizes, in bytes; 0: a GiB. Less makes tests faster.
	rehearse bool  // see [meta.Options]; tests set it
}

// Observer is told what operators count.
type Observer interface {
	// JobDone is called with each job that ended: outcome is ok, error, cancelled or
	// released (given back at shutdown); bytes are those of the volume.
	JobDone(kind, outcome string, bytes int64, took time.Duration)
	// StrayFile is called with each file that has no row: kind is volume or snapshot.
	StrayFile(kind string)
}

// Driver stores volumes and backups on this machine.
type Driver struct {
	o     Options
	log   *zap.Logger
	db    *meta.DB
	store chunk.Store
	files files
	owned []io.Closer // closed by Close, last first
	spare reserve

	wake    map[string]chan struct{} // by lane
	up      atomic.Bool              // Run is running
	mu      sync.Mutex
	flights map[string]*flight // jobs that run in this process, by id
}

// Open opens the data directory and settles what a crash left behind, so that
// every status is true again before the first request.
func Open(ctx context.Context, o Options) (*Driver, error) {
	o = o.withDefaults()
	d := &Driver{o: o, log: o.Log, store: o.Store, files: files{dir: o.DataDir, growing: new(sync.Mutex)}, flights: map[string]*flight{},
		spare: reserve{path: filepath.Join(o.DataDir, "reserve")},
		wake:  map[string]chan struct{}{dataLane: make(chan struct{}, o.Workers), quickLane: make(chan struct{}, 1)}}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open data directory %s: %w", o.DataDir, err), d.Close())
	}
	return d, nil
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
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
		o.unit = gib
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 3
	}
	return o
}

func (d *Driver) open(ctx context.Context) error {
	if d.o.Installation == "" {
		if err := os.MkdirAll(d.o.DataDir, 0o750); err != nil {
			return err
		}
	}
	lock, err := lockDir(d.o.DataDir)
	if err != nil {
		return err
	}
	d.owned = append(d.owned, lock)
	// Before the database is opened: it needs room for its log.
	d.spare.release()
	if err := d.openInstallation(ctx); err != nil {
		return err
	}
	if err := d.recover(ctx); err != nil {
		return err
	}
	if err := d.spare.keep(); err != nil {
		d.log.Warn("no room is reserved for the database", zap.Error(err))
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

// Check tells whether the database answers, the directories of volumes and backups
// are mounted, and the disk has room.
func (d *Driver) Check(ctx context.Context) error {
	if err := d.db.Ping(ctx); err != nil {
		return driver.Wrap(driver.Unavailable, err, "The database does not answer.")
	}
	if err := d.files.check(); err != nil {
		return driver.Wrap(driver.Unavailable, err, "The data directory is not there.")
	}
	if err := d.store.Check(ctx); err != nil {
		return driver.Wrap(driver.Unavailable, err, "The backup store is not there.")
	}
	if err := errors.Join(d.spare.keep(), d.spare.roomLeft()); err != nil {
		return driver.Wrap(driver.Unavailable, err, "The disk of the data directory is full.")
	}
	return nil
}

// write runs one transaction. An error that is not a [driver.Error] becomes Internal.
func (d *Driver) write(ctx context.Context, change func(*meta.Tx) error) error {
	return classify(d.db.Write(ctx, change))
}

// read runs one transaction that changes nothing.
func (d *Driver) read(ctx context.Context, look func(*meta.Tx) error) error {
	return classify(d.db.Read(ctx, look))
}

// writeFreeing is write for what frees room or ends a job: on a full disk it uses the
// room that is kept for it. change may run twice.
func (d *Driver) writeFreeing(ctx context.Context, change func(*meta.Tx) error) error {
	err := d.db.Write(ctx, change)
	if meta.Unwritable(err) && d.spare.release() {
		d.log.Warn("the disk is full: the database uses the room that was reserved", zap.Error(err))
		err = d.db.Write(ctx, change)
	}
	return classify(err)
}

func classify(err error) error {
	var known *driver.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return driver.Left(err)
	case errors.Is(err, context.DeadlineExceeded):
		return driver.Wrap(driver.Unavailable, err, "The request took too long.")
	case meta.Unwritable(err):
		return driver.Wrap(driver.Unavailable, err, "The disk of the database is full.")
	}
	return driver.Wrap(driver.Internal, err, "The database failed.")
}

// changed applies a metadata change to a copy of old.
func changed(old map[string]string, c driver.MetadataChange, missing func(key string) error) (map[string]string, error) {
	next := make(map[string]string, len(old)+len(c.Set))
	if !c.Replace {
		for k, v := range old {
			next[k] = v
		}
	}
	for _, k := range c.Remove {
		if _, ok := next[k]; !ok {
			return nil, missing(k)
		}
		delete(next, k)
	}
	for k, v := range c.Set {
		next[k] = v
	}
	return next, nil
}

// with returns a copy of m in which key is value.
func with(m map[string]string, key, value string) map[string]string {
	next, _ := changed(m, driver.MetadataChange{Set: map[string]string{key: value}}, nil)
	return next
}

// without returns a copy of m that has no key.
func without(m map[string]string, key string) map[string]string {
	next, _ := changed(m, driver.MetadataChange{}, nil)
	delete(next, key)
	return next
}
