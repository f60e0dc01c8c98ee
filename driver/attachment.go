package driver

import (
	"context"
	"time"
)

// Attachment says where a volume is attached, or for whom it is reserved.
type Attachment struct {
	ID        string
	VolumeID  string
	ServerID  string // instance; "" for a host attachment
	HostName  string
	Device    string // mountpoint
	Mode      string // rw or ro; "null" until a connector is known
	Status    string // reserved, attaching, attached, detached
	Connector map[string]any
	// Connection tells the host of the connector how to reach the volume.
	Connection map[string]any
	AttachedAt time.Time
	DetachedAt time.Time
}

// AttachmentSpec is a request for a new attachment. Without a connector it only reserves
// the volume.
type AttachmentSpec struct {
	VolumeID, ServerID string
	Mode               string // "": the connector's mode
	Connector          map[string]any
}

// AttachmentManager creates, shows, changes and deletes attachments.
type AttachmentManager interface {
	GetAttachment(ctx context.Context, caller Caller, attachmentID string) (Attachment, error)
	ListAttachments(ctx context.Context, caller Caller, q Query) (Page[Attachment], error)
	// CreateAttachment reserves a volume and, with a connector, begins to attach it.
	CreateAttachment(ctx context.Context, caller Caller, spec AttachmentSpec) (Attachment, error)
	// UpdateAttachment gives a reserved attachment its connector.
	UpdateAttachment(ctx context.Context, caller Caller, attachmentID string, connector map[string]any) (Attachment, error)
	// CompleteAttachment sets the volume's status to in-use.
	CompleteAttachment(ctx context.Context, caller Caller, attachmentID string) error
	// DeleteAttachment deletes an attachment and returns the volume's remaining ones.
	DeleteAttachment(ctx context.Context, caller Caller, attachmentID string) ([]Attachment, error)
}

// VolumeConnector gives hosts the connection data of volumes (os-initialize_connection and
// os-terminate_connection).
type VolumeConnector interface {
	// ConnectVolume returns how to reach a volume.
	ConnectVolume(ctx context.Context, caller Caller, volumeID string) (Connection, error)
	// DisconnectVolume ends the connection of a host. A connection that never began is no
	// error.
	DisconnectVolume(ctx context.Context, caller Caller, volumeID string) error
}

// Connection says how to reach a volume. Type is Cinder's driver_volume_type; Data holds
// the fields of that type (connection_info of cinder/volume/manager.py
// initialize_connection).
type Connection struct {
	Type string
	Data map[string]any
}

// AttachmentColumns are the columns of an attachment.
var AttachmentColumns = Columns[Attachment]{
	"id":            func(a *Attachment) any { return a.ID },
	"volume_id":     func(a *Attachment) any { return a.VolumeID },
	"instance_uuid": func(a *Attachment) any { return orNil(a.ServerID) },
	"attached_host": func(a *Attachment) any { return orNil(a.HostName) },
	"mountpoint":    func(a *Attachment) any { return orNil(a.Device) },
	"attach_mode":   func(a *Attachment) any { return orNil(a.Mode) },
	"attach_status": func(a *Attachment) any { return a.Status },
	"attach_time":   func(a *Attachment) any { return timeOrNil(a.AttachedAt) },
	"detach_time":   func(a *Attachment) any { return timeOrNil(a.DetachedAt) },
	"deleted":       never[Attachment],
	"created_at":    func(*Attachment) any { return nil },
	"updated_at":    func(*Attachment) any { return nil },
}

// AttachmentNotFound returns Cinder's VolumeAttachmentNotFound (cinder/exception.py).
func AttachmentNotFound(id string) error {
	return Errorf(NotFound, "Volume attachment could not be found with filter: attachment_id = %s.", id)
}
