package jobs

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

// Reports of several goroutines come in any order; the largest number counts. A hook hears of each,
// and its error ends the work.
func TestProgress(t *testing.T) {
	clock := clockwork.NewFakeClock()
	p := &progress{clock: clock}
	failure := errors.New("the test ends it")
	var heard []int64
	report := Progress(reportingTo(p.in(context.Background()), func(done, _ int64) error {
		if heard = append(heard, done); done == 40 {
			return failure
		}
		return nil
	}))
	for _, done := range []int64{10, 30, 20} {
		clock.Advance(time.Second)
		if err := report(done, 100); err != nil {
			t.Fatal(err)
		}
	}
	if at := p.now(); at.Done != 30 || at.Total != 100 || !at.Seen.Equal(clock.Now().Add(-time.Second)) {
		t.Fatalf("%+v", at)
	}
	if err := report(40, 100); !errors.Is(err, failure) || p.now().Done != 40 || len(heard) != 4 {
		t.Fatalf("%v, %+v, %v", err, p.now(), heard)
	}
	if Progress(context.Background()) != nil {
		t.Fatal("nobody asks")
	}
}
