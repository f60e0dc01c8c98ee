package replay

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"cindergate/internal/transcript"
	"cindergate/internal/verify"
)

// passing is what had a status that ends by itself when the transcript was recorded: what was made, changed
// or deleted, and not yet seen at rest. What was answered then may be answered otherwise here, only because
// the time is another one.
type passing struct {
	ids map[string]bool
	kin map[string][]string // what was made of what, both ways
}

func newPassing() *passing {
	return &passing{ids: map[string]bool{}, kin: map[string][]string{}}
}

// see notes what an exchange says of what passes.
func (p *passing) see(x *transcript.Exchange) {
	named := slices.DeleteFunc(idsOf(x), func(id string) bool { return id == projectOf(x) })
	if x.Req.Reads() {
		id := target(x.Req.Path)
		if status := statusIn(x.Resp.Body); isWhole(x.Req.Path) && (x.Resp.Status == http.StatusNotFound || status != "" && !verify.Passes(status)) {
			delete(p.ids, id)
		}
		return
	}
	if x.Resp.Status >= http.StatusMultipleChoices {
		return
	}
	for _, t := range x.Makes() {
		p.ids[t.Recorded] = true
		for _, id := range named {
			p.kin[id], p.kin[t.Recorded] = append(p.kin[id], t.Recorded), append(p.kin[t.Recorded], id)
		}
	}
	for _, id := range named {
		p.ids[id] = true
	}
}

// near reports whether a thing passes, what it was made of, what was made of it, or another one that was
// made of the same.
func (p *passing) near(id string) bool {
	for _, one := range append(p.kin[id], id) {
		if p.ids[one] || slices.ContainsFunc(p.kin[one], func(other string) bool { return p.ids[other] }) {
			return true
		}
	}
	return false
}

// refusal finds errors that are about a status (cinder/exception.py: InvalidBackup, InvalidVolume,
// InvalidSnapshot).
var refusal = regexp.MustCompile(`Invalid (?:backup|volume|snapshot): `)

// depends reports whether a request was refused because something passed, so that the refusal depends on time.
func (p *passing) depends(x *transcript.Exchange) bool {
	if x.Req.Reads() || x.Resp.Status != http.StatusBadRequest && x.Resp.Status != http.StatusConflict || !refusal.MatchString(x.Resp.Body) {
		return false
	}
	return slices.ContainsFunc(idsOf(x), func(id string) bool { return id != projectOf(x) && p.near(id) })
}

// statusAt finds the status of a thing.
var statusAt = regexp.MustCompile(`"status": ?"([a-z_-]+)"`)

// statusIn is the status in the answer of a thing; "": there is none.
func statusIn(body string) string {
	if m := statusAt.FindStringSubmatch(body); m != nil && strings.Count(body, `"status"`) == 1 {
		return m[1]
	}
	return ""
}
