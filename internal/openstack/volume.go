package openstack

import "cindergate/driver"

// Volume holds the members of a Block Storage volume that the gateway uses
// (cinder/api/v3/views/volumes.py).
type Volume struct {
	ID               string            `json:"id"`
	Status           string            `json:"status"`
	Size             Int               `json:"size"`
	Name             *string           `json:"name"`
	Description      *string           `json:"description"`
	AvailabilityZone string            `json:"availability_zone"`
	VolumeType       string            `json:"volume_type"`
	Metadata         map[string]string `json:"metadata"`
	CreatedAt        Time              `json:"created_at"`
	UpdatedAt        Time              `json:"updated_at"`
	ProjectID        string            `json:"os-vol-tenant-attr:tenant_id"`
	UserID           string            `json:"user_id"`
}

// ToDriver converts the volume to a driver.Volume.
func (v *Volume) ToDriver() driver.Volume {
	return driver.Volume{
		ID: v.ID, Status: v.Status, Size: int(v.Size), Name: v.Name, Description: v.Description, ProjectID: v.ProjectID,
		UserID: v.UserID, AvailabilityZone: v.AvailabilityZone, VolumeType: v.VolumeType, Metadata: v.Metadata,
		CreatedAt: v.CreatedAt.Time, UpdatedAt: v.UpdatedAt.Time,
	}
}
