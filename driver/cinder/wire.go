package cinder

import (
	"net/url"
	"strconv"
	"strings"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// backup is a backup in Cinder's answers (cinder/api/views/backups.py).
type backup struct {
	ID               string            `json:"id"`
	Status           string            `json:"status"`
	Size             int               `json:"size"`
	ObjectCount      int               `json:"object_count"`
	AvailabilityZone string            `json:"availability_zone"`
	Container        string            `json:"container"`
	CreatedAt        openstack.Time    `json:"created_at"`
	UpdatedAt        openstack.Time    `json:"updated_at"`
	Name             *string           `json:"name"`
	Description      *string           `json:"description"`
	FailReason       string            `json:"fail_reason"`
	VolumeID         string            `json:"volume_id"`
	IsIncremental    bool              `json:"is_incremental"`
	HasDependents    bool              `json:"has_dependent_backups"`
	SnapshotID       string            `json:"snapshot_id"`
	DataTimestamp    openstack.Time    `json:"data_timestamp"`
	Metadata         map[string]string `json:"metadata"`
	ProjectID        string            `json:"os-backup-project-attr:project_id"`
	UserID           string            `json:"user_id"`
	EncryptionKeyID  string            `json:"encryption_key_id"`
}

// toDriver converts the backup to a driver.Backup. Cinder shows the project only to admins;
// other callers see only backups of their own project.
func (b *backup) toDriver(caller driver.Caller) driver.Backup {
	if b.ProjectID == "" && !caller.IsAdmin() {
		b.ProjectID = caller.ProjectID
	}
	return driver.Backup{
		ID: b.ID, ProjectID: b.ProjectID, UserID: b.UserID, VolumeID: b.VolumeID, SnapshotID: b.SnapshotID,
		Name: b.Name, Description: b.Description, Status: driver.BackupStatus(b.Status), FailReason: b.FailReason,
		Size: b.Size, ObjectCount: b.ObjectCount, Container: b.Container, AvailabilityZone: b.AvailabilityZone,
		IsIncremental: b.IsIncremental, HasDependents: b.HasDependents, EncryptionKeyID: b.EncryptionKeyID,
		Metadata: b.Metadata, CreatedAt: b.CreatedAt.Time, UpdatedAt: b.UpdatedAt.Time, DataTimestamp: b.DataTimestamp.Time,
	}
}

type record struct {
	Service string `json:"backup_service"`
	URL     string `json:"backup_url"`
}

// parameters returns a query as parameters of Cinder's lists.
func parameters(q driver.Query, v upstream) url.Values {
	p := url.Values{}
	for _, f := range q.Filters {
		key := f.Column
		switch key {
		case "display_name":
			key = "name"
		case "display_description":
			key = "description"
		}
		if f.Like {
			key += "~"
		}
		p.Add(key, f.Value)
	}
	var sort []string
	for _, k := range q.Sort {
		dir := "asc"
		if k.Desc {
			dir = "desc"
		}
		sort = append(sort, k.Column+":"+dir)
	}
	if len(sort) > 0 {
		p.Set("sort", strings.Join(sort, ","))
	}
	if q.Marker != "" {
		p.Set("marker", q.Marker)
	}
	if q.Limit >= 0 {
		p.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Offset > 0 {
		p.Set("offset", strconv.Itoa(q.Offset))
	}
	if q.AllProjects {
		p.Set("all_tenants", "1")
	}
	if q.WithCount && v.atLeast(driver.MVWithCount) {
		p.Set("with_count", "true")
	}
	return p
}
