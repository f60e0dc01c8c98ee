// Package vbs serves the native API of Huawei Cloud's and Open Telekom Cloud's Volume
// Backup Service (VBS) from any backend, for tools written for that service.
//
// Each change answers with a job (docs.otc.t-systems.com, volume-backup-service, API
// reference, VBS Backups). Errors carry the service's codes; see [FaultOf].
package vbs

import (
	"context"
	"net/http"

	"cindergate/driver"
	"cindergate/translate"
)

// Service is the service's API in front of one backend.
type Service struct{ driver driver.Driver }

// New makes a Service.
func New(d driver.Driver) *Service { return &Service{d} }

func ok(body any) (translate.Response, error) {
	return translate.Response{Status: http.StatusOK, Body: body}, nil
}

// submitted is the answer to every change: {"job_id": …} with status 200, not 202.
type submitted struct {
	JobID string `json:"job_id"`
}

// CreateBackup serves POST /v2/{project_id}/cloudbackups. Without FullBackup, the backup is
// incremental if there is a backup to build on, as in the service. An in-use volume is
// backed up, too.
func (s *Service) CreateBackup(ctx context.Context, r translate.Request) (translate.Response, error) {
	if err := r.Allow(translate.BackupCreate); err != nil {
		return translate.Response{}, err
	}
	spec, full, err := backupSpec(r)
	if err != nil {
		return translate.Response{}, err
	}
	if !full {
		if spec.Incremental, err = s.hasBase(ctx, r, spec.VolumeID); err != nil {
			return translate.Response{}, withCode(codeCreateFailed, err)
		}
	}
	b, err := s.driver.CreateBackup(ctx, r.Caller, spec)
	if err != nil {
		return translate.Response{}, createRefusals.of(err)
	}
	return ok(submitted{job{kind: createJob, backupID: b.ID}.id()})
}

// hasBase reports whether the volume has a backup that an incremental one can build on.
func (s *Service) hasBase(ctx context.Context, r translate.Request, volumeID string) (bool, error) {
	found, err := s.driver.ListBackups(ctx, r.Caller, driver.Query{Limit: 1, Filters: []driver.Filter{
		{Column: "volume_id", Value: volumeID}, {Column: "status", Value: string(driver.BackupAvailable)},
	}})
	return len(found.Items) > 0, err
}

// RestoreBackup serves POST /v2/{project_id}/cloudbackups/{id}/restore. The only member of
// its body is volume_id.
func (s *Service) RestoreBackup(ctx context.Context, r translate.Request) (translate.Response, error) {
	if err := r.Allow(translate.BackupRestore); err != nil {
		return translate.Response{}, err
	}
	body, err := readBody(r, "restore", codeRestoreFormat)
	if err != nil {
		return translate.Response{}, err
	}
	volumeID := body.Text("volume_id")
	if !isUUID(volumeID) {
		return translate.Response{}, refusef(codeRestoreVolume, "restore.volume_id must be the UUID of the volume to restore to.")
	}
	restore, err := s.driver.RestoreBackup(ctx, r.Caller, r.ID, driver.ToVolume(volumeID))
	if err != nil {
		return translate.Response{}, restoreRefusals.of(err)
	}
	return ok(submitted{job{kind: restoreJob, backupID: r.ID, volumeID: restore.VolumeID}.id()})
}

// DeleteBackup serves POST /v2/{project_id}/cloudbackups/{id}, without a body.
func (s *Service) DeleteBackup(ctx context.Context, r translate.Request) (translate.Response, error) {
	if err := r.Allow(translate.BackupDelete); err != nil {
		return translate.Response{}, err
	}
	if err := s.driver.DeleteBackup(ctx, r.Caller, r.ID); err != nil {
		return translate.Response{}, deleteRefusals.of(err)
	}
	return ok(submitted{job{kind: deleteJob, backupID: r.ID}.id()})
}
