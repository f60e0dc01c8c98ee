package embedded

import (
	"context"

	"cindergate/driver/embedded/internal/cloud"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// repair repairs the state after a crash. It requeues interrupted jobs, since no other
// process uses the data directory. Resources in a transient status without a job get the
// status that Cinder gives them at a restart (cinder/backup/manager.py
// _cleanup_incomplete_backup_operations).
func (d *Driver) repair(ctx context.Context) error {
	err := d.core.DB.Write(ctx, func(tx *meta.Tx) error {
		if err := d.volumes.EnsureDefaultType(tx); err != nil {
			return err
		}
		if err := d.cloud.EnsureDefaultGroupType(tx); err != nil {
			return err
		}
		if err := tx.RequeueAll(d.core.Gateway); err != nil {
			return err
		}
		for _, settle := range []func(*meta.Tx) error{d.backups.Recover, volumes.Recover, cloud.Recover} {
			if err := settle(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if d.o.Adopt != nil {
		if err := d.adopt(ctx); err != nil {
			return err
		}
	}
	return d.settleFiles(ctx)
}
