package otcfake

import "time"

// Project is a project and its only user, who can log in with Password.
type Project struct {
	ID, Name               string
	Token                  string
	UserID, User, Password string
}

// Volume is an EVS disk.
type Volume struct {
	ID, ProjectID, UserID string
	Name, Description     string
	AZ                    string // "": the first zone
	Type                  string // "": SSD
	Status                string // "": available
	SizeGiB               int    // 0: 10
	// Content stands for the volume's bytes: a backup copies it, a restore writes it back.
	Content     string
	ServerID    string // the server that a volume in-use is attached to
	SnapshotID  string // the snapshot that it was made from, "" if none
	Bootable    bool
	Multiattach bool
	Metadata    map[string]string
	CreatedAt   time.Time
	UpdatedAt   time.Time // zero: never
}

// Snapshot is an EVS snapshot.
type Snapshot struct {
	ID, ProjectID, VolumeID string
	Name, Description       string
	Status                  string
	SizeGiB                 int
	Content                 string
	Metadata                map[string]string
	CreatedAt, UpdatedAt    time.Time
}

// Backup is a backup of VBS or CBR. Status has CBR's words; VBS shows its own. Only VBS
// shows error_restoring: CBR reports failed restores only in its operation logs.
type Backup struct {
	ID, ProjectID        string
	Name, Description    string
	VolumeID, VolumeName string
	SnapshotID           string
	AZ                   string
	Status               string // "": available
	FailReason           string
	SizeGiB              int
	Content              string
	Incremental          bool
	Wished               bool // the client requested an incremental; Huawei's CBR shows this
	Tags                 map[string]string
	// Service is vbs or cbr.
	Service               string
	VaultID, CheckpointID string
	// Server marks a server's backup: CSBS's in VBS's lists, or CBR's. The latter has one
	// child for each of the server's volumes, whose ParentID is this backup.
	Server      bool
	ParentID    string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	ProtectedAt time.Time

	hidden int // number of lists by checkpoint that still omit it
}

// Vault is a CBR vault for volumes.
type Vault struct {
	ID, ProjectID     string
	Name, Description string
	Status            string // "": available
	SizeGiB           int    // 0: 1000
	VolumeIDs         []string
	CreatedAt         time.Time
}

// checkpoint is one run of backups of a vault.
type checkpoint struct {
	id, projectID     string
	vaultID           string
	name, description string
	status            string
	volumes           []string
	skipped           []skipped
	createdAt         time.Time
}

type skipped struct {
	volumeID string
	Failure
}

// operation is an entry of CBR's operation logs.
type operation struct {
	id, projectID, kind  string // kind: backup, restore, delete
	status               string // waiting, running, success, failed
	checkpointID         string
	vaultID              string
	backupID, backupName string
	volumeID, volumeName string // the resource; for a restore the target
	incremental          bool
	failure              Failure
	startedAt, endedAt   time.Time
}

// job is a job of the job API.
type job struct {
	id, projectID, service string
	kind                   string
	status                 string // INIT, RUNNING, SUCCESS, FAIL
	entities               map[string]any
	idKey                  string // key of the entity that may show late
	hidden                 int    // number of reads that still omit idKey
	nested                 bool   // entities show in a sub-job
	atEnd                  bool   // idKey shows once the job has ended
	blank                  bool   // sub_jobs is ""
	failure                Failure
	begin, end             time.Time
}

// clone returns a copy whose maps the caller may change.
func (v *Volume) clone() Volume {
	c := *v
	c.Metadata = make(map[string]string, len(v.Metadata))
	for key, value := range v.Metadata {
		c.Metadata[key] = value
	}
	return c
}
