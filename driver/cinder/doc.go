// Package cinder puts any real Cinder behind the gateway: v3 with the microversions that
// the cloud has, or v2 only.
//
// The driver keeps no state. It sends every request with the caller's token.
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
//	AllVolumes              GET    /volumes/detail                   for the gateway's own schedules
//	BackupQuotas            GET    /os-quota-sets/{project}          for VBS's own API only
//	Forward                 everything else, unchanged
//
// The upstream's microversion decides which fields a backup has: metadata from 3.43,
// project from 3.18, user from 3.56, encryption key from 3.64. The driver sends the highest
// microversion that both the upstream and the gateway support.
package cinder
