package volumes

import (
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// RestoreJob is the kind of jobs that restore backups to volumes. Package backups registers
// it. A request for a volume from a backup queues one, too.
const RestoreJob = "restore"

// RestoreArguments are the arguments of a [RestoreJob].
type RestoreArguments struct {
	Previous string `json:"previous,omitempty"` // status of the volume before the restore
	New      bool   `json:"new,omitempty"`      // a volume from a backup, which stays available
}

// FailVolume sets the status of a volume that a job did not fill completely, even if an
// admin has set another status meanwhile. A volume that is being deleted keeps its status.
func FailVolume(tx *meta.Tx, id, status string) error {
	v, err := tx.Volume(id)
	if err != nil || v == nil || v.Status == core.Deleting {
		return err
	}
	v.Status, v.PreviousStatus = status, ""
	return tx.TouchVolume(v)
}
