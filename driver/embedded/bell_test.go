package embedded

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/policy"
)

// counted counts goroutines that work.
type counted struct{ n atomic.Int64 }

func (c *counted) Begin() { c.n.Add(1) }
func (c *counted) End()   { c.n.Add(-1) }

// ended is an Observer that names the kinds of jobs that have ended.
type ended chan string

func (e ended) JobDone(kind, _ string, _ int64, _ time.Duration) { e <- kind }
func (ended) StrayFile(string)                                   {}
func (ended) PolicyRun(string)                                   {}
func (ended) Scrubbed(string, int64)                             {}

// A request that ends after the background work has stopped wakes nobody. It must not count as work for ever,
// or whoever waits for quiet never wakes. The next Run finds what it has queued.
func TestLateRequestsCountAsNothing(t *testing.T) {
	work := &counted{}
	done := make(ended, 100)
	r := newRig(t, func(o *Options) { o.Work, o.Observer = work, done })
	run := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		work.Begin() // the caller counts, as Driver.Run says
		go func() { defer close(stopped); check(t, r.Run(ctx)); work.End() }()
		return func() { cancel(); <-stopped }
	}
	run()()
	v, err := r.CreateVolume(t.Context(), alpha, driver.VolumeSpec{Size: 1, Metadata: map[string]string{policy.Key: "daily 02:30"}})
	check(t, err)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	if n := work.n.Load(); n != 0 {
		t.Fatalf("%d work, and nobody does", n)
	}
	stop := run()
	for kind := range done {
		if kind == "backup" {
			break
		}
	}
	stop()
	r.wantBackup(b.ID, driver.BackupAvailable)
	if n := work.n.Load(); n != 0 {
		t.Fatalf("%d work after the end", n)
	}
}
