package embedded

import "cindergate/driver/embedded/internal/jobs"

// registerVolumeJobs makes the kinds of jobs known that are about volumes and snapshots.
func (d *Driver) registerVolumeJobs() {
	jobs.Register(d.jobs, copyVolumeJob, jobs.Kind[copyArguments]{Queue: jobs.DataQueue, Task: d.copyVolumeTask})
	jobs.Register(d.jobs, snapshotJob, jobs.Kind[copyArguments]{Queue: jobs.DataQueue, Task: d.snapshotTask})
	jobs.Register(d.jobs, revertJob, jobs.Kind[struct{}]{Queue: jobs.DataQueue, Task: d.revertTask})
	jobs.Register(d.jobs, deleteVolumeJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, Task: d.deleteVolumeTask})
	jobs.Register(d.jobs, deleteSnapshotJob, jobs.Kind[deleteSnapshotArguments]{Queue: jobs.QuickQueue, Task: d.deleteSnapshotTask})
}
