// Package core is what the packages of the embedded driver share: the database, the files
// of volumes and snapshots, the backup store, the clock and ids.
//
// It does not depend on any kind of job or request.
package core

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/database"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// Core is the shared state of one driver. Its fields do not change after the driver has
// been opened.
type Core struct {
	DB     *meta.DB
	Stores Stores
	Files  Files
	Spare  *Reserve
	Copier driver.Copier
	// Policies are those that the operator defines. Attention is told of what they have to look at.
	Policies  policy.Book
	Attention *Attention
	Log       *zap.Logger
	Clock     clockwork.Clock
	Work      Work
	NewID     func() string
	Random    io.Reader // for secrets
	// BlankByJob reports whether a job makes the file of a new, empty volume.
	BlankByJob func() bool

	Host string // of the services shown
	// Gateway is Host if several gateways share the database; "": this is the only one. DownAfter is
	// the age of a heartbeat from which on a gateway counts as down.
	Gateway   string
	DownAfter time.Duration
	// SharedVolumes says that the files of all volumes are on a file system that all gateways share.
	SharedVolumes bool
	// DataDir is the data directory of this gateway: Files.Dir, unless the volumes are shared.
	DataDir          string
	AvailabilityZone string
	Unit             int64 // of a volume's size, in bytes: a GiB; less in tests
}

// Classify returns the error for a caller of the driver. An error that is not a
// [driver.Error] becomes Canceled, Unavailable or Internal.
func Classify(err error) error {
	var known *driver.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return driver.Left(err)
	case errors.Is(err, context.DeadlineExceeded):
		return driver.Wrap(driver.Unavailable, err, "The request took too long.")
	case database.Unwritable(err):
		return driver.Wrap(driver.Unavailable, err, "The disk of the database is full.")
	case database.Unstorable(err):
		return driver.Wrap(driver.InvalidInput, err, "Invalid input received: the request has a text with the character U+0000, which cannot be stored.")
	case database.Unavailable(err):
		return driver.Wrap(driver.Unavailable, err, "The database does not answer.")
	}
	return driver.Wrap(driver.Internal, err, "The database failed.")
}

// Write runs one transaction. An error that is not a [driver.Error] becomes Internal.
func (c *Core) Write(ctx context.Context, change func(*meta.Tx) error) error {
	return Classify(c.DB.Write(ctx, change))
}

// Read runs one transaction that changes nothing.
func (c *Core) Read(ctx context.Context, look func(*meta.Tx) error) error {
	return Classify(c.DB.Read(ctx, look))
}

// WriteFreeing is [Core.Write] for changes that free disk space or end a job. If the disk
// is full, it releases the reserve and runs change once more.
func (c *Core) WriteFreeing(ctx context.Context, change func(*meta.Tx) error) error {
	return c.freeing(ctx, c.DB.Write, change)
}

// Lease is [Core.WriteFreeing] for transactions of [meta.DB.Lease].
func (c *Core) Lease(ctx context.Context, change func(*meta.Tx) error) error {
	return c.freeing(ctx, c.DB.Lease, change)
}

func (c *Core) freeing(ctx context.Context, write func(context.Context, func(*meta.Tx) error) error, change func(*meta.Tx) error) error {
	err := write(ctx, change)
	if database.Unwritable(err) && c.Spare.Release() {
		c.Log.Warn("the disk is full: the database uses the room that was reserved", zap.Error(err))
		err = write(ctx, change)
	}
	return Classify(err)
}

// Bytes returns the file length of a volume or snapshot. size is in units (see Unit).
func (c *Core) Bytes(size int) int64 { return int64(size) * c.Unit }

// GiB is the unit of a volume's size, in bytes.
const GiB = 1 << 30

// RemoveFile removes a file that no row refers to. If that fails, it logs the error; the
// next start moves the file to lost+found.
func (c *Core) RemoveFile(path string) {
	if err := c.Files.Remove(path); err != nil {
		c.Log.Warn("a file without a row stays", zap.String("file", path), zap.Error(err))
	}
}
