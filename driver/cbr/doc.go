// Package cbr puts Huawei's Cloud Backup and Recovery behind the gateway, for Huawei Cloud
// (dialect huawei) and Open Telekom Cloud (dialect otc).
//
// The driver keeps no state. It sends every request with the caller's token.
//
// CBR keeps backups in vaults. A vault must hold a volume before the volume can be backed
// up, and a volume is in at most one vault. Both cost money, so the driver binds volumes
// and makes vaults only if the configuration allows it.
//
//	driver                  upstream                                              notes
//	CreateBackup            GET    /v3/{p}/vaults?resource_ids={volume}           the volume's vault
//	                        POST   /v3/{p}/vaults/{id}/addresources               Options.Bind
//	                        POST   /v3/{p}/vaults                                 Options.CreateVault
//	                        POST   /v3/{p}/checkpoints                            with this one volume
//	                        GET    /v3/{p}/backups?checkpoint_id={id}             for the backup's id
//	GetBackup               GET    /v3/{p}/backups/{id}
//	                        GET    /v3/{p}/operation-logs                         why a backup or restore failed
//	ListBackups             GET    /v3/{p}/backups                                of volumes, never of servers
//	DeleteBackup            DELETE /v3/{p}/backups/{id}
//	RestoreBackup           POST   /v3/{p}/backups/{id}/restore                   to an existing volume
//	                        POST   cloudvolumes of EVS                            to a new one, see package otc
//	UpdateBackup            PUT    /v3/{p}/backups/{id}                           the name, on huawei
//	Quotas                  vaults' sizes, and os-quota-sets of EVS
//	GetVolume, ListVolumes  EVS                                                   see package otc
//	Forward                 EVS                                                   see package otc
//
// A request for a backup becomes:
//
//	volume_id          the checkpoint's only resource
//	name, description  the same; 1-64 of [0-9A-Za-z_-], on huawei Chinese as well; up to 255
//	                   characters, on huawei without < and >
//	incremental        as Options.FullBackup says; the first backup of a volume is always full
//	force              without it the driver refuses a volume in use, which the service would
//	                   accept. Without EVS the driver cannot check
//	container          the id or name of the vault; 501 if the volume is in another one
//	snapshot_id        501: a checkpoint takes the volume's current content
//	availability_zone  501: the vault decides
//	metadata           501, and tags of VBS's own API: only vaults have tags
//
// A backup shows:
//
//	id, name, description, project_id         the same
//	volume_id, size, availability_zone        resource_id, resource_size, resource_az
//	container, snapshot_id                    vault_id, extend_info.snapshot_id
//	status             waiting_protect and protecting are creating, waiting_restore is restoring,
//	                   waiting_delete is deleting; available is error_restoring after a failed
//	                   restore, until one succeeds: only an operation log shows the failure
//	fail_reason        the operation log's code and message
//	is_incremental     extend_info.incremental (otc), incremental (huawei); the latter
//	                   repeats the requested value, so it may be true for a first, full backup
//	data_timestamp     protected_at, else created_at
//	has_dependent_backups, object_count       false, 0: a backup can be deleted before its dependents
//	user_id, metadata, encryption_key_id      none
//
// The service has no function for these, so the gateway answers 501: PUT of more than the
// name, export and import of records, reset of the status, forced delete, and lists of all
// projects. A checkpoint that the service accepts but that skips the volume is an error with
// the service's reason. Open Telekom Cloud restores to the original volume only.
//
// A restore resets the volume to its size in the backup.
package cbr
