package cbr

import (
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/internal/openstack"
	"cindergate/internal/otc"
)

// ofVolumes is the resource type of volumes.
const ofVolumes = "OS::Cinder::Volume"

// backup is a backup in the service's answers.
type backup struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Description  string         `json:"description"`
	Status       string         `json:"status"`
	ProjectID    string         `json:"project_id"`
	VaultID      string         `json:"vault_id"`
	CheckpointID string         `json:"checkpoint_id"`
	ParentID     string         `json:"parent_id"`
	ResourceID   string         `json:"resource_id"`
	ResourceType string         `json:"resource_type"`
	ResourceSize otc.Int        `json:"resource_size"` // GB
	ResourceAZ   string         `json:"resource_az"`
	CreatedAt    openstack.Time `json:"created_at"`
	UpdatedAt    openstack.Time `json:"updated_at"`
	ProtectedAt  openstack.Time `json:"protected_at"`
	Incremental  otc.Bool       `json:"incremental"` // huawei
	ExtendInfo   struct {
		Incremental *otc.Bool `json:"incremental"` // otc
		SnapshotID  string    `json:"snapshot_id"`
	} `json:"extend_info"`
}

// ofVolume reports whether the backup is a volume's, not a server's or part of one.
func (b *backup) ofVolume() bool { return b.ResourceType == ofVolumes && b.ParentID == "" }

// toDriver converts the backup to a driver.Backup, without the reasons of the operation
// logs.
func (b *backup) toDriver() driver.Backup {
	incremental := b.Incremental
	if b.ExtendInfo.Incremental != nil {
		incremental = *b.ExtendInfo.Incremental
	}
	view := driver.Backup{
		ID: b.ID, ProjectID: b.ProjectID, VolumeID: b.ResourceID, SnapshotID: b.ExtendInfo.SnapshotID, Name: orNil(b.Name),
		Description: orNil(b.Description), Status: statusOf(b.Status), Size: int(b.ResourceSize), Container: b.VaultID,
		AvailabilityZone: b.ResourceAZ, IsIncremental: bool(incremental),
		CreatedAt: b.CreatedAt.Time, UpdatedAt: b.UpdatedAt.Time, DataTimestamp: b.ProtectedAt.Time,
	}
	if view.DataTimestamp.IsZero() {
		view.DataTimestamp = view.CreatedAt
	}
	return view
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// upstream maps each status to the service's statuses that it covers.
var upstream = map[driver.BackupStatus][]string{
	driver.BackupCreating:  {"waiting_protect", "protecting"},
	driver.BackupAvailable: {"available"},
	driver.BackupRestoring: {"waiting_restore", "restoring"},
	driver.BackupDeleting:  {"waiting_delete", "deleting"},
	driver.BackupError:     {"error"},
	// CBR's status is available. Only the operation log of the restore shows the failure.
	driver.BackupErrorRestore: {"available"},
}

// statusOf converts the service's status. It keeps an unknown one.
func statusOf(theirs string) driver.BackupStatus {
	switch theirs = strings.ToLower(theirs); theirs {
	case "waiting_protect", "protecting":
		return driver.BackupCreating
	case "waiting_restore":
		return driver.BackupRestoring
	case "waiting_delete":
		return driver.BackupDeleting
	}
	return driver.BackupStatus(theirs)
}

// checkpoint is one run of backups of a vault.
type checkpoint struct {
	ID     string `json:"id"`
	Status string `json:"status"` // protecting, available, error, deleting, deleted, error-deleting
	Vault  struct {
		Skipped []struct {
			ID     string   `json:"id"`
			Code   otc.Text `json:"code"`
			Reason string   `json:"reason"`
		} `json:"skipped_resources"`
	} `json:"vault"`
}

// vault holds volumes and their backups.
type vault struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Resources []resource `json:"resources"`
	Billing   struct {
		Size   otc.Int `json:"size"` // GB
		Used   otc.Int `json:"used"` // MB
		Status string  `json:"status"`
	} `json:"billing"`
}

// resource is a volume in a vault.
type resource struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// operation is an entry of the operation logs.
type operation struct {
	CheckpointID string         `json:"checkpoint_id"`
	Type         string         `json:"operation_type"` // backup, restore, …
	Status       string         `json:"status"`         // waiting, running, success, failed, timeout, skipped
	CreatedAt    openstack.Time `json:"created_at"`
	StartedAt    openstack.Time `json:"started_at"`
	Error        struct {
		Code    otc.Text `json:"code"`
		Message string   `json:"message"`
	} `json:"error_info"`
	Extra struct {
		Backup  of `json:"backup"`
		Restore of `json:"restore"`
	} `json:"extra_info"`
}

type of struct {
	BackupID string `json:"backup_id"`
}

// failed reports whether the operation ended without success.
func (o *operation) failed() bool {
	return o.Status == "failed" || o.Status == "timeout" || o.Status == "skipped"
}

// began returns the creation time, or the start time if there is none.
func (o *operation) began() time.Time {
	if o.CreatedAt.IsZero() {
		return o.StartedAt.Time
	}
	return o.CreatedAt.Time
}
