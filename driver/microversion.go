package driver

// Microversions of the Block Storage API, 3.x, each named after the feature that it
// introduced (cinder/api/microversions.py).
const (
	MVVolumeListBootable   = 2
	MVMessages             = 3
	MVVolumeListGlance     = 4
	MVMessagePages         = 5
	MVClusterSupport       = 7
	MVManageExisting       = 8
	MVBackupUpdate         = 9
	MVVolumeListGroup      = 10
	MVGroupType            = 11
	MVVolumeSummary        = 12
	MVGroupVolume          = 13
	MVGroupSnapshot        = 14
	MVBackupProject        = 18
	MVGroupSnapshotReset   = 19
	MVGroupReset           = 20
	MVVolumeProviderID     = 21
	MVSnapshotMetaFilter   = 22
	MVVolumeDeleteForce    = 23
	MVGroupVolumeList      = 25
	MVReplicationCluster   = 26
	MVAttachments          = 27
	MVPoolFilters          = 28
	MVGroupSnapshotPages   = 29
	MVSnapshotSort         = 30
	MVGeneralFilters       = 31
	MVLogLevel             = 32
	MVResourceFilters      = 33
	MVPoolTypeFilter       = 35
	MVVolumeSummaryMeta    = 36
	MVBackupSortName       = 37
	MVGroupReplication     = 38
	MVLimitsProject        = 39
	MVVolumeRevert         = 40
	MVSnapshotUserID       = 41
	MVExtendInUse          = 42
	MVBackupMetadata       = 43
	MVAttachComplete       = 44
	MVWithCount            = 45
	MVVolumeFromBackup     = 47
	MVVolumeSharedTargets  = 48
	MVBackendState         = 49
	MVBackupAZ             = 51
	MVTypeFilters          = 52
	MVVolumeSchemaChanges  = 53
	MVAttachMode           = 54
	MVTransfers            = 55
	MVBackupUser           = 56
	MVTransferHistory      = 57
	MVGroupProject         = 58
	MVTransferPages        = 59
	MVVolumeTimeComparison = 60
	MVVolumeClusterName    = 61
	MVDefaultTypes         = 62
	MVVolumeTypeID         = 63
	MVEncryptionKeyID      = 64
	MVUseQuota             = 65
	MVSnapshotInUse        = 66
	MVProjectOptional      = 67
	MVReimage              = 68

	// MaxMicroversion is the highest microversion that the gateway serves: Cinder Zed's.
	MaxMicroversion = 70
)
