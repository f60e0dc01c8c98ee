package vbs

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// maxDescription is the largest length of a description, in characters.
const maxDescription = 64

// newBackup is the body of a create (POST /v2/{project_id}/cloudbackups).
type newBackup struct {
	VolumeID    string       `json:"volume_id"`
	SnapshotID  string       `json:"snapshot_id,omitempty"`
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Tags        []tag        `json:"tags,omitempty"`
	ExtendParam *extendParam `json:"extend_param,omitempty"`
}

// tag is a label. The service never shows tags with a backup.
type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// extendParam holds booleans as strings.
type extendParam struct {
	FullBackup string `json:"FullBackup"`
}

// CreateBackup implements driver.Driver. It returns once the service's job names the
// backup's id, or after Options.IDTimeout if the list has the backup. A backup that fails
// shows that in its status. A job that fails without a backup is an error with the reason.
func (d *Driver) CreateBackup(ctx context.Context, caller driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
	body, err := d.request(spec)
	if err != nil {
		return driver.Backup{}, err
	}
	if err := d.CheckSource(ctx, caller, spec); err != nil {
		return driver.Backup{}, err
	}
	var answer struct {
		JobID string `json:"job_id"`
	}
	began := d.vbs.Now()
	if err := d.vbs.Call(ctx, caller, http.MethodPost, "v2", "/cloudbackups", nil, map[string]any{"backup": body}, &answer); err != nil {
		return driver.Backup{}, err
	}
	if answer.JobID == "" {
		return driver.Backup{}, driver.Errorf(driver.Unavailable, "VBS of backend %s took the backup %s without naming a job.", d.o.Name, body.Name)
	}
	id, err := d.made(ctx, caller, answer.JobID, began, body)
	if err != nil {
		return driver.Backup{}, err
	}
	return driver.Backup{
		ID: id, ProjectID: caller.ProjectID, VolumeID: spec.VolumeID, SnapshotID: spec.SnapshotID, Name: &body.Name, Description: spec.Description,
		Status: driver.BackupCreating,
	}, nil
}

// made returns the id of the backup that a job makes. A job takes minutes and may name the
// id only at its end. Clients would time out, retry and get a second backup. After the
// timeout made therefore searches the list.
func (d *Driver) made(ctx context.Context, caller driver.Caller, jobID string, began time.Time, body newBackup) (string, error) {
	id, job, err := d.vbs.Await(ctx, caller, jobID, otc.BackupID)
	switch {
	case err == nil:
		return id, nil
	case job.Failed() && id != "":
		if _, look := d.GetBackup(ctx, caller, id); look == nil {
			return id, nil // its status shows the failure
		}
		return "", err
	case job.Failed(), driver.KindOf(err) != driver.Unavailable:
		return "", err
	}
	if !job.BeginTime.IsZero() {
		began = job.BeginTime.Time // the time of the service's own clock
	}
	found, look := d.find(ctx, caller, began, body)
	if look != nil || found == "" {
		return "", err
	}
	return found, nil
}

// find searches the list for a backup of the volume with the name, made after since. It
// returns "" if there is none. A volume has only one backup in progress: find prefers that
// one, then the latest.
func (d *Driver) find(ctx context.Context, caller driver.Caller, since time.Time, body newBackup) (string, error) {
	all, err := d.all(ctx, caller, url.Values{"volume_id": {body.VolumeID}})
	if err != nil {
		return "", err
	}
	var found *driver.Backup
	for i := range all {
		b := &all[i]
		if b.VolumeID != body.VolumeID || b.Name == nil || *b.Name != body.Name || b.CreatedAt.Before(otc.Since(since)) {
			continue
		}
		if found == nil || b.Status == driver.BackupCreating && found.Status != driver.BackupCreating ||
			b.Status == found.Status && b.CreatedAt.After(found.CreatedAt) {
			found = b
		}
	}
	if found == nil {
		return "", nil
	}
	return found.ID, nil
}

// request converts spec to the body of a create. It returns an error for what VBS cannot
// do.
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
	if err := otc.CheckDescription(body.Description, maxDescription, true); err != nil {
		return body, err
	}
	switch {
	case spec.Container != "":
		return body, d.vbs.Cannot("the container of a backup: the service has one place for all")
	case spec.AvailabilityZone != "":
		return body, d.vbs.Cannot("the availability zone of a backup: the service chooses it")
	case len(spec.Metadata) > 0 && !spec.MetadataAsTags:
		return body, d.vbs.Cannot("metadata of backups: the service would not show it again")
	}
	for _, key := range slices.Sorted(maps.Keys(spec.Metadata)) {
		body.Tags = append(body.Tags, tag{key, spec.Metadata[key]})
	}
	if incremental := d.o.FullBackup.Asks(spec.Incremental); incremental != nil && d.o.Dialect == otc.OTC {
		body.ExtendParam = &extendParam{strconv.FormatBool(!*incremental)}
	}
	return body, nil
}
