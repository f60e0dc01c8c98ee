package drivertest

// Quirks are documented differences of a backend from the contract that no missing
// interface shows. The suite then expects the backend's behaviour.
type Quirks struct {
	// OwnProjectOnly: an admin sees what a member of the admin's project sees. Lists of all
	// projects are NotSupported.
	OwnProjectOnly bool
	// Independent: no backup depends on another. An incremental backup survives the delete
	// of its parent, and no backup has dependents.
	Independent bool
	// FirstIsFull: an incremental backup of a volume without backups becomes a full one.
	FirstIsFull bool
	// ShowsWish: such a backup still shows is_incremental, because the backend repeats the
	// requested value.
	ShowsWish bool
	// OriginalVolumeOnly: a restore to an existing volume other than the source volume is
	// InvalidState.
	OriginalVolumeOnly bool
	// NewVolumeApart: a restore to a new volume does not change the backup's status.
	NewVolumeApart bool
	// NameOnly: an update of anything but the name is NotSupported.
	NameOnly bool
	// AdminOrphans: an admin of another project may delete a backup that has dependents. A
	// real Cinder looks for dependents in the caller's project only (cinder/backup/api.py
	// delete).
	AdminOrphans bool
	// TrustsRecords: an imported backup is available even if its data does not exist, as in
	// a real Cinder.
	TrustsRecords bool
}
