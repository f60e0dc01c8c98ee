package vbs

import (
	"encoding/json"
	"strings"

	"cindergate/driver"
	"cindergate/internal/openstack"
	"cindergate/internal/otc"
)

// backup is a backup in the answers of the native APIs, v2 and v3.
type backup struct {
	ID               string         `json:"id"`
	VolumeID         string         `json:"volume_id"`
	SnapshotID       string         `json:"snapshot_id"`
	Name             *string        `json:"name"`
	Description      *string        `json:"description"`
	Status           string         `json:"status"`
	FailReason       string         `json:"fail_reason"`
	Size             otc.Int        `json:"size"`
	ObjectCount      otc.Int        `json:"object_count"`
	Container        string         `json:"container"`
	AvailabilityZone string         `json:"availability_zone"`
	IsIncremental    *otc.Bool      `json:"is_incremental"`
	HasDependents    otc.Bool       `json:"has_dependent_backups"`
	CreatedAt        openstack.Time `json:"created_at"`
	UpdatedAt        openstack.Time `json:"updated_at"`
	DataTimestamp    openstack.Time `json:"data_timestamp"`
	// v2 has the first. The reference of v3 shows the second in examples and describes the
	// third.
	TenantV2  string `json:"os-bak-tenant-attr:tenant_id"`
	ProjectV3 string `json:"os-backup-project-attr:project_id"`
	TenantV3  string `json:"os-backup-project-attr:tenant_id"`
	// ServiceMetadata, in v2 only, is JSON in a string, sometimes with a leading blank.
	ServiceMetadata string `json:"service_metadata"`
}

// serviceMetadata holds the members of service_metadata that the driver uses.
type serviceMetadata struct {
	Type  *otc.Int `json:"Type"` // 0 full, 1 incremental
	CMKID otc.Text `json:"CMKID"`
}

// wrapped is a description to which the service has added members.
type wrapped struct {
	Text        *string  `json:"DESC"`
	Incremental *otc.Int `json:"INC"` // 1 if the client requested it
}

// toDriver converts the backup to a driver.Backup.
func (b *backup) toDriver(caller driver.Caller) driver.Backup {
	var metadata serviceMetadata
	if json.Unmarshal([]byte(b.ServiceMetadata), &metadata) != nil {
		metadata = serviceMetadata{} // the reference does not promise that it is readable
	}
	description, incremental := unwrap(b.Description)
	switch {
	case b.IsIncremental != nil:
		incremental = bool(*b.IsIncremental)
	case metadata.Type != nil:
		incremental = *metadata.Type == 1
	}
	seen := driver.Backup{
		ID: b.ID, ProjectID: caller.ProjectID, VolumeID: b.VolumeID, SnapshotID: b.SnapshotID, Name: b.Name, Description: description,
		Status: driver.BackupStatus(strings.ToLower(b.Status)), FailReason: b.FailReason, Size: int(b.Size), ObjectCount: int(b.ObjectCount),
		Container: b.Container, AvailabilityZone: b.AvailabilityZone, IsIncremental: incremental, HasDependents: bool(b.HasDependents),
		EncryptionKeyID: string(metadata.CMKID),
		CreatedAt:       b.CreatedAt.Time, UpdatedAt: b.UpdatedAt.Time, DataTimestamp: b.DataTimestamp.Time,
	}
	for _, project := range []string{b.TenantV3, b.ProjectV3, b.TenantV2} {
		if project != "" {
			seen.ProjectID = project
		}
	}
	if seen.DataTimestamp.IsZero() {
		seen.DataTimestamp = seen.CreatedAt
	}
	return seen
}

// unwrap returns the client's own description. incremental reports whether the description
// says that the client requested an incremental backup.
func unwrap(description *string) (own *string, incremental bool) {
	var w wrapped
	if description == nil || json.Unmarshal([]byte(*description), &w) != nil || w.Text == nil {
		return description, false
	}
	if *w.Text != "" {
		own = w.Text
	}
	return own, w.Incremental != nil && *w.Incremental == 1
}
