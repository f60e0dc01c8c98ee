package drivertest

// Quirks are what a backend honestly does otherwise than the contract has it, and no
// missing interface tells. The suite then asks for that instead.
type Quirks struct {
	// OwnProjectOnly: an admin sees what a member of its project sees, and lists of all
	// projects are NotSupported.
	OwnProjectOnly bool
	// Independent: no backup depends on another. An incremental one outlives the one
	// that it was made after, and none has dependents.
	Independent bool
	// FirstIsFull: an incremental backup of a volume that has none becomes a full one.
	FirstIsFull bool
	// ShowsWish: such a backup shows is_incremental all the same: the backend repeats what
	// was asked for.
	ShowsWish bool
	// OriginalVolumeOnly: a restore to another existing volume than the one that was
	// backed up is InvalidState.
	OriginalVolumeOnly bool
	// NewVolumeApart: a restore to a new volume leaves the backup's status alone.
	NewVolumeApart bool
	// NameOnly: an update of anything but the name is NotSupported.
	NameOnly bool
	// AdminOrphans: an admin of another project may delete a backup although others
	// build on it: a real Cinder looks for those in the caller's project only
	// (cinder/backup/api.py delete).
	AdminOrphans bool
	// TrustsRecords: an imported backup is available whether its data is there or not,
	// as in a real Cinder.
	TrustsRecords bool
}
