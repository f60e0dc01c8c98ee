// Package transcript is requests with the answers that were recorded, as lines of JSON: it reads and
// checks them, says which ids they make, and compares an answer with the recorded one.
package transcript

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"cindergate/internal/redact"
)

// Exchange is a request and the answer that was recorded: a line of a transcript.
type Exchange struct {
	ID      string  `json:"-"` // file and line, such as g2#38
	Case    string  `json:"case"`
	Role    *string `json:"role"`              // whose token it has; nil: it has none, or a bad one
	Base    string  `json:"base,omitempty"`    // the URL of the recorded server, without version; "": not known
	Project string  `json:"project,omitempty"` // the id of the token's project; "": that of the path
	// Incomplete says that a part of the request was not recorded, because it may be secret; [Removed] may
	// stand in its place. It cannot be sent again.
	Incomplete bool    `json:"incomplete,omitempty"`
	Req        Request `json:"req"`
	Resp       Answer  `json:"resp"`
}

// Request is what was asked.
type Request struct {
	Method       string            `json:"method"`
	Path         string            `json:"path"` // with the query
	Microversion *string           `json:"microversion"`
	Body         *string           `json:"body"`
	Headers      map[string]string `json:"headers"`
}

// Answer is what was answered.
type Answer struct {
	Status  int         `json:"status"`
	Reason  string      `json:"reason"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	Size    int64       `json:"size,omitempty"` // of the body, in bytes; more than 0 without a body: it was not recorded
}

// Removed stands in the place of what is not recorded, because it may be secret.
const Removed = "(removed)"

// Rules say what of requests and answers is recorded. maxBody is the longest body that is, in bytes.
func Rules(maxBody int) redact.Rules {
	return redact.Rules{Hidden: Removed, MaxBody: maxBody, Strict: true}
}

// Repeated are the headers that a repeated request has.
var Repeated = []string{"Accept", "Content-Range", "Content-Type", "Openstack-Api-Version", "Range"}

// Header is the header of the repeated request, without a token.
func (r *Request) Header() http.Header {
	h := http.Header{}
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	if r.Microversion != nil {
		h.Set("OpenStack-API-Version", "volume "+*r.Microversion)
	}
	return h
}

// Reads reports whether the request changes nothing.
func (r *Request) Reads() bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// Thing is what an exchange made.
type Thing struct {
	Kind     string // the member that it is in the answer, such as backup
	Recorded string // its recorded id
	Here     string // its id at another server; "": not known
}

var (
	// recordedID is the form of ids that may stand for others: shorter words are too common to be replaced.
	recordedID = regexp.MustCompile(`^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$`)
	// ownID is the form of ids that may become a part of a path.
	ownID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
)

// anyID finds ids in texts.
var anyID = regexp.MustCompile(`(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}`)

// FindIDs returns the ids in a text.
func FindIDs(text string) []string { return anyID.FindAllString(text, -1) }

// IsID reports whether a text has the form of Cinder's ids, with or without dashes.
func IsID(text string) bool { return recordedID.MatchString(text) }

// Makes returns what the recorded exchange has made: {"backup": {"id": …}}, and the volume of a restore
// that names none.
func (x *Exchange) Makes() []Thing {
	if x.Req.Method != http.MethodPost || x.Resp.Status >= http.StatusMultipleChoices {
		return nil
	}
	var all []Thing
	for kind, id := range x.madeIn([]byte(x.Resp.Body)) {
		if IsID(id) {
			all = append(all, Thing{Kind: kind, Recorded: id})
		}
	}
	slices.SortFunc(all, func(a, b Thing) int { return strings.Compare(a.Kind, b.Kind) })
	return all
}

// Made returns what the exchange has made at another server that answered it with a status and a body.
func (x *Exchange) Made(status int, content []byte) []Thing {
	if status >= http.StatusMultipleChoices {
		return nil
	}
	here := x.madeIn(content)
	var all []Thing
	for _, t := range x.Makes() {
		if t.Here = here[t.Kind]; ownID.MatchString(t.Here) {
			all = append(all, t)
		}
	}
	return all
}

// madeIn returns the ids in an answer, by kind.
func (x *Exchange) madeIn(content []byte) map[string]string {
	var members map[string]struct {
		ID     string
		Volume string `json:"volume_id"`
	}
	if json.Unmarshal(content, &members) != nil {
		return nil
	}
	ids := map[string]string{}
	for root, m := range members {
		switch {
		case m.ID != "":
			ids[root] = m.ID
		case root == "restore" && m.Volume != "" && !x.namesTarget():
			ids["volume"] = m.Volume
		}
	}
	return ids
}

// namesTarget reports whether the request is a restore to a volume that it names.
func (x *Exchange) namesTarget() bool {
	var body struct{ Restore map[string]any }
	return x.Req.Body == nil || json.Unmarshal([]byte(*x.Req.Body), &body) != nil || body.Restore["volume_id"] != nil
}

// IDs maps recorded ids to those of another server.
type IDs map[string]string

// ToServer replaces recorded ids by those of the server.
func (m IDs) ToServer(text string) string {
	var pairs []string
	for _, recorded := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, recorded, m[recorded])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// FromServer replaces ids of the server by those that were recorded.
func (m IDs) FromServer(text string) string {
	var pairs []string
	for _, recorded := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, m[recorded], recorded)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
