// Package backups creates, restores and deletes backups, and exports and imports their
// records, with the checks, their order and their texts as in Cinder.
package backups

import (
	"time"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/chunked"
)

// Backups serves requests about backups and runs their jobs.
type Backups struct {
	core      *core.Core
	jobs      *jobs.Runner
	volumes   *volumes.Volumes
	format    Format
	scrubs    ScrubSchedule
	uploads   uploads
	copying   Copying
	deletes   Deletes
	downloads downloads
}

// Copying says how copies to other backends are tried.
type Copying struct {
	Attempts int           // how often a copy is tried in a row
	Pause    time.Duration // before the second attempt, doubled before each further one; 0: 30 s
}

// Format says how to write new objects.
type Format struct {
	Compression chunked.Compression
	ChunkSize   int64 // bytes per object of a full backup; 0: the default of package chunked
	BlockSize   int64 // bytes per digest of a full backup; 0: package chunked chooses it
}

// Deletes says which deletes are refused.
type Deletes struct {
	Rebases bool          // a delete of a backup rebases those that build on it
	MaxLock time.Duration // how long from now a lock may last; 0: there are no locks
}

// New returns a Backups and registers its kinds of jobs. An upload to which nothing is sent
// for uploadExpiry ends.
func New(c *core.Core, r *jobs.Runner, vs *volumes.Volumes, f Format, scrubs ScrubSchedule, uploadExpiry time.Duration, copying Copying, deletes Deletes) *Backups {
	if copying.Pause <= 0 {
		copying.Pause = firstCopyPause
	}
	bs := &Backups{core: c, jobs: r, volumes: vs, format: f, scrubs: scrubs, uploads: uploads{expiry: uploadExpiry}, copying: copying, deletes: deletes}
	bs.register()
	return bs
}

// register registers the kinds of jobs on backups.
func (bs *Backups) register() {
	jobs.Register(bs.jobs, backupJob, jobs.Kind[backupArguments]{Queue: jobs.DataQueue, Task: bs.backupTask})
	jobs.Register(bs.jobs, volumes.RestoreJob, jobs.Kind[volumes.RestoreArguments]{Queue: jobs.DataQueue, Task: bs.restoreTask})
	jobs.Register(bs.jobs, deleteJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, AfterBackup: true, Task: bs.deleteTask})
	jobs.Register(bs.jobs, rebaseJob, jobs.Kind[rebaseArguments]{Queue: jobs.DataQueue, Task: bs.rebaseTask})
	jobs.Register(bs.jobs, removalJob, jobs.Kind[oldObjects]{Queue: jobs.QuickQueue, MaxAttempts: removalDeaths, Task: bs.removalTask})
	jobs.Register(bs.jobs, removeUploadJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, Task: bs.removeUploadTask})
	jobs.Register(bs.jobs, importJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, Task: bs.importTask})
	jobs.Register(bs.jobs, copyJob, jobs.Kind[copyArguments]{Queue: jobs.CopyQueue, MaxAttempts: copyDeaths, Task: bs.copyTask})
	jobs.Register(bs.jobs, copyRemovalJob, jobs.Kind[copyArguments]{Queue: jobs.CopyQueue, MaxAttempts: copyDeaths, Task: bs.copyRemovalTask})
	jobs.Register(bs.jobs, objectLockJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, Task: bs.lockTask})
	jobs.Register(bs.jobs, scrubJob, jobs.Kind[scrubArguments]{Queue: jobs.IdleQueue, Task: bs.scrubTask})
}
