package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"cindergate/internal/move"
)

// moveLine is the state of one move, as a line of JSON.
type moveLine struct {
	Time   time.Time  `json:"time"`
	Move   string     `json:"move"`
	Name   string     `json:"name"`
	Phase  move.Phase `json:"phase"`
	Round  int        `json:"round"`
	Status string     `json:"status"`
	Done   int64      `json:"done"`  // bytes of the round
	Total  int64      `json:"total"` // bytes of the round
	Moved  int64      `json:"moved"` // bytes in all rounds of this run
	Rate   float64    `json:"bytes_per_second"`
	ETA    float64    `json:"eta_seconds"` // 0: unknown
	Error  string     `json:"error,omitempty"`
}

// moveProgress shows how far some moves are: as bars on a terminal, else as lines of JSON.
type moveProgress struct {
	out   io.Writer
	bars  bool
	width func() int

	mu    sync.Mutex
	moves []*shownMove
	lines int // that are on the screen
	stop  chan struct{}
	done  chan struct{}
}

type shownMove struct {
	id, name string
	move     *move.Move
	err      string
	last     moveLine
	shown    time.Time // of the last line of JSON
	began    time.Time // of the copying in the round
	total    int64
}

func newMoveProgress(out io.Writer) *moveProgress {
	p := &moveProgress{out: out, stop: make(chan struct{}), done: make(chan struct{})}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bars = true
		p.width = func() int {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
				return w
			}
			return 80
		}
	}
	go p.run()
	return p
}

func (p *moveProgress) add(m *move.Move, name string) *shownMove {
	s := &shownMove{id: m.ID, name: name, move: m, began: time.Now()}
	p.mu.Lock()
	p.moves = append(p.moves, s)
	p.mu.Unlock()
	return s
}

func (p *moveProgress) ended(s *shownMove, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		s.err = err.Error()
	}
}

// close shows the last state.
func (p *moveProgress) close() {
	close(p.stop)
	<-p.done
	p.draw(true)
}

func (p *moveProgress) run() {
	defer close(p.done)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.draw(false)
		}
	}
}

// every is how often an unchanged state is told as JSON.
const every = 5 * time.Second

func (p *moveProgress) draw(final bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []moveLine
	for _, s := range p.moves {
		l := s.line()
		lines = append(lines, l)
		if p.bars {
			continue
		}
		same := l.Phase == s.last.Phase && l.Round == s.last.Round && l.Status == s.last.Status && l.Error == s.last.Error
		if final || !same || time.Since(s.shown) > every {
			raw, _ := json.Marshal(l) // it always encodes
			fmt.Fprintf(p.out, "%s\n", raw)
			s.last, s.shown = l, time.Now()
		}
	}
	if p.bars {
		p.paint(lines)
	}
}

func (s *shownMove) line() moveLine {
	now := time.Now()
	g := s.move.Progress()
	if g.Total != s.total || g.Done == 0 {
		s.total, s.began = g.Total, now
	}
	l := moveLine{Time: now.UTC(), Move: s.id, Name: s.name, Phase: g.Phase, Round: g.Round, Status: g.Status, Done: g.Done, Total: g.Total, Moved: g.Moved, Error: s.err}
	if took := now.Sub(s.began).Seconds(); took > 0 && g.Status == "" && g.Done < g.Total {
		l.Rate = float64(g.Done) / took
	}
	if l.Rate > 0 && g.Total > g.Done {
		l.ETA = float64(g.Total-g.Done) / l.Rate
	}
	return l
}

// paint draws all bars in one write over those before: the screen never shows half of them.
func (p *moveProgress) paint(lines []moveLine) {
	var b strings.Builder
	if p.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.lines)
	}
	width := p.width()
	var total moveLine
	for _, l := range lines {
		total.Done, total.Total, total.Rate = total.Done+l.Done, total.Total+l.Total, total.Rate+l.Rate
		fmt.Fprintf(&b, "%s\x1b[K\n", clip(bar(l), width))
	}
	p.lines = len(lines)
	if len(lines) > 1 {
		total.Name, total.Status = fmt.Sprintf("%d moves", len(lines)), ""
		if total.Rate > 0 {
			total.ETA = float64(total.Total-total.Done) / total.Rate
		}
		fmt.Fprintf(&b, "%s\x1b[K\n", clip(bar(total), width))
		p.lines++
	}
	_, _ = io.WriteString(p.out, b.String()) // a terminal that is gone is no error of the move
}

func clip(s string, width int) string {
	if r := []rune(s); len(r) >= width {
		return string(r[:width-1])
	}
	return s
}

func bar(l moveLine) string {
	const cells = 24
	name := l.Name
	if r := []rune(name); len(r) > 20 {
		name = string(r[:19]) + "…"
	}
	full := 0
	if l.Total > 0 {
		full = int(cells * l.Done / l.Total)
	}
	text := fmt.Sprintf("%-20s [%s%s] %s of %s", name, strings.Repeat("#", full), strings.Repeat(".", cells-full), humanBytes(l.Done), humanBytes(l.Total))
	switch {
	case l.Error != "":
		return text + "  failed: " + l.Error
	case l.Phase == move.Done:
		return text + "  done"
	case l.Status != "":
		return text + "  " + l.Status
	}
	if l.Round > 0 {
		text += fmt.Sprintf("  round %d", l.Round)
	}
	text += fmt.Sprintf("  %s/s", humanBytes(int64(l.Rate)))
	if l.ETA > 0 {
		text += "  " + (time.Duration(l.ETA) * time.Second).String() + " left"
	}
	return text
}

func humanBytes(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for i, u := range units {
		if f /= 1 << 10; f < 1<<10 || i == len(units)-1 {
			return fmt.Sprintf("%.1f %s", f, u)
		}
	}
	return ""
}

// summary writes what became of a move.
func summary(w io.Writer, j move.Journal) {
	fmt.Fprintf(w, "move %s: %s\n", j.ID, j.Phase)
	for _, r := range j.Rounds {
		state := "in progress"
		if !r.Ended.IsZero() {
			state = r.Ended.Sub(r.Began).Round(time.Second).String()
		}
		fmt.Fprintf(w, "  round %d: point %s, %s written, %s", r.Number, r.Point, humanBytes(r.Changed), state)
		if r.Result != "" {
			fmt.Fprintf(w, ", in %s", r.Result)
		}
		fmt.Fprintln(w)
	}
	for _, text := range slices.Concat(prefixed("verified: ", j.Verified), prefixed("not kept: ", j.Lost)) {
		fmt.Fprintf(w, "  %s\n", text)
	}
	if j.Error != "" {
		fmt.Fprintf(w, "  the last run failed: %s\n", j.Error)
	}
}

func prefixed(prefix string, lines []string) (all []string) {
	for _, l := range lines {
		all = append(all, prefix+l)
	}
	return all
}
