package embedded

// restoreJob is the kind of jobs that write backups to volumes.
const restoreJob = "restore"

type restoreArguments struct {
	Previous string `json:"previous,omitempty"` // status of the volume before
	New      bool   `json:"new,omitempty"`      // a volume from a backup: the backup stays available
}
