package embedded

import "cindergate/driver/embedded/internal/jobs"

// registerBackupJobs makes the kinds of jobs known that are about backups.
func (d *Driver) registerBackupJobs() {
	jobs.Register(d.jobs, backupJob, jobs.Kind[backupArguments]{Queue: jobs.DataQueue, Task: d.backupTask})
	jobs.Register(d.jobs, restoreJob, jobs.Kind[restoreArguments]{Queue: jobs.DataQueue, Task: d.restoreTask})
	jobs.Register(d.jobs, deleteJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, AfterBackup: true, Task: d.deleteTask})
	jobs.Register(d.jobs, importJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, Task: d.importTask})
}
