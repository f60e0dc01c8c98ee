// Package vbs puts Huawei's Volume Backup Service behind the gateway, as Huawei Cloud
// (dialect huawei) and Open Telekom Cloud (dialect otc) have it. It keeps no state, and
// asks everything in the caller's name with the caller's token.
//
//	driver                  upstream                                              notes
//	CreateBackup            POST   /v2/{p}/cloudbackups                           a job, which is asked for the backup's id
//	GetBackup               GET    /v2|v3/{p}/backups/{id}
//	ListBackups             GET    /v2|v3/{p}/backups/detail                      read to the end; sorted and paged here
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
//	                        The first backup of a volume is full, whatever was asked
//	force                   without it a volume in use is refused here: the service would take it. Without
//	                        EVS nobody tells whether a volume is in use, and the service's rule holds
//	container               501: the service has one place only
//	availability_zone       501: a backup lies where the service puts it
//	metadata                501: the service keeps tags, and shows them with no backup. What cannot be read
//	                        again is not taken, but for the tags of a client of the service's own API
//
// A backup shows:
//
//	id, name, status, size, volume_id, snapshot_id, container, availability_zone,
//	fail_reason, created_at, updated_at       as the service has them; status may be error_restoring
//	description             the text in {"DESC": text, "INC": …}, where the service wraps it so
//	object_count            0 if the service tells none
//	is_incremental          is_incremental, else Type of service_metadata, else INC of the description
//	has_dependent_backups   false if the service tells none: a backup can go before those that build on it
//	data_timestamp          created_at if the service tells none
//	project_id              as v2 or v3 call it, else the caller's
//	encryption_key_id       CMKID of service_metadata
//	user_id, metadata       none
//
// What the service has nothing for, and the gateway answers with 501: PUT of a backup,
// export and import of records, reset of the status, forced delete, and lists of all
// projects. Nor can a server's backup, which lists show as well, be deleted here: the
// service refuses it with 400.
//
// A restore sets the volume back to the size that it had in the backup.
package vbs
