package translate

import (
	"context"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// VBS speaks the own API of Huawei Cloud's and Open Telekom Cloud's Volume Backup
// Service, from any backend, for tools that were written for that service: each
// change answers with a job (docs.otc.t-systems.com, volume-backup-service, API
// reference, VBS Backups). Errors carry the service's codes; see [VBSFaultOf].
type VBS struct{ t *Translator }

// VBS is the service's API in front of the same backend.
func (t *Translator) VBS() VBS { return VBS{t} }

// submitted is the answer to every change: {"job_id": …} with 200, not 202.
type submitted struct {
	JobID string `json:"job_id"`
}

// CreateBackup is POST /v2/{project_id}/cloudbackups. Without FullBackup the backup
// is incremental if there is one to build on, as the service has it. A volume in use
// is backed up, too.
func (v VBS) CreateBackup(ctx context.Context, r Request) (Response, error) {
	if err := r.allow(backupCreate); err != nil {
		return Response{}, err
	}
	spec, full, err := vbsBackupSpec(r)
	if err != nil {
		return Response{}, err
	}
	if !full {
		if spec.Incremental, err = v.hasBase(ctx, r, spec.VolumeID); err != nil {
			return Response{}, withCode(vbsCreateFailed, err)
		}
	}
	b, err := v.t.driver.CreateBackup(ctx, r.Caller, spec)
	if err != nil {
		return Response{}, v.createRefused(ctx, r, spec.VolumeID, err)
	}
	return ok(submitted{job{kind: createJob, backupID: b.ID}.id()})
}

// hasBase tells whether an incremental backup of the volume can be made.
func (v VBS) hasBase(ctx context.Context, r Request, volumeID string) (bool, error) {
	found, err := v.t.driver.ListBackups(ctx, r.Caller, driver.Query{Limit: 1, Filters: []driver.Filter{
		{Column: "volume_id", Value: volumeID}, {Column: "status", Value: string(driver.BackupAvailable)},
	}})
	return len(found.Items) > 0, err
}

// RestoreBackup is POST /v2/{project_id}/cloudbackups/{id}/restore. It takes nothing
// but volume_id.
func (v VBS) RestoreBackup(ctx context.Context, r Request) (Response, error) {
	if err := r.allow(backupRestore); err != nil {
		return Response{}, err
	}
	body, err := vbsBody(r, "restore", vbsRestoreFormat)
	if err != nil {
		return Response{}, err
	}
	volumeID := text(body, "volume_id")
	if !isUUID(volumeID) {
		return Response{}, vbsErrorf(vbsRestoreVolume, "restore.volume_id must be the UUID of the volume to restore to.")
	}
	restore, err := v.t.driver.RestoreBackup(ctx, r.Caller, r.ID, driver.ToVolume(volumeID))
	if err != nil {
		return Response{}, v.restoreRefused(ctx, r, volumeID, err)
	}
	return ok(submitted{job{kind: restoreJob, backupID: r.ID, volumeID: restore.VolumeID}.id()})
}

// DeleteBackup is POST /v2/{project_id}/cloudbackups/{id}, without a body.
func (v VBS) DeleteBackup(ctx context.Context, r Request) (Response, error) {
	if err := r.allow(backupDelete); err != nil {
		return Response{}, err
	}
	if err := v.t.driver.DeleteBackup(ctx, r.Caller, r.ID); err != nil {
		code := vbsDeleteFailed
		if driver.KindOf(err) == driver.NotFound {
			code = vbsDeleteUnknown
		}
		return Response{}, withCode(code, err)
	}
	return ok(submitted{job{kind: deleteJob, backupID: r.ID}.id()})
}

// vbsQuota is one resource of ShowQuota.
type vbsQuota struct {
	Type     string `json:"type"`
	Used     int    `json:"used"`
	Reserved int    `json:"reserved"`
	Quota    int    `json:"quota"` // -1: no limit
}

// ShowQuota is GET /v2/{project_id}/cloudbackups/quota.
func (v VBS) ShowQuota(ctx context.Context, r Request) (Response, error) {
	set, err := v.quotas(ctx, r)
	if err != nil {
		return Response{}, withCode(vbsQuotaFailed, err)
	}
	resources := []vbsQuota{}
	for _, q := range set {
		if q.Resource == driver.QuotaBackups || q.Resource == driver.QuotaBackupGigabytes {
			resources = append(resources, vbsQuota{q.Resource, q.InUse, q.Reserve, q.Limit})
		}
	}
	return ok(envelope("quotas", envelope("resources", resources)))
}

func (v VBS) quotas(ctx context.Context, r Request) ([]driver.Quota, error) {
	if reader, forwards := v.t.driver.(driver.BackupQuotaReader); forwards {
		return reader.BackupQuotas(ctx, r.Caller)
	}
	reader, err := v.t.quotaReader()
	if err != nil {
		return nil, err
	}
	return reader.Quotas(ctx, r.Caller, r.Caller.ProjectID)
}

// vbsBody reads a body of the form {root: {…}}; code is for one that is none.
func vbsBody(r Request, root, code string) (*schema.Object, error) {
	body, err := schema.Parse(r.Body)
	if err != nil {
		return nil, vbsErrorf(code, "The request body is not JSON.")
	}
	o, _ := body.(*schema.Object)
	if o != nil {
		content, _ := o.Get(root)
		o, _ = content.(*schema.Object)
	}
	if o == nil {
		return nil, vbsErrorf(code, "The request body must be an object with the object %q.", root)
	}
	return o, nil
}
