package console

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Space is how full a place is that the gateway writes to.
type Space struct {
	Name  string `json:"name"` // such as volumes, or the name of a store
	Used  int64  `json:"used"` // bytes
	Total int64  `json:"total"`
}

// sample is how much of a place was used at a time.
type sample struct {
	At   int64 `json:"at"` // seconds since 1970
	Used int64 `json:"used"`
}

// Bounds of what is remembered.
const (
	sampleEvery = 15 * time.Minute
	maxSamples  = 4 * 24 * 90 // of each place: 90 days
	maxPlaces   = 64
	checkEvery  = time.Minute
)

// watch remembers how well the backends were, and how full places were.
type watch struct {
	o       Options
	asking  chan struct{} // has an element while the places are asked
	mu      sync.Mutex
	last    map[place]health
	samples map[string][]sample
}

func newWatch(o Options) *watch {
	w := &watch{o: o, asking: make(chan struct{}, 1), last: map[place]health{}, samples: map[string][]sample{}}
	if o.HistoryFile == "" {
		return w
	}
	text, err := os.ReadFile(o.HistoryFile)
	if err == nil {
		err = json.Unmarshal(text, &w.samples)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.samples = map[string][]sample{}
		o.Log.Warn("the samples of the space cannot be read; the console begins anew", zap.String("file", o.HistoryFile), zap.Error(err))
	}
	return w
}

// run samples until ctx ends.
func (w *watch) run(ctx context.Context) {
	check, dot := w.o.Clock.NewTicker(checkEvery), w.o.Clock.NewTicker(sampleEvery)
	defer check.Stop()
	defer dot.Stop()
	w.sample(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-check.Chan():
			w.check(ctx)
		case <-dot.Chan():
			w.sample(ctx)
		}
	}
}

// places asks how full the places are. A disk that hangs must not hang pages: then there is no answer, and
// nobody asks again until it has come.
func (w *watch) places(ctx context.Context) []Space {
	select {
	case w.asking <- struct{}{}:
	default:
		return nil
	}
	answer := make(chan []Space, 1)
	go func() {
		defer func() { <-w.asking }()
		answer <- w.o.Spaces(context.WithoutCancel(ctx))
	}()
	timer := w.o.Clock.NewTimer(spaceTime)
	defer timer.Stop()
	select {
	case found := <-answer:
		return found
	case <-timer.Chan():
	case <-ctx.Done():
	}
	return nil
}

// spaceTime is how long the disks may take to say how full they are.
const spaceTime = 2 * time.Second

// sample remembers how full the places are.
func (w *watch) sample(ctx context.Context) {
	if w.o.Spaces == nil {
		return
	}
	now := w.o.Clock.Now().Unix()
	places := w.places(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range places {
		known := w.samples[s.Name]
		if known == nil && len(w.samples) >= maxPlaces {
			continue
		}
		if n := len(known); n > 0 && now-known[n-1].At < int64(sampleEvery/time.Second)/2 {
			continue // the gateway was started again
		}
		known = append(known, sample{now, s.Used})
		w.samples[s.Name] = known[max(0, len(known)-maxSamples):]
	}
	if err := w.save(); err != nil {
		w.o.Log.Warn("the samples of the space were not saved", zap.Error(err))
	}
}

// save writes the samples. The caller holds w.mu.
func (w *watch) save() error {
	if w.o.HistoryFile == "" {
		return nil
	}
	text, err := json.Marshal(w.samples)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(w.o.HistoryFile), "."+filepath.Base(w.o.HistoryFile)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails harmlessly after the rename
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), w.o.HistoryFile)
}

// spaceNow is how full a place is, and how it came to that.
type spaceNow struct {
	Space
	Samples []sample `json:"samples"`
	PerDay  int64    `json:"per_day"` // bytes that come each day; 0: not known, or none
	FullOn  stamp    `json:"full_on"` // null: not within ten years, or not known
	Why     string   `json:"why"`     // there is no day
	Plot    *plot    `json:"-"`
}

// now returns how full the places are.
func (w *watch) now(ctx context.Context) []spaceNow {
	if w.o.Spaces == nil {
		return nil
	}
	now := w.o.Clock.Now()
	var all []spaceNow
	for _, s := range w.places(ctx) {
		w.mu.Lock()
		samples := slices.Clone(w.samples[s.Name])
		w.mu.Unlock()
		samples = append(samples, sample{now.Unix(), s.Used})
		n := spaceNow{Space: s, Samples: thin(samples)}
		n.PerDay, n.FullOn, n.Why = forecast(samples, s, now)
		n.Plot = plotOf(samples, s)
		all = append(all, n)
	}
	return all
}

// shown is how many samples of a place a page has.
const shown = 200

func thin(samples []sample) []sample {
	if len(samples) <= shown {
		return samples
	}
	thinned := make([]sample, 0, shown)
	for i := range shown {
		thinned = append(thinned, samples[i*(len(samples)-1)/(shown-1)])
	}
	return thinned
}

// Bounds of forecasts: of the samples of this time, which must cover at least that one.
const (
	lookBack   = 30 * 24 * time.Hour
	leastSpan  = 24 * time.Hour
	farthest   = 10 * 365 * 24 * time.Hour
	secondsDay = 24 * 3600
)

// forecast returns how fast a place fills, by the line that fits the samples of the last 30 days best,
// and when it is full.
func forecast(samples []sample, s Space, now time.Time) (perDay int64, full stamp, why string) {
	from := now.Add(-lookBack).Unix()
	var n, sumT, sumU, sumTT, sumTU float64
	first := now.Unix()
	for _, p := range samples {
		if p.At < from {
			continue
		}
		first = min(first, p.At)
		t, u := float64(p.At-from), float64(p.Used)
		n, sumT, sumU, sumTT, sumTU = n+1, sumT+t, sumU+u, sumTT+t*t, sumTU+t*u
	}
	spread := n*sumTT - sumT*sumT
	if now.Unix()-first < int64(leastSpan/time.Second) || spread <= 0 {
		return 0, stamp{}, "known after a day"
	}
	slope := (n*sumTU - sumT*sumU) / spread // bytes per second
	perDay = int64(slope * secondsDay)
	left := float64(s.Total-s.Used) / slope
	if slope <= 0 || left > farthest.Seconds() {
		return perDay, stamp{}, "not within ten years, as it grows now"
	}
	return perDay, stamp{now.Add(time.Duration(left * float64(time.Second)))}, ""
}
