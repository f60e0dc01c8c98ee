package replay

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"cindergate/internal/transcript"
)

// collections are those whose things a replay may make and change.
var collections = []string{"backups", "snapshots", "volumes"}

var (
	// collectionPath is a path at which a POST only makes something.
	collectionPath = regexp.MustCompile(`^/v[123](?:/[^/?]+)?/(?:backups|snapshots|volumes)(?:\?|$)`)
	// thingPath is a path of one thing, or below it.
	thingPath = regexp.MustCompile(`^/v[123](?:/[^/?]+)?/(backups|snapshots|volumes)/([^/?]+)(/[^?]*)?(?:\?|$)`)
)

// target returns the id of the thing that a path is of; "": it is of none.
func target(path string) string {
	m := thingPath.FindStringSubmatch(path)
	if m == nil {
		return ""
	}
	return m[2]
}

// isWhole reports whether a path is that of a thing, and not of a part of it.
func isWhole(path string) bool {
	m := thingPath.FindStringSubmatch(path)
	return m != nil && m[3] == ""
}

// makes reports whether an exchange makes things that were not there before.
func makes(x *transcript.Exchange) bool {
	m := thingPath.FindStringSubmatch(x.Req.Path)
	return x.Req.Method == http.MethodPost && (collectionPath.MatchString(x.Req.Path) || m != nil && m[1] == "backups" && m[3] == "/restore")
}

// The reasons for which a request that changes something is not sent.
const (
	needsWrite    = "it changes something, which needs --write"
	needsExisting = "it may change what the replay has not made, which needs --write-existing"
)

// forbidden says why a request may not be sent; "": it may. Whoever replays a stranger's transcript must
// not lose data by it: each id in the path and in the body must be of something that the replay made, unless
// the request only makes something.
func (r *runner) forbidden(x *transcript.Exchange) string {
	switch {
	case x.Req.Reads():
		return ""
	case !r.o.Write && !r.o.WriteExisting:
		return needsWrite
	case r.o.WriteExisting:
		return ""
	case x.Req.Method == http.MethodPost && collectionPath.MatchString(x.Req.Path):
		return ""
	}
	if r.here[target(r.ids.ToServer(x.Req.Path))] == nil || x.Req.Body != nil && !r.ownBody(r.ids.ToServer(*x.Req.Body)) {
		return needsExisting
	}
	return ""
}

// ownBody reports whether a body names nothing but what the replay made.
func (r *runner) ownBody(body string) bool {
	var value any
	if json.Unmarshal([]byte(body), &value) != nil {
		value = body
	}
	return r.own("", value)
}

// own reports whether a value of a member names nothing but what the replay made.
func (r *runner) own(member string, value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if !r.own(name, inner) {
				return false
			}
		}
	case []any:
		for _, inner := range v {
			if !r.own(member, inner) {
				return false
			}
		}
	case string:
		if namesID(member) && v != "" && r.here[v] == nil {
			return false
		}
		for _, id := range transcript.FindIDs(v) {
			if r.here[id] == nil {
				return false
			}
		}
	}
	return true
}

// namesID reports whether the value of a member is an id.
func namesID(member string) bool {
	member = strings.ToLower(member)
	return member == "id" || strings.HasSuffix(member, "_id") || strings.HasSuffix(member, "uuid") || strings.HasSuffix(member, "volid")
}
