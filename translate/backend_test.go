package translate

import (
	"context"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"cindergate/driver"
)

const someID = "11111111-2222-4333-8444-555555555555"

var (
	reader = driver.Caller{ProjectID: "abc", UserID: "u", Role: driver.Reader}
	writer = driver.Caller{ProjectID: "abc", UserID: "u", Role: driver.Member}
	root   = driver.Caller{ProjectID: "abc", UserID: "u", Role: driver.Admin}
	newest = Version{3, driver.MaxMicroversion}
)

// backend implements every interface. Each call returns err, or zero values.
type backend struct {
	err   error
	calls atomic.Int64
}

func answer[T any](b *backend) (T, error) {
	b.calls.Add(1)
	var zero T
	return zero, b.err
}

func (b *backend) done() error { b.calls.Add(1); return b.err }

type (
	ctx      = context.Context
	caller   = driver.Caller
	metadata = map[string]int
)

func (b *backend) CreateBackup(ctx, caller, driver.BackupSpec) (driver.Backup, error) {
	return answer[driver.Backup](b)
}
func (b *backend) GetBackup(ctx, caller, string) (driver.Backup, error) {
	return answer[driver.Backup](b)
}
func (b *backend) ListBackups(ctx, caller, driver.Query) (driver.Page[driver.Backup], error) {
	return answer[driver.Page[driver.Backup]](b)
}
func (b *backend) DeleteBackup(ctx, caller, string) error { return b.done() }
func (b *backend) RestoreBackup(ctx, caller, string, driver.RestoreTarget) (driver.Restore, error) {
	return answer[driver.Restore](b)
}
func (b *backend) UpdateBackup(ctx, caller, string, driver.BackupPatch) (driver.Backup, error) {
	return answer[driver.Backup](b)
}
func (b *backend) ExportRecord(ctx, caller, string) (driver.BackupRecord, error) {
	return answer[driver.BackupRecord](b)
}
func (b *backend) ImportRecord(ctx, caller, driver.BackupRecord) (driver.Backup, error) {
	return answer[driver.Backup](b)
}
func (b *backend) OpenContent(ctx, caller, string) (driver.Content, error) {
	return noContent{}, b.done()
}
func (b *backend) StartUpload(ctx, caller, driver.UploadSpec) (driver.Backup, driver.Upload, error) {
	return driver.Backup{}, driver.Upload{}, b.done()
}
func (b *backend) ShowUpload(ctx, caller, string) (driver.Upload, error) {
	return driver.Upload{Ranges: func(ctx, int64) iter.Seq2[[2]int64, error] { return func(func([2]int64, error) bool) {} }}, b.done()
}
func (b *backend) PutContent(ctx, caller, string, driver.Piece) error               { return b.done() }
func (b *backend) CommitUpload(ctx, caller, string, int64) error                    { return b.done() }
func (b *backend) AbortUpload(ctx, caller, string) error                            { return b.done() }
func (b *backend) ResetBackupStatus(ctx, caller, string, driver.BackupStatus) error { return b.done() }
func (b *backend) ForceDeleteBackup(ctx, caller, string) error                      { return b.done() }

func (b *backend) GetVolume(ctx, caller, string) (driver.Volume, error) {
	return answer[driver.Volume](b)
}
func (b *backend) ListVolumes(ctx, caller, driver.Query) (driver.Page[driver.Volume], error) {
	return answer[driver.Page[driver.Volume]](b)
}
func (b *backend) CreateVolume(ctx, caller, driver.VolumeSpec) (driver.Volume, error) {
	return answer[driver.Volume](b)
}
func (b *backend) UpdateVolume(ctx, caller, string, driver.VolumePatch) (driver.Volume, error) {
	return answer[driver.Volume](b)
}
func (b *backend) DeleteVolume(ctx, caller, string, driver.VolumeDelete) error { return b.done() }
func (b *backend) ActOnVolume(ctx, caller, string, driver.VolumeAction) error  { return b.done() }

func (b *backend) GetSnapshot(ctx, caller, string) (driver.Snapshot, error) {
	return answer[driver.Snapshot](b)
}
func (b *backend) ListSnapshots(ctx, caller, driver.Query) (driver.Page[driver.Snapshot], error) {
	return answer[driver.Page[driver.Snapshot]](b)
}
func (b *backend) CreateSnapshot(ctx, caller, driver.SnapshotSpec) (driver.Snapshot, error) {
	return answer[driver.Snapshot](b)
}
func (b *backend) UpdateSnapshot(ctx, caller, string, driver.SnapshotPatch) (driver.Snapshot, error) {
	return answer[driver.Snapshot](b)
}
func (b *backend) DeleteSnapshot(ctx, caller, string, bool) error                { return b.done() }
func (b *backend) ResetSnapshotStatus(ctx, caller, string, string, string) error { return b.done() }

func (b *backend) Quotas(ctx, caller, string) ([]driver.Quota, error) {
	return answer[[]driver.Quota](b)
}
func (b *backend) DefaultQuotas(ctx, caller) ([]driver.Quota, error) {
	return answer[[]driver.Quota](b)
}
func (b *backend) SetQuotas(ctx, caller, string, metadata) ([]driver.Quota, error) {
	return answer[[]driver.Quota](b)
}
func (b *backend) SetDefaultQuotas(ctx, caller, metadata) ([]driver.Quota, error) {
	return answer[[]driver.Quota](b)
}
func (b *backend) ResetQuotas(ctx, caller, string) error { return b.done() }

func (b *backend) Services(ctx, caller) ([]driver.Service, error) { return answer[[]driver.Service](b) }
func (b *backend) Pools(ctx, caller) ([]driver.Pool, error)       { return answer[[]driver.Pool](b) }
func (b *backend) AvailabilityZones(ctx, caller) (map[string]bool, error) {
	return answer[map[string]bool](b)
}

func (b *backend) ListVolumeTypes(ctx, caller) ([]driver.VolumeType, error) {
	return answer[[]driver.VolumeType](b)
}
func (b *backend) GetVolumeType(ctx, caller, string) (driver.VolumeType, error) {
	return answer[driver.VolumeType](b)
}
func (b *backend) DefaultVolumeType(ctx, caller) (driver.VolumeType, error) {
	return answer[driver.VolumeType](b)
}
func (b *backend) CreateVolumeType(ctx, caller, driver.VolumeType) (driver.VolumeType, error) {
	return answer[driver.VolumeType](b)
}
func (b *backend) UpdateVolumeType(ctx, caller, string, driver.VolumeTypePatch) (driver.VolumeType, error) {
	return answer[driver.VolumeType](b)
}
func (b *backend) DeleteVolumeType(ctx, caller, string) error { return b.done() }

func (b *backend) ListJobs(ctx, caller, driver.Query) (driver.Page[driver.Job], error) {
	return answer[driver.Page[driver.Job]](b)
}

func (b *backend) GetMessage(ctx, caller, string) (driver.Message, error) {
	return answer[driver.Message](b)
}
func (b *backend) ListMessages(ctx, caller, driver.Query) (driver.Page[driver.Message], error) {
	return answer[driver.Page[driver.Message]](b)
}
func (b *backend) DeleteMessage(ctx, caller, string) error { return b.done() }

func (b *backend) ConnectVolume(ctx, caller, string) (driver.Connection, error) {
	return answer[driver.Connection](b)
}
func (b *backend) DisconnectVolume(ctx, caller, string) error { return b.done() }

func newTranslator(d driver.Driver) *Translator {
	return New(d)
}

// operations returns all operations of a Translator, by name.
func operations(t *Translator) map[string]Operation {
	all := map[string]Operation{}
	for _, r := range Routes() {
		all[r.Operation] = r.Of(t)
	}
	return all
}

// bodies are valid requests by operation.
var bodies = map[string]string{
	"CreateBackup":            `{"backup": {"volume_id": "` + someID + `"}}`,
	"StartUpload":             `{"upload": {"size": 1}}`,
	"CommitUpload":            `{"commit": {"received": 0}}`,
	"UpdateBackup":            `{"backup": {"name": "n"}}`,
	"RestoreBackup":           `{"restore": {}}`,
	"ActOnBackup":             `{"os-reset_status": {"status": "error"}}`,
	"ImportRecord":            `{"backup-record": {"backup_service": "s", "backup_url": "eA=="}}`,
	"CreateVolume":            `{"volume": {"size": 1}}`,
	"UpdateVolume":            `{"volume": {"name": "n"}}`,
	"ActOnVolume":             `{"os-extend": {"new_size": 2}}`,
	"CreateSnapshot":          `{"snapshot": {"volume_id": "` + someID + `"}}`,
	"UpdateSnapshot":          `{"snapshot": {"name": "n"}}`,
	"ActOnSnapshot":           `{"os-reset_status": {"status": "error"}}`,
	"CreateType":              `{"volume_type": {"name": "t"}}`,
	"UpdateType":              `{"volume_type": {"name": "t"}}`,
	"ActOnType":               `{"addProjectAccess": {"project": "` + someID + `"}}`,
	"AddExtraSpecs":           `{"extra_specs": {"k": "v"}}`,
	"SetExtraSpec":            `{"k": "v"}`,
	"UpdateQuotas":            `{"quota_set": {"volumes": 1}}`,
	"UpdateQuotaClass":        `{"quota_class_set": {"volumes": 1}}`,
	"AddVolumeMetadata":       `{"metadata": {"k": "v"}}`,
	"ReplaceVolumeMetadata":   `{"metadata": {"k": "v"}}`,
	"SetVolumeMetadata":       `{"meta": {"k": "v"}}`,
	"AddSnapshotMetadata":     `{"metadata": {"k": "v"}}`,
	"ReplaceSnapshotMetadata": `{"metadata": {"k": "v"}}`,
	"SetSnapshotMetadata":     `{"meta": {"k": "v"}}`,
	"CreateQoSSpecs":          `{"qos_specs": {"name": "q"}}`,
	"UpdateQoSSpecs":          `{"qos_specs": {"k": "v"}}`,
	"DeleteQoSKeys":           `{"keys": ["k"]}`,
	"CreateTypeEncryption":    `{"encryption": {"provider": "luks", "control_location": "front-end"}}`,
	"UpdateTypeEncryption":    `{"encryption": {"key_size": 256}}`,
	"CreateGroupType":         `{"group_type": {"name": "t"}}`,
	"UpdateGroupType":         `{"group_type": {"name": "t"}}`,
	"AddGroupSpecs":           `{"group_specs": {"k": "v"}}`,
	"SetGroupSpec":            `{"k": "v"}`,
	"CreateGroup":             `{"group": {"group_type": "t", "volume_types": ["v"]}}`,
	"UpdateGroup":             `{"group": {"name": "n"}}`,
	"ActOnGroups":             `{"create-from-src": {"source_group_id": "` + someID + `"}}`,
	"ActOnGroup":              `{"delete": {}}`,
	"CreateGroupSnapshot":     `{"group_snapshot": {"group_id": "` + someID + `"}}`,
	"ActOnGroupSnapshot":      `{"reset_status": {"status": "error"}}`,
	"CreateTransfer":          `{"transfer": {"volume_id": "` + someID + `"}}`,
	"AcceptTransfer":          `{"accept": {"auth_key": "k"}}`,
	"CreateAttachment":        `{"attachment": {"volume_uuid": "` + someID + `"}}`,
	"UpdateAttachment":        `{"attachment": {"connector": {"host": "h"}}}`,
	"ActOnAttachment":         `{"os-complete": null}`,
	"UpdateService":           `{"host": "h", "binary": "cinder-volume"}`,
	"SetDefaultType":          `{"default_type": {"volume_type": "t"}}`,
}

// request returns a valid request for an operation.
func request(operation string, caller driver.Caller, v Version) Request {
	r := Request{
		Caller: caller, Version: v, Base: "http://gw", ProjectInURL: true, ID: someID, Key: "k",
		Body: []byte(bodies[operation]),
	}
	switch operation {
	case "UpdateService":
		r.ID = "enable"
	case "PutBackupData":
		r.Content = Content{Body: strings.NewReader("x"), Range: "bytes 0-0/*"}
	case "ShowExtension":
		r.ID = "backups"
	case "ShowQuotas", "DefaultQuotas":
		r.ID = caller.ProjectID // other projects' need an admin
	case "AssociateQoSSpecs", "DisassociateQoSSpecs":
		r.Query = Query{{"vol_type_id", "t"}}
	}
	return r
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// noContent is the content of a backup of nothing.
type noContent struct{}

func (noContent) Size() int64                             { return 0 }
func (noContent) Tag() string                             { return "0" }
func (noContent) Data() iter.Seq2[int64, int64]           { return func(func(int64, int64) bool) {} }
func (noContent) Copy(ctx, io.Writer, int64, int64) error { return nil }
func (noContent) ParentID() string                        { return "" }
func (noContent) BlockSize() int64                        { return 1 }
func (noContent) DigestsSize() int64                      { return 0 }

func (noContent) CopyDigests(ctx, io.Writer, int64, int64) error { return nil }
