package console

import (
	"cmp"
	"strings"
	"time"
)

// row is a volume with its protection and its days.
type row struct {
	Volume volume     `json:"volume"`
	State  protection `json:"state"`
	Newest *backup    `json:"newest"`
	Days   []day      `json:"days,omitempty"`
}

// rank sorts volumes to look at: those without a backup, then those with the oldest one.
func (r row) rank() int64 {
	if r.Newest == nil {
		return 0
	}
	return r.Newest.Of().Unix()
}

// day is what happened to a volume on a day, in UTC.
type day struct {
	Date    string `json:"date"`
	Done    int    `json:"done"`
	Failed  int    `json:"failed"`
	Running int    `json:"running"`
	Known   bool   `json:"known"` // false: the backups of that day were not all read
}

// Class is the worst that happened.
func (d day) Class() string {
	switch {
	case d.Failed > 0:
		return "failed"
	case d.Running > 0:
		return "running"
	case d.Done > 0:
		return "done"
	case !d.Known:
		return "unknown"
	}
	return "nothing"
}

// Mark shows the same without colours.
func (d day) Mark() string {
	return map[string]string{"failed": "✗", "running": "…", "done": "✓", "unknown": "?", "nothing": "·"}[d.Class()]
}

// Words says the same in words.
func (d day) Words() string {
	var parts []string
	for _, of := range []struct {
		n    int
		word string
	}{{d.Done, "done"}, {d.Failed, "failed"}, {d.Running, "running"}} {
		if of.n > 0 {
			parts = append(parts, counted(of.n, "backup")+" "+of.word)
		}
	}
	if len(parts) == 0 && !d.Known {
		parts = []string{"not read"}
	} else if len(parts) == 0 {
		parts = []string{"no backup"}
	}
	return d.Date + ": " + strings.Join(parts, ", ")
}

// volumesView is the page of volumes with their days.
type volumesView struct {
	Rows     []row    `json:"volumes"`
	Dates    []string `json:"dates"` // the oldest first
	Name     string   `json:"name,omitempty"`
	Next     string   `json:"next,omitempty"` // marker of the next page
	First    bool     `json:"first"`
	Read     int      `json:"backups_read"`
	Count    int      `json:"backups"`
	Problems []string `json:"problems"`
}

// Cut reports whether not all backups were read.
func (v *volumesView) Cut() bool { return v.Count > v.Read }

// Day returns the day of the month of a date.
func (v *volumesView) Day(date string) string { return strings.TrimPrefix(date[len(date)-2:], "0") }

// volumesAtOnce is how many volumes a page shows.
const volumesAtOnce = 50

func (q *request) volumes() (*volumesView, error) {
	s, err := q.scan()
	if err != nil {
		return nil, err
	}
	form := q.r.URL.Query()
	l := q.list(volumesAtOnce+1).with("marker", form.Get("marker")).with("sort", "created_at:desc")
	name := form.Get("name")
	found, err := q.listVolumes(l.with("name", name))
	if err != nil {
		return nil, err
	}
	v := &volumesView{Rows: []row{}, Name: name, First: form.Get("marker") == "", Read: len(s.Backups), Count: s.Count, Problems: s.Problems}
	if len(found) > volumesAtOnce {
		found = found[:volumesAtOnce]
		v.Next = found[len(found)-1].ID
	}
	for back := window - 1; back >= 0; back-- {
		v.Dates = append(v.Dates, s.At.UTC().AddDate(0, 0, -back).Format(time.DateOnly))
	}
	shown := &scan{At: s.At, Volumes: found, Backups: s.Backups, Until: s.Until}
	states, newest := shown.protectionOf()
	days := shown.days(v.Dates)
	for i := range found {
		id := found[i].ID
		v.Rows = append(v.Rows, row{Volume: found[i], State: states[id], Newest: newest[id], Days: days[id]})
	}
	return v, nil
}

// days returns for each volume what happened on the dates.
func (s *scan) days(dates []string) map[string][]day {
	at := map[string]int{}
	for i, date := range dates {
		at[date] = i
	}
	all := map[string][]day{}
	for i := range s.Volumes {
		days := make([]day, len(dates))
		for n, date := range dates {
			days[n] = day{Date: date, Known: s.Until.IsZero() || date > s.Until.UTC().Format(time.DateOnly)}
		}
		all[s.Volumes[i].ID] = days
	}
	for i := range s.Backups {
		b := &s.Backups[i]
		n, ok := at[b.CreatedAt.UTC().Format(time.DateOnly)]
		days := all[b.VolumeID]
		if !ok || days == nil {
			continue
		}
		switch b.Status {
		case "error":
			days[n].Failed++
		case "creating":
			days[n].Running++
		default:
			days[n].Done++
		}
	}
	return all
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return cmp.Or(number(n), "0") + " " + noun
}
