package replay

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"cindergate/internal/transcript"
	"cindergate/internal/verify"
)

// maxBody is the longest answer that is compared, in bytes: the longest that is read.
const maxBody = 16 << 20

// rules hide in answers what a transcript hides, so that both sides can be compared, and no report has a
// secret in it.
var rules = transcript.Rules(maxBody)

// shown is a body as reports show it.
func shown(body []byte) string { return string(transcript.Rules(64 << 10).Body(body)) }

// shownHeader is a header as reports show it.
func shownHeader(h http.Header) http.Header {
	all := http.Header{}
	for name, value := range rules.Headers(h) {
		all.Set(name, value)
	}
	return all
}

// comparison compares one answer with the recorded one.
type comparison struct {
	*runner
	x     *transcript.Exchange
	asked []string // ids that the request names
	notes []string
}

func (c *comparison) note(text string) {
	if !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

// compare returns where an answer differs from the recorded one.
func (c *comparison) compare(sent *verify.Exchange, content []byte) []transcript.Difference {
	x := c.x
	wantBody, gotBody := parse([]byte(x.Resp.Body)), parse(content)
	if x.Req.Reads() {
		c.selectListed(wantBody, gotBody)
	}
	canon := transcript.Canon{Bases: c.bases(), Known: c.known, Short: true}
	want := canon.Answer(x.Resp.Status, c.header(recordedHeader(x)), rules.Body(marshal(wantBody)))
	got := canon.Answer(sent.Status, c.header(sent.Answer), rules.Body([]byte(c.ids.FromServer(string(marshal(gotBody))))))
	if len(x.Resp.Headers) == 0 {
		delete(want, "headers")
		delete(got, "headers")
		c.note("no header was recorded, and none is compared")
	}
	switch {
	case x.Req.Method == http.MethodHead:
		delete(want, "body")
		delete(got, "body")
	case c.isUnrecorded():
		delete(want, "body")
		delete(got, "body")
		c.note("the body was not recorded, and is not compared")
	}
	local(want["body"])
	local(got["body"])
	if x.Req.Reads() {
		if c.isGone(wantBody, sent.Status) {
			c.note("it was being deleted when this was recorded, and is gone now")
			return nil
		}
		c.ease(want["body"], got["body"])
	}
	differences := slices.DeleteFunc(transcript.Compare(want, got), func(d transcript.Difference) bool {
		return isHidden(d.Recorded, d.Here) || isHidden(d.Here, d.Recorded)
	})
	if len(differences) > 0 {
		c.hint()
	}
	return differences
}

// parse is a body of JSON as a value, and any other body as text.
func parse(body []byte) any {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return string(body)
	}
	return value
}

// marshal is a parsed body as it was.
func marshal(value any) []byte {
	if text, ok := value.(string); ok {
		return []byte(text)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil // it was JSON before
	}
	return text
}

func recordedHeader(x *transcript.Exchange) http.Header {
	h := http.Header{}
	for _, pair := range x.Resp.Headers {
		h.Add(pair[0], pair[1])
	}
	return h
}

// header is a header without what transcripts do not have. Only Cindergate has its own id of a request.
func (c *comparison) header(h http.Header) http.Header {
	all := http.Header{}
	for name, values := range shownHeader(h) {
		if values[0] != transcript.Removed && name != "X-Cindergate-Request-Id" {
			all.Set(name, c.ids.FromServer(values[0]))
		}
	}
	return all
}

func (c *comparison) bases() []string {
	if c.x.Base == "" {
		return []string{c.e.Base()}
	}
	return []string{c.e.Base(), c.x.Base}
}

// known reports whether an id must be the recorded one: of projects, of what the transcript made, and those
// that the request names.
func (c *comparison) known(id string) bool {
	if _, ok := c.ids[id]; ok {
		return true
	}
	return slices.Contains(c.asked, id)
}

// isUnrecorded reports whether the recorded answer had a body that is not in the transcript.
func (c *comparison) isUnrecorded() bool {
	body := c.x.Resp.Body
	return body == "" && c.x.Resp.Size > 0 || strings.HasPrefix(body, `"[`)
}

// isGone reports whether something that was being deleted when it was recorded has been deleted here.
func (c *comparison) isGone(recorded any, status int) bool {
	id := target(c.x.Req.Path)
	m := c.made[id]
	members, _ := recorded.(map[string]any)
	for _, v := range members {
		if thing, ok := v.(map[string]any); ok && thing["status"] == "deleting" {
			return m != nil && m.deleted && status == http.StatusNotFound && c.x.Resp.Status == http.StatusOK
		}
	}
	return false
}

// isHidden reports whether a value was removed where the other side has some value.
func isHidden(a, b any) bool { return a == transcript.Removed && b != nil && b != transcript.Absent{} }

// hint says what helps if the request is about something that the transcript did not make.
func (c *comparison) hint() {
	if id := target(c.x.Req.Path); transcript.IsID(id) {
		if _, ok := c.ids[id]; !ok {
			c.note("the transcript did not make " + id + "; --id " + id + "=ID says which one it is here")
		}
	}
}

// consumed is what errors of quotas say of other things of the project (cinder/exception.py:QuotaError).
var consumed = regexp.MustCompile(`\d+G has been consumed`)

// local replaces values that each installation has its own of.
func local(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			_, isText := inner.(string)
			_, isNumber := inner.(float64)
			switch {
			case isText && (name == "user_id" || strings.HasSuffix(name, "project_id") || strings.HasSuffix(name, "tenant_id")):
				v[name] = "{" + name + "}"
			case isText && name == "container": // some backup drivers make it of the id
				v[name] = "{container}"
			case isText && name == "message":
				v[name] = consumed.ReplaceAllString(inner.(string), "{usage} has been consumed")
			case isText && (name == "host" || strings.HasSuffix(name, ":host")):
				v[name] = "{host}"
			case isNumber && (name == "in_use" || name == "reserved"):
				v[name] = "{usage}"
			default:
				local(inner)
			}
		}
	case []any:
		for _, inner := range v {
			local(inner)
		}
	}
}

// ease makes equal what differs because a status passes: a thing that was recorded in a status that ends by
// itself only has to have the same members and ids, and no error.
func (c *comparison) ease(recorded, here any) {
	switch want := recorded.(type) {
	case map[string]any:
		got, ok := here.(map[string]any)
		if !ok {
			return
		}
		if was, is := want["has_dependent_backups"], got["has_dependent_backups"]; was != is && is != nil && c.passing.near(idOf(want)) {
			c.note("a backup of the same volume came or went when this was recorded: has_dependent_backups is not compared")
			got["has_dependent_backups"] = was
		}
		status, _ := want["status"].(string)
		now, _ := got["status"].(string)
		if verify.Passes(status) && now != "" && !strings.HasPrefix(now, "error") {
			c.note("a status that passes by itself was recorded: of that thing, the names of members and the ids are compared")
			for _, name := range slices.Collect(maps.Keys(want)) {
				if _, both := got[name]; both && !namesID(name) {
					want[name], got[name] = nil, nil
				}
			}
			for _, name := range []string{"volume_image_metadata", "encryption_key_id"} { // come with the data
				delete(want, name)
				delete(got, name)
			}
			return
		}
		for name, inner := range want {
			c.ease(inner, got[name])
		}
	case []any:
		if got, ok := here.([]any); ok && len(got) == len(want) {
			for i := range want {
				c.ease(want[i], got[i])
			}
		}
	}
}
