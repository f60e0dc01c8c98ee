// Package cbr puts Huawei's Cloud Backup and Recovery behind the gateway, as Huawei
// Cloud (dialect huawei) and Open Telekom Cloud (dialect otc) have it. It keeps no
// state, and asks everything in the caller's name with the caller's token.
//
// CBR keeps backups in vaults. A vault must hold a volume before the volume can be
// backed up, and a volume is in one vault at most. Both cost money, so the driver binds
// volumes and makes vaults only if it is told to.
//
//	driver                  upstream                                              notes
//	CreateBackup            GET    /v3/{p}/vaults?resource_ids={volume}           the volume's vault
//	                        POST   /v3/{p}/vaults/{id}/addresources               Options.Bind
//	                        POST   /v3/{p}/vaults                                 Options.CreateVault
//	                        POST   /v3/{p}/checkpoints                            with this one volume
//	                        GET    /v3/{p}/backups?checkpoint_id={id}             for the backup's id
//	GetBackup               GET    /v3/{p}/backups/{id}
//	                        GET    /v3/{p}/operation-logs                         why a backup or restore failed
//	ListBackups             GET    /v3/{p}/backups                                of volumes; servers' never show
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
//	incremental        the same as Options.FullBackup says; the first backup of a volume is
//	                   full, whatever was asked
//	force              without it a volume in use is refused here: the service would take it.
//	                   Without EVS nobody tells, and the service's rule holds
//	container          the id or name of the vault; 501 if the volume is in another one
//	snapshot_id        501: a checkpoint is of volumes as they are
//	availability_zone  501: the vault decides
//	metadata           501, and tags of VBS's own API: only vaults have tags
//
// A backup shows:
//
//	id, name, description, project_id         the same
//	volume_id, size, availability_zone        resource_id, resource_size, resource_az
//	container, snapshot_id                    vault_id, extend_info.snapshot_id
//	status             waiting_protect and protecting are creating, waiting_restore is restoring,
//	                   waiting_delete is deleting; available is error_restoring after a restore
//	                   that failed, until one succeeds: only an operation log tells
//	fail_reason        the operation log's code and message
//	is_incremental     extend_info.incremental (otc), incremental (huawei); the latter repeats what was
//	                   asked for, so that a first backup, which is full, may say true
//	data_timestamp     protected_at, else created_at
//	has_dependent_backups, object_count       false, 0: a backup can go before those that build on it
//	user_id, metadata, encryption_key_id      none
//
// What the service has nothing for, and the gateway answers with 501: PUT of more than
// the name, export and import of records, reset of the status, forced delete, and lists
// of all projects. A checkpoint that was taken and passes over the volume is an error
// with the service's reason. Open Telekom Cloud restores to the original volume only.
//
// A restore sets the volume back to the size that it had in the backup.
package cbr
