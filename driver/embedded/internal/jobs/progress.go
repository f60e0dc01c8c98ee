package jobs

import (
	"context"
	"sync"

	"github.com/jonboulle/clockwork"

	"cindergate/internal/meta"
)

// progressKey is the key of the function of [Progress] in a context.
type progressKey struct{}

// Progress returns the function that a job's work calls while it copies data: done of total bytes
// of the volume are copied. Its error ends the work. It is nil if ctx is not that of a job.
func Progress(ctx context.Context) func(done, total int64) error {
	report, _ := ctx.Value(progressKey{}).(func(done, total int64) error)
	return report
}

// reportingTo returns a context whose [Progress] tells another function as well.
func reportingTo(ctx context.Context, also func(done, total int64) error) context.Context {
	report := Progress(ctx)
	return context.WithValue(ctx, progressKey{}, func(done, total int64) error {
		if report != nil {
			if err := report(done, total); err != nil {
				return err
			}
		}
		return also(done, total)
	})
}

// progress is how far a run is. Several goroutines may report.
type progress struct {
	clock clockwork.Clock
	mu    sync.Mutex
	at    meta.Progress
}

// in returns a context whose [Progress] reports to p.
func (p *progress) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, progressKey{}, p.report)
}

// report takes the largest number: those of several goroutines may come in any order.
func (p *progress) report(done, total int64) error {
	now := p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if done >= p.at.Done || total != p.at.Total {
		p.at.Seen, p.at.Done, p.at.Total = now, done, total
	}
	return nil
}

func (p *progress) now() meta.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}
