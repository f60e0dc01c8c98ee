package cloud

import (
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// Recover corrects groups and group snapshots whose volumes and snapshots have just got
// another status.
func Recover(tx *meta.Tx) error {
	groups, err := tx.GroupsIn(core.Creating, core.Deleting)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := volumes.SettleGroup(tx, g.ID); err != nil {
			return err
		}
	}
	groupSnapshots, err := tx.GroupSnapshotsIn(core.Creating, core.Deleting)
	if err != nil {
		return err
	}
	for _, gs := range groupSnapshots {
		if err := volumes.SettleGroupSnapshot(tx, gs.ID); err != nil {
			return err
		}
	}
	return nil
}
