package vbs

import (
	"encoding/json"
	"strings"

	"cindergate/driver"
	"cindergate/internal/openstack"
	"cindergate/internal/otc"
)

// backup is a backup as the native APIs show it, v2 and v3.
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
	// v2 has the first; the reference of v3 shows the second and describes the third.
	TenantV2  string `json:"os-bak-tenant-attr:tenant_id"`
	ProjectV3 string `json:"os-backup-project-attr:project_id"`
	TenantV3  string `json:"os-backup-project-attr:tenant_id"`
	// ServiceMetadata is of v2: JSON in text, with a blank before it at times.
	ServiceMetadata string `json:"service_metadata"`
}

// serviceMetadata is what is of use in service_metadata.
type serviceMetadata struct {
	Type  *otc.Int `json:"Type"` // 0 full, 1 incremental
	CMKID otc.Text `json:"CMKID"`
}

// wrapped is a description that the service has put something of its own around.
type wrapped struct {
	Text        *string  `json:"DESC"`
	Incremental *otc.Int `json:"INC"` // 1: was asked for
}

// toDriver is the backup in the terms of package driver.
func (b *backup) toDriver(caller driver.Caller) driver.Backup {
	var metadata serviceMetadata
	if json.Unmarshal([]byte(b.ServiceMetadata), &metadata) != nil {
		metadata = serviceMetadata{} // it is nowhere promised to be readable
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

// unwrap is the client's own description, and whether an incremental backup was asked
// for, if the description tells.
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
