// Package volumes serves volumes, snapshots, volume types and quotas, schedules new
// volumes, and runs the jobs that fill and delete them.
//
// The checks, their order and their texts are Cinder's.
package volumes

import (
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
)

// Volumes serves requests about volumes, and runs the jobs that fill and delete them.
type Volumes struct {
	core       *core.Core
	jobs       *jobs.Runner
	configured map[string]int // quota limits by name; they override [DefaultQuotas]
}

// New returns a Volumes and registers its kinds of jobs.
func New(c *core.Core, r *jobs.Runner, quotas map[string]int) *Volumes {
	vs := &Volumes{core: c, jobs: r, configured: quotas}
	vs.register()
	return vs
}

// register registers the kinds of jobs on volumes and snapshots.
func (vs *Volumes) register() {
	jobs.Register(vs.jobs, createVolumeJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, Task: vs.createVolumeTask})
	jobs.Register(vs.jobs, extendVolumeJob, jobs.Kind[extendArguments]{Queue: jobs.QuickQueue, Task: vs.extendVolumeTask})
	jobs.Register(vs.jobs, copyVolumeJob, jobs.Kind[copyArguments]{Queue: jobs.DataQueue, Task: vs.copyVolumeTask})
	jobs.Register(vs.jobs, snapshotJob, jobs.Kind[copyArguments]{Queue: jobs.DataQueue, Task: vs.snapshotTask})
	jobs.Register(vs.jobs, revertJob, jobs.Kind[struct{}]{Queue: jobs.DataQueue, Task: vs.revertTask})
	jobs.Register(vs.jobs, removeFilesJob, jobs.Kind[removeFilesArguments]{Queue: jobs.QuickQueue, Task: vs.removeFilesTask})
	jobs.Register(vs.jobs, deleteVolumeJob, jobs.Kind[struct{}]{Queue: jobs.QuickQueue, Task: vs.deleteVolumeTask})
	jobs.Register(vs.jobs, deleteSnapshotJob, jobs.Kind[deleteSnapshotArguments]{Queue: jobs.QuickQueue, Task: vs.deleteSnapshotTask})
}
