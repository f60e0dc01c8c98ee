// Package cinder puts any real Cinder behind the gateway: v3 of whatever
// microversions the cloud has, or v2 only. It keeps no state, and asks everything in
// the caller's name with the caller's token.
//
//	driver                  upstream                               needs
//	CreateBackup            POST   /backups                        metadata 3.43, availability_zone 3.51
//	GetBackup               GET    /backups/{id}
//	ListBackups             GET    /backups/detail                 with_count 3.45, else counted page by page
//	DeleteBackup            DELETE /backups/{id}
//	RestoreBackup           POST   /backups/{id}/restore           or POST /volumes first, see Options.RestoreNeedsVolume
//	UpdateBackup            PUT    /backups/{id}                   3.9
//	ExportRecord            GET    /backups/{id}/export_record
//	ImportRecord            POST   /backups/import_record
//	ResetBackupStatus       POST   /backups/{id}/action            os-reset_status
//	ForceDeleteBackup       POST   /backups/{id}/action            os-force_delete
//	GetVolume               GET    /volumes/{id}
//	BackupQuotas            GET    /os-quota-sets/{project}          for VBS's own API only
//	Forward                 everything else, untouched
//
// Fields show by the upstream's microversion: metadata from 3.43, project from 3.18,
// user from 3.56, encryption key from 3.64. The microversion that is sent is the
// lower of the upstream's highest and the gateway's.
package cinder
