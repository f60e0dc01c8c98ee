package vbs

import (
	"context"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"cindergate/driver"
	"cindergate/driver/otc"
)

// maxDescription is how long a description may be, in characters.
const maxDescription = 64

// newBackup is the body of a create (POST /v2/{project_id}/cloudbackups).
type newBackup struct {
	VolumeID    string       `json:"volume_id"`
	SnapshotID  string       `json:"snapshot_id,omitempty"`
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	ExtendParam *extendParam `json:"extend_param,omitempty"`
}

// extendParam has its truth values as text.
type extendParam struct {
	FullBackup string `json:"FullBackup"`
}

// CreateBackup implements driver.Driver. It answers once the service's job tells the
// backup's id. A backup that fails after that shows it in its status; one that fails
// before is an error with the reason.
func (d *Driver) CreateBackup(ctx context.Context, who driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
	body, err := d.request(spec)
	if err != nil {
		return driver.Backup{}, err
	}
	if err := d.CheckSource(ctx, who, spec); err != nil {
		return driver.Backup{}, err
	}
	var answer struct {
		JobID string `json:"job_id"`
	}
	if err := d.vbs.Call(ctx, who, http.MethodPost, "v2", "/cloudbackups", nil, map[string]any{"backup": body}, &answer); err != nil {
		return driver.Backup{}, err
	}
	if answer.JobID == "" {
		return driver.Backup{}, driver.Errorf(driver.Unavailable, "VBS of backend %s took the backup %s without naming a job.", d.o.Name, body.Name)
	}
	id, err := d.vbs.Await(ctx, who, answer.JobID, otc.BackupID)
	if err != nil {
		return driver.Backup{}, err
	}
	return driver.Backup{
		ID: id, ProjectID: who.ProjectID, VolumeID: spec.VolumeID, SnapshotID: spec.SnapshotID, Name: &body.Name, Description: spec.Description,
		Status: driver.BackupCreating,
	}, nil
}

// request says a create in VBS's words, or why that cannot be.
func (d *Driver) request(spec driver.BackupSpec) (newBackup, error) {
	body := newBackup{VolumeID: spec.VolumeID, SnapshotID: spec.SnapshotID, Name: "backup-" + uuid.NewString()[:8]}
	if spec.Name != nil && *spec.Name != "" {
		body.Name = *spec.Name
	}
	if err := otc.CheckName(body.Name, true); err != nil {
		return body, err
	}
	if spec.Description != nil {
		body.Description = *spec.Description
	}
	if err := otc.CheckDescription(body.Description, maxDescription); err != nil {
		return body, err
	}
	switch {
	case spec.Container != "":
		return body, d.vbs.Cannot("the container of a backup: the service has one place for all")
	case spec.AvailabilityZone != "":
		return body, d.vbs.Cannot("the availability zone of a backup: the service chooses it")
	case len(spec.Metadata) > 0:
		return body, d.vbs.Cannot("metadata of backups: the service would not show it again")
	}
	if incremental := d.o.FullBackup.Asks(spec.Incremental); incremental != nil && d.o.Dialect == otc.OTC {
		body.ExtendParam = &extendParam{strconv.FormatBool(!*incremental)}
	}
	return body, nil
}
