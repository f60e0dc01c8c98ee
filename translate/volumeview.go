package translate

import (
	"encoding/json"
	"strconv"

	"cindergate/driver"
)

// volumeView is a volume on the wire, in Cinder's order of members
// (cinder/api/v2/views/volumes.py, v3/views/volumes.py, contrib/volume_*_attribute.py).
type volumeView struct {
	ID                 string            `json:"id"`
	Status             string            `json:"status"`
	Size               int               `json:"size"`
	AvailabilityZone   *string           `json:"availability_zone"`
	CreatedAt          timestamp         `json:"created_at"`
	UpdatedAt          timestamp         `json:"updated_at"`
	Name               *string           `json:"name"`
	Description        *string           `json:"description"`
	VolumeType         *string           `json:"volume_type"`
	SnapshotID         *string           `json:"snapshot_id"`
	SourceVolumeID     *string           `json:"source_volid"`
	Metadata           map[string]string `json:"metadata"`
	Links              []link            `json:"links"`
	UserID             string            `json:"user_id"`
	Bootable           string            `json:"bootable"`
	Encrypted          bool              `json:"encrypted"`
	ReplicationStatus  *string           `json:"replication_status"`
	ConsistencygroupID *string           `json:"consistencygroup_id"`
	Multiattach        bool              `json:"multiattach"`
	Attachments        []attachmentView  `json:"attachments"`
	ImageMetadata      map[string]string `json:"volume_image_metadata,omitempty"`
	ProjectID          string            `json:"os-vol-tenant-attr:tenant_id,omitempty"`

	gated map[string]any // by microversion
	admin map[string]any // for admins only
}

// attachmentView is an attachment in a volume's view. id is the volume's.
type attachmentView struct {
	ID           string    `json:"id"`
	AttachmentID string    `json:"attachment_id"`
	VolumeID     string    `json:"volume_id"`
	ServerID     *string   `json:"server_id"`
	HostName     *string   `json:"host_name"`
	Device       string    `json:"device"`
	AttachedAt   timestamp `json:"attached_at"`
}

// MarshalJSON adds the members that only some requests show.
func (v *volumeView) MarshalJSON() ([]byte, error) {
	type plain volumeView
	out, err := json.Marshal((*plain)(v))
	if err != nil {
		return nil, err
	}
	for _, more := range []map[string]any{v.gated, v.admin} {
		if len(more) == 0 {
			continue
		}
		tail, err := json.Marshal(more)
		if err != nil {
			return nil, err
		}
		out = append(append(out[:len(out)-1], ','), tail[1:]...)
	}
	return out, nil
}

func (r Request) volumeSummary(v *driver.Volume) summaryView {
	return summaryView{v.ID, v.Name, r.links("volumes", v.ID)}
}

func (r Request) volumeDetail(v *driver.Volume) *volumeView {
	view := &volumeView{
		ID: v.ID, Status: v.Status, Size: v.Size, AvailabilityZone: nullable(v.AvailabilityZone),
		CreatedAt: timestamp(v.CreatedAt), UpdatedAt: timestamp(v.UpdatedAt), Name: v.Name, Description: v.Description,
		VolumeType: nullable(v.VolumeType), SnapshotID: nullable(v.SnapshotID), SourceVolumeID: nullable(v.SourceVolumeID),
		Metadata: visibleMetadata(v), Links: r.links("volumes", v.ID), UserID: v.UserID,
		Bootable: strconv.FormatBool(v.Bootable), Encrypted: v.Encrypted, Multiattach: v.Multiattach,
		Attachments: r.attachments(v), ImageMetadata: v.ImageMetadata, ProjectID: v.ProjectID,
		gated: map[string]any{}, admin: map[string]any{},
	}
	admin := r.Caller.IsAdmin()
	if admin {
		view.admin["migration_status"] = nullable(v.MigrationStatus)
		view.admin["os-vol-mig-status-attr:migstat"] = nullable(v.MigrationStatus)
		view.admin["os-vol-mig-status-attr:name_id"] = nil
		view.admin["os-vol-host-attr:host"] = nullable(v.Host)
	}
	if r.Version.AtLeast(driver.MVGroupVolume) {
		view.gated["group_id"] = nullable(v.GroupID)
	}
	if admin && r.Version.AtLeast(driver.MVVolumeProviderID) {
		view.admin["provider_id"] = nil
	}
	if r.Version.AtLeast(driver.MVVolumeSharedTargets) {
		view.gated["shared_targets"] = false
		view.gated["service_uuid"] = nullable(v.ServiceUUID)
	}
	if admin && r.Version.AtLeast(driver.MVVolumeClusterName) {
		view.admin["cluster_name"] = nil
	}
	if r.Version.AtLeast(driver.MVVolumeTypeID) {
		view.gated["volume_type_id"] = nullable(v.VolumeTypeID)
	}
	if r.Version.AtLeast(driver.MVUseQuota) {
		view.gated["consumes_quota"] = true
	}
	return view
}

// visibleMetadata returns the metadata with the admin metadata that Cinder shows
// (add_visible_admin_metadata of cinder/api/api_utils.py).
func visibleMetadata(v *driver.Volume) map[string]string {
	all := make(map[string]string, len(v.Metadata)+2)
	for k, value := range v.Metadata {
		all[k] = value
	}
	for _, k := range []string{"readonly", "attached_mode"} {
		if value, ok := v.AdminMetadata[k]; ok {
			all[k] = value
		}
	}
	return all
}

func (r Request) attachments(v *driver.Volume) []attachmentView {
	views := []attachmentView{}
	for _, a := range v.Attachments {
		if a.Status != "attached" {
			continue
		}
		view := attachmentView{
			ID: v.ID, AttachmentID: a.ID, VolumeID: v.ID, ServerID: nullable(a.ServerID),
			Device: a.Device, AttachedAt: timestamp(a.AttachedAt),
		}
		if r.Caller.IsAdmin() {
			view.HostName = nullable(a.HostName)
		}
		views = append(views, view)
	}
	return views
}
