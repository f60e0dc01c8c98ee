package console

import (
	"fmt"
	"strings"
	"time"
)

// Size of a plot, in the units of its own drawing.
const (
	plotWide = 600
	plotHigh = 120
)

// plot is a drawing of how a place filled.
type plot struct {
	Line, Area string // points of a polyline, and of what is below it
	From, To   stamp
	Most       int64 // bytes at the top
	Words      string
}

// plotOf draws samples; nil: there are too few.
func plotOf(samples []sample, s Space) *plot {
	if len(samples) < 2 || samples[len(samples)-1].At == samples[0].At {
		return nil
	}
	samples = thin(samples)
	first, last := samples[0], samples[len(samples)-1]
	most := int64(1)
	for _, p := range samples {
		most = max(most, p.Used)
	}
	most = min(max(most+most/5, 1), max(s.Total, 1))
	var line strings.Builder
	for _, p := range samples {
		x := float64(p.At-first.At) / float64(last.At-first.At) * plotWide
		y := plotHigh - float64(p.Used)/float64(most)*plotHigh
		fmt.Fprintf(&line, "%.1f,%.1f ", x, max(y, 0))
	}
	points := strings.TrimSpace(line.String())
	return &plot{
		Line: points, Area: fmt.Sprintf("0,%d %s %d,%d", plotHigh, points, plotWide, plotHigh),
		From: stamp{time.Unix(first.At, 0)}, To: stamp{time.Unix(last.At, 0)}, Most: most,
		Words: fmt.Sprintf("Used space of %s: %s at first, %s now, of %s", s.Name, bytesText(first.Used), bytesText(last.Used), bytesText(s.Total)),
	}
}
