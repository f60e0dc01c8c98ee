package cinder

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cindergate/driver"
)

// backup is a backup as Cinder shows it (cinder/api/views/backups.py).
type backup struct {
	ID               string            `json:"id"`
	Status           string            `json:"status"`
	Size             int               `json:"size"`
	ObjectCount      int               `json:"object_count"`
	AvailabilityZone string            `json:"availability_zone"`
	Container        string            `json:"container"`
	CreatedAt        stamp             `json:"created_at"`
	UpdatedAt        stamp             `json:"updated_at"`
	Name             *string           `json:"name"`
	Description      *string           `json:"description"`
	FailReason       string            `json:"fail_reason"`
	VolumeID         string            `json:"volume_id"`
	IsIncremental    bool              `json:"is_incremental"`
	HasDependents    bool              `json:"has_dependent_backups"`
	SnapshotID       string            `json:"snapshot_id"`
	DataTimestamp    stamp             `json:"data_timestamp"`
	Metadata         map[string]string `json:"metadata"`
	ProjectID        string            `json:"os-backup-project-attr:project_id"`
	UserID           string            `json:"user_id"`
	EncryptionKeyID  string            `json:"encryption_key_id"`
}

// seenBy is the backup in our terms. Only admins are told the project; others see
// but their own.
func (b *backup) seenBy(who driver.Caller) driver.Backup {
	if b.ProjectID == "" && !who.IsAdmin() {
		b.ProjectID = who.ProjectID
	}
	return driver.Backup{
		ID: b.ID, ProjectID: b.ProjectID, UserID: b.UserID, VolumeID: b.VolumeID, SnapshotID: b.SnapshotID,
		Name: b.Name, Description: b.Description, Status: driver.BackupStatus(b.Status), FailReason: b.FailReason,
		Size: b.Size, ObjectCount: b.ObjectCount, Container: b.Container, AvailabilityZone: b.AvailabilityZone,
		IsIncremental: b.IsIncremental, HasDependents: b.HasDependents, EncryptionKeyID: b.EncryptionKeyID,
		Metadata: b.Metadata, CreatedAt: b.CreatedAt.Time, UpdatedAt: b.UpdatedAt.Time, DataTimestamp: b.DataTimestamp.Time,
	}
}

// volume is what is needed of a volume (cinder/api/v3/views/volumes.py).
type volume struct {
	ID               string            `json:"id"`
	Status           string            `json:"status"`
	Size             int               `json:"size"`
	Name             *string           `json:"name"`
	Description      *string           `json:"description"`
	AvailabilityZone string            `json:"availability_zone"`
	VolumeType       string            `json:"volume_type"`
	Metadata         map[string]string `json:"metadata"`
	CreatedAt        stamp             `json:"created_at"`
	UpdatedAt        stamp             `json:"updated_at"`
	ProjectID        string            `json:"os-vol-tenant-attr:tenant_id"`
	UserID           string            `json:"user_id"`
}

func (v *volume) domain() driver.Volume {
	return driver.Volume{
		ID: v.ID, Status: v.Status, Size: v.Size, Name: v.Name, Description: v.Description, ProjectID: v.ProjectID,
		UserID: v.UserID, AvailabilityZone: v.AvailabilityZone, VolumeType: v.VolumeType, Metadata: v.Metadata,
		CreatedAt: v.CreatedAt.Time, UpdatedAt: v.UpdatedAt.Time,
	}
}

type record struct {
	Service string `json:"backup_service"`
	URL     string `json:"backup_url"`
}

// stamp is a time without a zone, which is UTC; null is the zero time. Some clouds
// add a Z.
type stamp struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (s *stamp) UnmarshalJSON(text []byte) error {
	var v *string
	if err := json.Unmarshal(text, &v); err != nil || v == nil || *v == "" {
		return err
	}
	t, err := time.Parse("2006-01-02T15:04:05.999999", strings.TrimSuffix(*v, "Z"))
	s.Time = t
	return err
}

// parameters writes a query as Cinder's lists read it.
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
	if q.WithCount && v.atLeast(mvWithCount) {
		p.Set("with_count", "true")
	}
	return p
}
