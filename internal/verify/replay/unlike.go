package replay

import (
	"net/http"
	"slices"

	"cindergate/internal/transcript"
)

// unlike is what is not here as it was when the transcript was recorded, because a request was not sent or
// failed: who asks for it would only find the same again.
type unlike struct {
	why    map[string]string   // by recorded id
	kin    map[string][]string // ids of what was made of a thing, by its recorded id
	seen   map[string]bool     // ids that requests and answers have named so far
	hidden string              // why there may be things of which no answer was recorded; "": there are none
}

func newUnlike() *unlike {
	return &unlike{why: map[string]string{}, kin: map[string][]string{}, seen: map[string]bool{}}
}

// see notes which ids an exchange names, and what it made of what.
func (u *unlike) see(x *transcript.Exchange) {
	named := idsOf(x)
	for _, t := range x.Makes() {
		for _, id := range named {
			u.kin[id] = append(u.kin[id], t.Recorded)
		}
	}
	for _, id := range append(named, transcript.FindIDs(x.Resp.Body)...) {
		u.seen[id] = true
	}
}

// block notes why all that an exchange would have made or changed is not as recorded: what it names, and what
// was made of that, such as the other backups of a volume, whose chain it would have continued.
func (u *unlike) block(x *transcript.Exchange, why string) {
	if x.Req.Reads() || x.Resp.Status >= http.StatusMultipleChoices {
		return
	}
	for _, t := range x.Makes() {
		u.why[t.Recorded] = why
	}
	for _, id := range idsOf(x) {
		if id == projectOf(x) {
			continue
		}
		for _, one := range append(u.kin[id], id) {
			u.why[one] = why
		}
	}
	if x.Resp.Body == "" && x.Resp.Size > 0 {
		u.hidden = why + ", whose answer was not recorded"
	}
}

// missing says why something is not as recorded that a request needs; "": nothing is. What the replay made
// can be deleted in any state.
func (r *runner) missing(x *transcript.Exchange) string {
	if r.deletes(x) != nil && x.Resp.Status < http.StatusMultipleChoices {
		return ""
	}
	for _, id := range idsOf(x) {
		if why := r.unlike.why[id]; why != "" {
			return why
		}
		if _, known := r.ids[id]; !known && !r.unlike.seen[id] && r.unlike.hidden != "" {
			r.unlike.why[id] = r.unlike.hidden
			return r.unlike.hidden
		}
	}
	return ""
}

// isUnlike reports whether something with a recorded id is not as recorded.
func (u *unlike) isUnlike(id string) bool { return u.why[id] != "" }

// idsOf returns the ids that a request names, in the path and the body.
func idsOf(x *transcript.Exchange) []string {
	text := x.Req.Path
	if x.Req.Body != nil {
		text += " " + *x.Req.Body
	}
	return slices.Compact(transcript.FindIDs(text))
}
