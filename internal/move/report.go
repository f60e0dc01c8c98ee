package move

import (
	"context"
	"fmt"
	"time"
)

// Reporter is a [Source] or a [Target] whose cloud can show its users how far a move is.
type Reporter interface {
	// Report shows a text in place of the last one. It is called from time to time while the
	// pieces of a round are copied. An error does not end the move.
	Report(ctx context.Context, text string) error
}

// reportEvery is the time between two reports.
const reportEvery = 10 * time.Second

// reporting has both sides show the progress until end is called.
func (m *Move) reporting(ctx context.Context) (end func()) {
	var all []Reporter
	for _, side := range []any{m.From, m.To} {
		if r, ok := side.(Reporter); ok {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return func() {}
	}
	every := m.ReportEvery
	if every <= 0 {
		every = reportEvery
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for _, r := range all {
				_ = r.Report(ctx, m.report()) // the next one follows
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// report is the progress as a text: "round 2: 1024 of 4096 MiB (25 %)".
func (m *Move) report() string {
	p := m.Progress()
	what := "round"
	if m.Job.Chain != nil {
		what = "point"
	}
	percent := int64(100)
	if p.Total > 0 {
		percent = 100 * p.Done / p.Total
	}
	return fmt.Sprintf("%s %d: %d of %d MiB (%d %%)", what, p.Round, p.Done>>20, p.Total>>20, percent)
}
