package core

import (
	"fmt"
	"time"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// guaranteed is how long messages are kept (cinder/message/api.py message_ttl).
const guaranteed = 30 * 24 * time.Hour

// numbered is an action or detail with its number (cinder/message/message_field.py).
type numbered struct{ id, text string }

var (
	ActionSchedule      = numbered{"001", "schedule allocate volume"}
	ActionCreateVolume  = numbered{"008", "create volume from backend storage"}
	ActionSnapshot      = numbered{"009", "create snapshot"}
	ActionBackup        = numbered{"013", "create backup"}
	ActionDeleteBackup  = numbered{"014", "delete backup"}
	ActionRestoreBackup = numbered{"015", "restore backup"}
	ActionExtend        = numbered{"007", "extend volume"}

	DetailUnknown       = numbered{"001", "An unknown error occurred."}
	DetailNoBackend     = numbered{"003", "Could not find any available weighted backend."}
	DetailCreateVolume  = numbered{"012", "Driver failed to create the volume."}
	DetailSnapshot      = numbered{"013", "Snapshot failed to create."}
	DetailBackup        = numbered{"020", "Backup driver failed to create backup."}
	DetailDeleteBackup  = numbered{"025", "Backup driver failed to delete backup."}
	DetailRestoreBackup = numbered{"026", "Backup driver failed to restore backup."}
	DetailNoService     = numbered{"024", "Backup failed to schedule. Service not found for creating backup."}
	DetailExtend        = numbered{"010", "Volume Driver failed to extend volume."}
	DetailPolicy        = numbered{"100", "The backup policy of the volume needs attention."} // ours, above Cinder's numbers
)

// Resource types of messages.
const (
	VolumeResource   = "VOLUME"
	SnapshotResource = "VOLUME_SNAPSHOT"
	BackupResource   = "VOLUME_BACKUP"
)

// AddMessage stores a message for the user whose request failed. Its text is Cinder's,
// followed by reason unless that is "".
func (c *Core) AddMessage(tx *meta.Tx, who driver.Caller, action, detail numbered, resourceType, id, reason string) error {
	text := action.text + ":" + detail.text
	if reason != "" {
		text += " " + reason
	}
	return tx.PutMessage(&meta.Message{Message: driver.Message{
		ID: c.NewID(), ProjectID: who.ProjectID,
		EventID:     fmt.Sprintf("VOLUME_%s_%s_%s", resourceType, action.id, detail.id),
		UserMessage: text,
		Level:       "ERROR", RequestID: who.RequestID, ResourceType: resourceType, ResourceUUID: id,
		CreatedAt: tx.Now, GuaranteedUntil: tx.Now.Add(guaranteed),
	}})
}
