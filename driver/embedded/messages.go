package embedded

import (
	"context"
	"fmt"
	"time"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// guaranteed is how long messages are kept (cinder/message/api.py message_ttl).
const guaranteed = 30 * 24 * time.Hour

// numbered is an action or detail of cinder/message/message_field.py.
type numbered struct{ id, text string }

var (
	actionSchedule      = numbered{"001", "schedule allocate volume"}
	actionCreateVolume  = numbered{"008", "create volume from backend storage"}
	actionSnapshot      = numbered{"009", "create snapshot"}
	actionBackup        = numbered{"013", "create backup"}
	actionDeleteBackup  = numbered{"014", "delete backup"}
	actionRestoreBackup = numbered{"015", "restore backup"}
	actionExtend        = numbered{"007", "extend volume"}

	detailUnknown       = numbered{"001", "An unknown error occurred."}
	detailNoBackend     = numbered{"003", "Could not find any available weighted backend."}
	detailCreateVolume  = numbered{"012", "Driver failed to create the volume."}
	detailSnapshot      = numbered{"013", "Snapshot failed to create."}
	detailBackup        = numbered{"020", "Backup driver failed to create backup."}
	detailDeleteBackup  = numbered{"025", "Backup driver failed to delete backup."}
	detailRestoreBackup = numbered{"026", "Backup driver failed to restore backup."}
	detailNoService     = numbered{"024", "Backup failed to schedule. Service not found for creating backup."}
	detailExtend        = numbered{"010", "Volume Driver failed to extend volume."}
)

// Resource types of messages.
const (
	volumeResource   = "VOLUME"
	snapshotResource = "VOLUME_SNAPSHOT"
	backupResource   = "VOLUME_BACKUP"
)

// tell leaves a message for the user whose request failed: Cinder's text, and then
// the reason in words.
func (d *Driver) tell(tx *meta.Tx, who driver.Caller, action, detail numbered, resourceType, id, reason string) error {
	text := action.text + ":" + detail.text
	if reason != "" {
		text += " " + reason
	}
	return tx.PutMessage(&meta.Message{Message: driver.Message{
		ID: d.o.NewID(), ProjectID: who.ProjectID,
		EventID:     fmt.Sprintf("VOLUME_%s_%s_%s", resourceType, action.id, detail.id),
		UserMessage: text,
		Level:       "ERROR", RequestID: who.RequestID, ResourceType: resourceType, ResourceUUID: id,
		CreatedAt: tx.Now, GuaranteedUntil: tx.Now.Add(guaranteed),
	}})
}

// GetMessage returns one message.
func (d *Driver) GetMessage(ctx context.Context, who driver.Caller, messageID string) (driver.Message, error) {
	m, err := d.db.Message(ctx, messageID)
	if err != nil {
		return driver.Message{}, classify(err)
	}
	if m == nil || !who.Owns(m.ProjectID) {
		return driver.Message{}, driver.MessageNotFound(messageID)
	}
	return m.Message, nil
}

// ListMessages returns one page of messages: an admin's is of all projects, for
// Cinder knows no all_tenants here (cinder/db/sqlalchemy/api.py message_get_all).
func (d *Driver) ListMessages(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Message], error) {
	project, some := scope(who, true)
	if !some {
		return driver.Page[driver.Message]{}, nil
	}
	rows, err := d.db.Messages(ctx, project)
	if err != nil {
		return driver.Page[driver.Message]{}, classify(err)
	}
	all := make([]driver.Message, 0, len(rows))
	for _, m := range rows {
		if who.Owns(m.ProjectID) {
			all = append(all, m.Message)
		}
	}
	return driver.Paginate(all, driver.MessageColumns, q, driver.MessageNotFound)
}

// DeleteMessage deletes one message.
func (d *Driver) DeleteMessage(ctx context.Context, who driver.Caller, messageID string) error {
	m, err := d.GetMessage(ctx, who, messageID)
	if err != nil {
		return err
	}
	return d.write(ctx, func(tx *meta.Tx) error { return tx.RemoveMessage(m.ID) })
}
