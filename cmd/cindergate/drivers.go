package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/driver/cinder"
	"cindergate/driver/embedded"
	"cindergate/driver/vbs"
	"cindergate/gateway"
	"cindergate/internal/openstack"
	"cindergate/internal/otc"
	"cindergate/internal/tracing"
	"cindergate/internal/wire"
)

// opener opens a backend.
type opener func(ctx context.Context, name string, c *config.Config, log *zap.Logger, seen observers) (driver.Driver, error)

// observers are told what backends do.
type observers struct {
	metrics *gateway.Metrics
	traces  *tracing.Tracing // nil: none
}

// drivers are the openers of all drivers, by name.
var drivers = map[string]opener{
	config.DriverEmbedded: openEmbedded,
	config.DriverCinder:   openCinder,
	config.DriverVBS:      openVBS,
	config.DriverCBR:      openCBR,
}

// openBackends opens every backend of the configuration. If one fails, it closes those that
// are already open.
func openBackends(ctx context.Context, c *config.Config, log *zap.Logger, seen observers) (map[string]driver.Driver, error) {
	open := map[string]driver.Driver{}
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		d, err := drivers[c.Backends[name].Driver](ctx, name, c, log.Named(name), seen)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("backend %s: %w", name, err), closeBackends(open))
		}
		open[name] = d
	}
	return open, nil
}

func closeBackends(open map[string]driver.Driver) error {
	var problems []error
	for name, d := range open {
		if closer, ok := d.(io.Closer); ok {
			if err := closer.Close(); err != nil {
				problems = append(problems, fmt.Errorf("close backend %s: %w", name, err))
			}
		}
	}
	return errors.Join(problems...)
}

func openEmbedded(ctx context.Context, _ string, c *config.Config, log *zap.Logger, seen observers) (driver.Driver, error) {
	o, err := embeddedOptions(c, log)
	if err != nil {
		return nil, err
	}
	o.Observer = seen.metrics
	if seen.traces != nil {
		o.TraceJob = func(ctx context.Context, job embedded.JobTrace) (context.Context, func(string, error)) {
			return seen.traces.Job(ctx, job.Kind, job.Request, map[string]string{
				"cindergate.job.id": job.ID, "cindergate.job.attempt": strconv.Itoa(job.Attempt), "openstack.request_id": job.RequestID,
				"openstack.project_id": job.ProjectID, "openstack.user_id": job.UserID,
				"cindergate.backup_id": job.BackupID, "cindergate.volume_id": job.VolumeID,
			})
		}
	}
	d, err := embedded.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	watchJobs(seen.metrics, d)
	return d, nil
}

// openStopped opens the embedded backend for a command, while no gateway runs on its data
// directory.
func openStopped(ctx context.Context, c *config.Config, log *zap.Logger) (*embedded.Driver, error) {
	o, err := embeddedOptions(c, log)
	if err != nil {
		return nil, err
	}
	return embedded.Open(ctx, o)
}

func embeddedOptions(c *config.Config, log *zap.Logger) (embedded.Options, error) {
	stores, err := openStores(c, log)
	copier, badCopies := openCopier(c, log)
	book, badPolicies := openPolicies(c, copier)
	q := c.Embedded.Quotas
	sample, _ := config.ParseShare(c.Embedded.Scrub.Sample) // config.Load has checked it
	return embedded.Options{
		DataDir: c.Data, Database: c.Database.Reveal(), Lease: c.Embedded.Lease, SharedVolumes: c.Embedded.SharedVolumes, Stores: stores, DefaultStore: c.DefaultStore, Installation: c.Embedded.Installation, Log: log,
		Host: c.Embedded.Host, AvailabilityZone: c.Embedded.AvailabilityZone,
		Compression: c.Embedded.Compression, BlockSize: c.Embedded.BlockSize, Workers: c.Embedded.Workers,
		DeleteParents: c.Embedded.DeleteParents == "rebase", MaxLock: c.Embedded.MaxLock, Policies: book, Copier: copier, CopyWorkers: c.Embedded.Copies.Workers, CopyAttempts: c.Embedded.Copies.Attempts,
		ScrubInterval: c.Embedded.Scrub.Interval, ScrubSample: sample, UploadExpiry: c.Embedded.UploadExpiry,
		Quotas: map[string]int{
			driver.QuotaVolumes: q.Volumes, driver.QuotaSnapshots: q.Snapshots, driver.QuotaGigabytes: q.Gigabytes,
			driver.QuotaPerVolumeGigabytes: q.PerVolumeGigabytes, driver.QuotaBackups: q.Backups,
			driver.QuotaBackupGigabytes: q.BackupGigabytes, driver.QuotaGroups: q.Groups,
		},
	}, errors.Join(err, badCopies, badPolicies)
}

func openCinder(_ context.Context, name string, c *config.Config, _ *zap.Logger, _ observers) (driver.Driver, error) {
	o := c.Backends[name].Cinder
	return cinder.New(cinder.Options{
		URL: o.URL, RestoreNeedsVolume: o.Restore == "volume", RestoreVolumeType: o.RestoreVolumeType,
		Options: connection(name, &o.Connection),
	})
}

func openVBS(_ context.Context, name string, c *config.Config, _ *zap.Logger, _ observers) (driver.Driver, error) {
	o := c.Backends[name].VBS
	return vbs.New(vbs.Options{
		Options: cloudOf(name, &o.OTC), Native: o.Native,
	})
}

func openCBR(_ context.Context, name string, c *config.Config, _ *zap.Logger, _ observers) (driver.Driver, error) {
	o := c.Backends[name].CBR
	return cbr.New(cbr.Options{
		Options: cloudOf(name, &o.OTC), Vault: o.Vault, Bind: o.Bind, CreateVault: o.CreateVault, VaultSize: o.VaultSize,
	})
}

func cloudOf(name string, o *config.OTC) otc.Options {
	return otc.Options{
		Options: connection(name, &o.Connection), Dialect: otc.Dialect(o.Dialect),
		IdentityURL: o.IdentityURL, Region: o.Region, URL: o.URL, EVSURL: o.EVSURL,
		FullBackup: otc.FullBackup(o.FullBackup), RestoreVolumeType: o.RestoreVolumeType, IDTimeout: o.IDTimeout,
	}
}

func connection(name string, c *config.Connection) openstack.Options {
	return openstack.Options{
		Name: name, CAFile: c.CAFile, Insecure: c.Insecure, ConnectTimeout: c.ConnectTimeout, AnswerTimeout: c.AnswerTimeout,
		MaxAnswer: c.MaxAnswer, Retries: orNone(c.Retries), RetryBudget: orNone(c.RetryBudget),
		BreakAfter: orNone(c.BreakAfter), BreakFor: orNone(c.BreakFor), Wrap: watched,
	}
}

// watched has requests to a backend in traces, and in the record of requests of the console. Without either
// they go to next as they are, at no cost.
func watched(next http.RoundTripper) http.RoundTripper {
	return tracing.Transport(wire.Transport(next))
}

// orNone converts the 0 of a setting, which means "none", to the value that means "none" in
// options, where 0 means the default.
func orNone[T int | float64 | time.Duration](setting T) T {
	if setting == 0 {
		return -1
	}
	return setting
}
