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
	// URL is the upstream's Block Storage endpoint without version and project, such
	// as https://volume.example.com:8776.
	URL string
	// RestoreNeedsVolume is for clouds whose restore takes only volume_id: a restore
	// to a new volume makes the volume first.
	RestoreNeedsVolume bool
	// RestoreVolumeType is the type of such a volume; "": the cloud's default.
	RestoreVolumeType string
	// VolumeTimeout bounds the wait for such a volume; 0: 45 s, less than clients wait.
	VolumeTimeout time.Duration
}

// Driver speaks to one Cinder.
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

// New makes a Driver. It does not yet ask the upstream for anything.
func New(o Options) (*Driver, error) {
	if o.VolumeTimeout == 0 {
		o.VolumeTimeout = 45 * time.Second
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

// service is the one service that such a backend has.
const service = "volume"

// call sends one request and decodes the answer. body and answer may be nil.
func (d *Driver) call(ctx context.Context, who driver.Caller, method, path string, body, answer any, okCodes ...int) error {
	v, err := d.version(ctx)
	if err != nil {
		return err
	}
	client := d.http.Service(who, service, d.endpoint(v, who.ProjectID), v.microversion())
	_, err = client.Request(ctx, method, client.ServiceURL(strings.TrimPrefix(path, "/")), &gophercloud.RequestOpts{
		JSONBody: body, JSONResponse: answer, OkCodes: okCodes,
	})
	return d.classify(err)
}

// callBackup is call for an answer that is one backup.
func (d *Driver) callBackup(ctx context.Context, who driver.Caller, method, path string, body any, okCode int) (driver.Backup, error) {
	var answer struct {
		Backup backup `json:"backup"`
	}
	err := d.call(ctx, who, method, path, body, &answer, okCode)
	if err == nil && answer.Backup.ID == "" {
		err = d.unreadable("backup")
	}
	if err != nil {
		return driver.Backup{}, err
	}
	return answer.Backup.seenBy(who), nil
}

func (d *Driver) endpoint(v upstream, projectID string) string {
	return d.base.String() + "/v" + strconv.Itoa(v.major) + "/" + projectID
}

// CreateBackup implements driver.Driver. It is never sent twice.
func (d *Driver) CreateBackup(ctx context.Context, who driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
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
		if !v.atLeast(mvMetadata) {
			return driver.Backup{}, d.tooOld("metadata of backups", mvMetadata)
		}
		body["metadata"] = spec.Metadata
	}
	if spec.AvailabilityZone != "" {
		if !v.atLeast(mvAvailabilityZone) {
			return driver.Backup{}, d.tooOld("the availability zone of a backup", mvAvailabilityZone)
		}
		body["availability_zone"] = spec.AvailabilityZone
	}
	b, err := d.callBackup(ctx, who, http.MethodPost, "/backups", map[string]any{"backup": body}, http.StatusAccepted)
	if err != nil {
		return driver.Backup{}, err
	}
	b.VolumeID, b.Status = spec.VolumeID, driver.BackupCreating
	return b, nil
}

// GetBackup implements driver.Driver.
func (d *Driver) GetBackup(ctx context.Context, who driver.Caller, backupID string) (driver.Backup, error) {
	return d.callBackup(ctx, who, http.MethodGet, "/backups/"+url.PathEscape(backupID), nil, http.StatusOK)
}

// ListBackups implements driver.Driver: the upstream filters, sorts and pages.
func (d *Driver) ListBackups(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Backup], error) {
	for _, f := range q.Filters {
		if _, exists := driver.BackupColumns[f.Column]; !exists {
			return driver.Page[driver.Backup]{}, nil // upstreams differ in what they make of it
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
	if err := d.call(ctx, who, http.MethodGet, "/backups/detail?"+parameters(q, v).Encode(), nil, &answer, http.StatusOK); err != nil {
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
		page.Items[i] = answer.Backups[i].seenBy(who)
	}
	switch {
	case answer.Count != nil:
		page.Count = *answer.Count
	case q.WithCount:
		page.Count, err = d.count(ctx, who, q)
	}
	return page, err
}

// count counts page by page, for upstreams that cannot.
func (d *Driver) count(ctx context.Context, who driver.Caller, q driver.Query) (int, error) {
	q.WithCount, q.Marker, q.Offset, q.Limit = false, "", 0, -1
	for n := 0; ; {
		page, err := d.ListBackups(ctx, who, q)
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
func (d *Driver) DeleteBackup(ctx context.Context, who driver.Caller, backupID string) error {
	return d.call(ctx, who, http.MethodDelete, "/backups/"+url.PathEscape(backupID), nil, nil, http.StatusAccepted, http.StatusNoContent)
}

// UpdateBackup implements driver.BackupUpdater. gophercloud's own Update leaves out
// the envelope.
func (d *Driver) UpdateBackup(ctx context.Context, who driver.Caller, backupID string, patch driver.BackupPatch) (driver.Backup, error) {
	v, err := d.version(ctx)
	if err != nil {
		return driver.Backup{}, err
	}
	if !v.atLeast(mvUpdate) {
		return driver.Backup{}, d.tooOld("updating backups", mvUpdate)
	}
	changes := map[string]any{}
	if patch.Name.Set {
		changes["name"] = patch.Name.Value
	}
	if patch.Description.Set {
		changes["description"] = patch.Description.Value
	}
	if patch.Metadata.Set {
		if !v.atLeast(mvMetadata) {
			return driver.Backup{}, d.tooOld("metadata of backups", mvMetadata)
		}
		changes["metadata"] = patch.Metadata.Value
	}
	return d.callBackup(ctx, who, http.MethodPut, "/backups/"+url.PathEscape(backupID), map[string]any{"backup": changes}, http.StatusOK)
}

// ExportRecord implements driver.RecordPorter.
func (d *Driver) ExportRecord(ctx context.Context, who driver.Caller, backupID string) (driver.BackupRecord, error) {
	var answer struct {
		Record record `json:"backup-record"`
	}
	err := d.call(ctx, who, http.MethodGet, "/backups/"+url.PathEscape(backupID)+"/export_record", nil, &answer, http.StatusOK)
	if err == nil && (answer.Record.Service == "" || answer.Record.URL == "") {
		err = d.unreadable("backup-record")
	}
	return driver.BackupRecord(answer.Record), err
}

// ImportRecord implements driver.RecordPorter.
func (d *Driver) ImportRecord(ctx context.Context, who driver.Caller, r driver.BackupRecord) (driver.Backup, error) {
	return d.callBackup(ctx, who, http.MethodPost, "/backups/import_record", map[string]any{"backup-record": record(r)}, http.StatusCreated)
}

// ResetBackupStatus implements driver.BackupAdmin.
func (d *Driver) ResetBackupStatus(ctx context.Context, who driver.Caller, backupID string, to driver.BackupStatus) error {
	return d.act(ctx, who, backupID, "os-reset_status", map[string]any{"status": to})
}

// ForceDeleteBackup implements driver.BackupAdmin.
func (d *Driver) ForceDeleteBackup(ctx context.Context, who driver.Caller, backupID string) error {
	return d.act(ctx, who, backupID, "os-force_delete", map[string]any{})
}

func (d *Driver) act(ctx context.Context, who driver.Caller, backupID, action string, value any) error {
	return d.call(ctx, who, http.MethodPost, "/backups/"+url.PathEscape(backupID)+"/action",
		map[string]any{action: value}, nil, http.StatusAccepted)
}

// GetVolume implements driver.VolumeReader.
func (d *Driver) GetVolume(ctx context.Context, who driver.Caller, volumeID string) (driver.Volume, error) {
	var answer struct {
		Volume openstack.Volume `json:"volume"`
	}
	err := d.call(ctx, who, http.MethodGet, "/volumes/"+url.PathEscape(volumeID), nil, &answer, http.StatusOK)
	if err == nil && answer.Volume.ID == "" {
		err = d.unreadable("volume")
	}
	return answer.Volume.Domain(), err
}

// ListVolumes implements driver.VolumeReader.
func (d *Driver) ListVolumes(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Volume], error) {
	v, err := d.version(ctx)
	if err != nil {
		return driver.Page[driver.Volume]{}, err
	}
	var answer struct {
		Volumes []openstack.Volume `json:"volumes"`
		Count   int                `json:"count"`
	}
	err = d.call(ctx, who, http.MethodGet, "/volumes/detail?"+parameters(q, v).Encode(), nil, &answer, http.StatusOK)
	if err == nil && answer.Volumes == nil {
		err = d.unreadable("volumes")
	}
	page := driver.Page[driver.Volume]{Items: make([]driver.Volume, len(answer.Volumes)), Count: answer.Count}
	for i := range answer.Volumes {
		page.Items[i] = answer.Volumes[i].Domain()
	}
	return page, err
}

// Check implements driver.Checker: the upstream tells its versions.
func (d *Driver) Check(ctx context.Context) error {
	_, err := d.discover(ctx)
	return err
}
