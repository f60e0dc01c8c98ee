// Package vbs puts Huawei's Volume Backup Service behind the gateway, for Huawei Cloud
// (dialect huawei) and Open Telekom Cloud (dialect otc).
//
// The driver keeps no state. It sends every request with the caller's token.
//
//	driver                  upstream                                              notes
//	CreateBackup            POST   /v2/{p}/cloudbackups                           a job, which is polled for the backup's id
//	GetBackup               GET    /v2|v3/{p}/backups/{id}
//	ListBackups             GET    /v2|v3/{p}/backups/detail                      all pages; the driver sorts and pages
//	DeleteBackup            DELETE /v2|v3/{p}/backups/{id}
//	RestoreBackup           POST   /v2/{p}/cloudbackups/{id}/restore              to an existing volume
//	                        POST   cloudvolumes of EVS                            to a new one, see package otc
//	Quotas                  GET    os-quota-sets of EVS, or /v2/{p}/cloudbackups/quota
//	GetVolume, ListVolumes  EVS                                                   see package otc
//	Forward                 EVS                                                   see package otc
//
// A request for a backup becomes:
//
//	volume_id, snapshot_id  the same
//	name                    the same; 1-64 of [0-9A-Za-z_-] and not auto…; none: backup-<8 hex>
//	description             the same; up to 64 characters without < and >
//	incremental             extend_param.FullBackup, as otc.FullBackup says; Huawei's service decides itself.
//	                        The first backup of a volume is always full
//	force                   without it the driver refuses a volume in use, which the service would
//	                        accept. Without EVS the driver cannot check
//	container               501: the service has one place only
//	availability_zone       501: the service chooses it
//	metadata                501: the service keeps tags but never shows them, and a client must be
//	                        able to read what it writes. Clients of the service's own API may send
//	                        tags
//
// A backup shows:
//
//	id, name, status, size, volume_id, snapshot_id, container, availability_zone,
//	fail_reason, created_at, updated_at       the same; status may be error_restoring
//	description             the text in {"DESC": text, "INC": …}, if the service wraps it
//	object_count            0 if the service has none
//	is_incremental          is_incremental, else Type of service_metadata, else INC of the description
//	has_dependent_backups   false if the service has none: a backup can be deleted before its dependents
//	data_timestamp          created_at if the service has none
//	project_id              the member of v2 or v3, else the caller's
//	encryption_key_id       CMKID of service_metadata
//	user_id, metadata       none
//
// The service has no function for these, so the gateway answers 501: PUT of a backup, export
// and import of records, reset of the status, forced delete, and lists of all projects. Lists
// also have servers' backups. The service refuses to delete those, with 400.
//
// A restore resets the volume to its size in the backup.
package vbs
