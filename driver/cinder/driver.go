package cinder

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// Options configure a Driver.
type Options struct {
	openstack.Options
	// URL is the upstream's Block Storage endpoint without version and project, such as
	// https://volume.example.com:8776.
	URL string
	// RestoreNeedsVolume is for clouds that restore only to a volume_id. A restore to a new
	// volume then makes the volume first.
	RestoreNeedsVolume bool
	// RestoreVolumeType is the type of such a volume; "" means the cloud's default.
	RestoreVolumeType string
	// VolumeTimeout bounds the wait for such a volume; 0 means driver.AnswerTime.
	VolumeTimeout time.Duration
}

// Driver is the driver for one Cinder.
type Driver struct {
	o        Options
	http     *openstack.Transport
	base     *url.URL
	versions versions
}

var (
	_ driver.Driver        = (*Driver)(nil)
	_ driver.BackupUpdater = (*Driver)(nil)
	_ driver.RecordPorter  = (*Driver)(nil)
	_ driver.BackupAdmin   = (*Driver)(nil)
	_ driver.VolumeReader  = (*Driver)(nil)
	_ driver.Passthrough   = (*Driver)(nil)
	_ driver.Checker       = (*Driver)(nil)
)

// New makes a Driver. It sends no request.
func New(o Options) (*Driver, error) {
	if o.VolumeTimeout == 0 {
		o.VolumeTimeout = driver.AnswerTime
	}
	base, err := url.Parse(strings.TrimSuffix(o.URL, "/"))
	if err != nil {
		return nil, err
	}
	transport, err := openstack.NewTransport(o.Options)
	if err != nil {
		return nil, err
	}
	return &Driver{o: o, http: transport, base: base}, nil
}

// service is the only service of such a backend.
const service = "volume"

// call sends one request and decodes the answer. body and answer may be nil.
func (d *Driver) call(ctx context.Context, caller driver.Caller, method, path string, body, answer any, okCodes ...int) error {
	v, err := d.version(ctx)
	if err != nil {
		return err
	}
	client := d.http.Service(caller, service, d.endpoint(v, caller.ProjectID), v.microversion())
	_, err = client.Request(ctx, method, client.ServiceURL(strings.TrimPrefix(path, "/")), &gophercloud.RequestOpts{
		JSONBody: body, JSONResponse: answer, OkCodes: okCodes,
	})
	return d.classify(err)
}

// callBackup is call for an answer that holds one backup.
func (d *Driver) callBackup(ctx context.Context, caller driver.Caller, method, path string, body any, okCode int) (driver.Backup, error) {
	var answer struct {
		Backup backup `json:"backup"`
	}
	err := d.call(ctx, caller, method, path, body, &answer, okCode)
	if err == nil && answer.Backup.ID == "" {
		err = d.unreadable("backup")
	}
	if err != nil {
		return driver.Backup{}, err
	}
	return answer.Backup.toDriver(caller), nil
}

func (d *Driver) endpoint(v upstream, projectID string) string {
	return d.base.String() + "/v" + strconv.Itoa(v.major) + "/" + projectID
}

// CreateBackup implements driver.Driver. It never sends the request twice.
func (d *Driver) CreateBackup(ctx context.Context, caller driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
	v, err := d.version(ctx)
	if err != nil {
		return driver.Backup{}, err
	}
	body := map[string]any{
		"volume_id": spec.VolumeID, "incremental": spec.Incremental, "force": spec.Force,
		"name": spec.Name, "description": spec.Description,
	}
	if spec.SnapshotID != "" {
		body["snapshot_id"] = spec.SnapshotID
	}
	if spec.Container != "" {
		body["container"] = spec.Container
	}
	if len(spec.Metadata) > 0 {
		if !v.atLeast(driver.MVBackupMetadata) {
			return driver.Backup{}, d.tooOld("metadata of backups", driver.MVBackupMetadata)
		}
		body["metadata"] = spec.Metadata
	}
	if spec.AvailabilityZone != "" {
		if !v.atLeast(driver.MVBackupAZ) {
			return driver.Backup{}, d.tooOld("the availability zone of a backup", driver.MVBackupAZ)
		}
		body["availability_zone"] = spec.AvailabilityZone
	}
	b, err := d.callBackup(ctx, caller, http.MethodPost, "/backups", map[string]any{"backup": body}, http.StatusAccepted)
	if err != nil {
		return driver.Backup{}, err
	}
	b.VolumeID, b.Status = spec.VolumeID, driver.BackupCreating
	return b, nil
}

// GetBackup implements driver.Driver.
func (d *Driver) GetBackup(ctx context.Context, caller driver.Caller, backupID string) (driver.Backup, error) {
	return d.callBackup(ctx, caller, http.MethodGet, "/backups/"+url.PathEscape(backupID), nil, http.StatusOK)
}

// ListBackups implements driver.Driver. The upstream filters, sorts and pages.
func (d *Driver) ListBackups(ctx context.Context, caller driver.Caller, q driver.Query) (driver.Page[driver.Backup], error) {
	for _, f := range q.Filters {
		if _, exists := driver.BackupColumns[f.Column]; !exists {
			return driver.Page[driver.Backup]{}, nil // upstreams treat unknown filters differently
		}
	}
	v, err := d.version(ctx)
	if err != nil {
		return driver.Page[driver.Backup]{}, err
	}
	var answer struct {
		Backups []backup `json:"backups"`
		Count   *int     `json:"count"`
	}
	if err := d.call(ctx, caller, http.MethodGet, "/backups/detail?"+parameters(q, v).Encode(), nil, &answer, http.StatusOK); err != nil {
		return driver.Page[driver.Backup]{}, err
	}
	if answer.Backups == nil {
		return driver.Page[driver.Backup]{}, d.unreadable("backups")
	}
	page := driver.Page[driver.Backup]{Items: make([]driver.Backup, len(answer.Backups))}
	for i := range answer.Backups {
		if answer.Backups[i].ID == "" {
			return driver.Page[driver.Backup]{}, d.unreadable("id of a backup")
		}
		page.Items[i] = answer.Backups[i].toDriver(caller)
	}
	switch {
	case answer.Count != nil:
		page.Count = *answer.Count
	case q.WithCount:
		page.Count, err = d.count(ctx, caller, q)
	}
	return page, err
}

// count counts page by page, for upstreams without with_count.
func (d *Driver) count(ctx context.Context, caller driver.Caller, q driver.Query) (int, error) {
	q.WithCount, q.Marker, q.Offset, q.Limit = false, "", 0, -1
	for n := 0; ; {
		page, err := d.ListBackups(ctx, caller, q)
		if err != nil {
			return 0, err
		}
		n += len(page.Items)
		if len(page.Items) == 0 {
			return n, nil
		}
		q.Marker = page.Items[len(page.Items)-1].ID
	}
}

// DeleteBackup implements driver.Driver.
func (d *Driver) DeleteBackup(ctx context.Context, caller driver.Caller, backupID string) error {
	return d.call(ctx, caller, http.MethodDelete, "/backups/"+url.PathEscape(backupID), nil, nil, http.StatusAccepted, http.StatusNoContent)
}

// UpdateBackup implements driver.BackupUpdater. It does not use gophercloud's Update, which
// omits the envelope.
func (d *Driver) UpdateBackup(ctx context.Context, caller driver.Caller, backupID string, patch driver.BackupPatch) (driver.Backup, error) {
	v, err := d.version(ctx)
	if err != nil {
		return driver.Backup{}, err
	}
	if !v.atLeast(driver.MVBackupUpdate) {
		return driver.Backup{}, d.tooOld("updating backups", driver.MVBackupUpdate)
	}
	changes := map[string]any{}
	if patch.Name.Set {
		changes["name"] = patch.Name.Value
	}
	if patch.Description.Set {
		changes["description"] = patch.Description.Value
	}
	if patch.Metadata.Set {
		if !v.atLeast(driver.MVBackupMetadata) {
			return driver.Backup{}, d.tooOld("metadata of backups", driver.MVBackupMetadata)
		}
		changes["metadata"] = patch.Metadata.Value
	}
	return d.callBackup(ctx, caller, http.MethodPut, "/backups/"+url.PathEscape(backupID), map[string]any{"backup": changes}, http.StatusOK)
}

// ExportRecord implements driver.RecordPorter.
func (d *Driver) ExportRecord(ctx context.Context, caller driver.Caller, backupID string) (driver.BackupRecord, error) {
	var answer struct {
		Record record `json:"backup-record"`
	}
	err := d.call(ctx, caller, http.MethodGet, "/backups/"+url.PathEscape(backupID)+"/export_record", nil, &answer, http.StatusOK)
	if err == nil && (answer.Record.Service == "" || answer.Record.URL == "") {
		err = d.unreadable("backup-record")
	}
	return driver.BackupRecord(answer.Record), err
}

// ImportRecord implements driver.RecordPorter.
func (d *Driver) ImportRecord(ctx context.Context, caller driver.Caller, r driver.BackupRecord) (driver.Backup, error) {
	return d.callBackup(ctx, caller, http.MethodPost, "/backups/import_record", map[string]any{"backup-record": record(r)}, http.StatusCreated)
}

// ResetBackupStatus implements driver.BackupAdmin.
func (d *Driver) ResetBackupStatus(ctx context.Context, caller driver.Caller, backupID string, to driver.BackupStatus) error {
	return d.act(ctx, caller, backupID, "os-reset_status", map[string]any{"status": to})
}

// ForceDeleteBackup implements driver.BackupAdmin.
func (d *Driver) ForceDeleteBackup(ctx context.Context, caller driver.Caller, backupID string) error {
	return d.act(ctx, caller, backupID, "os-force_delete", map[string]any{})
}

func (d *Driver) act(ctx context.Context, caller driver.Caller, backupID, action string, value any) error {
	return d.call(ctx, caller, http.MethodPost, "/backups/"+url.PathEscape(backupID)+"/action",
		map[string]any{action: value}, nil, http.StatusAccepted)
}

// GetVolume implements driver.VolumeReader.
func (d *Driver) GetVolume(ctx context.Context, caller driver.Caller, volumeID string) (driver.Volume, error) {
	var answer struct {
		Volume openstack.Volume `json:"volume"`
	}
	err := d.call(ctx, caller, http.MethodGet, "/volumes/"+url.PathEscape(volumeID), nil, &answer, http.StatusOK)
	if err == nil && answer.Volume.ID == "" {
		err = d.unreadable("volume")
	}
	return answer.Volume.ToDriver(), err
}

// Check implements driver.Checker. It reads the upstream's versions.
func (d *Driver) Check(ctx context.Context) error {
	_, err := d.discover(ctx)
	return err
}
