package main

import (
	"context"

	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
)

// openDriver opens the backend that the configuration names.
func openDriver(ctx context.Context, c *config.Config, log *zap.Logger, metrics *gateway.Metrics) (*embedded.Driver, error) {
	q := c.Embedded.Quotas
	return embedded.Open(ctx, embedded.Options{
		DataDir: c.Data, Log: log.Named("embedded"), Observer: metrics,
		Host: c.Embedded.Host, AvailabilityZone: c.Embedded.AvailabilityZone,
		Compression: c.Embedded.Compression, Workers: c.Embedded.Workers,
		Quotas: map[string]int{
			driver.QuotaVolumes: q.Volumes, driver.QuotaSnapshots: q.Snapshots, driver.QuotaGigabytes: q.Gigabytes,
			driver.QuotaPerVolumeGigabytes: q.PerVolumeGigabytes, driver.QuotaBackups: q.Backups,
			driver.QuotaBackupGigabytes: q.BackupGigabytes, driver.QuotaGroups: q.Groups,
		},
	})
}
