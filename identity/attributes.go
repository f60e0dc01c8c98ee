package identity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxExtra is the largest sum of members that are stored for clients only, for each
// resource, in bytes of JSON.
const maxExtra = 8 << 10

// attributes are the members of a new or changed resource. Each call removes one and
// checks it. The first problem is kept. What remains at the end is stored as extra.
type attributes struct {
	members map[string]any
	err     error
}

// readAttributes reads {kind: {…}}; id is that of the path, or "".
func readAttributes(w http.ResponseWriter, r *http.Request, kind, id string) *attributes {
	var body map[string]any
	if !readJSON(w, r, &body) {
		return nil
	}
	members, ok := body[kind].(map[string]any)
	a := &attributes{members: members}
	if !ok {
		fail(w, http.StatusBadRequest, fmt.Sprintf("%q is a required property, an object", kind))
		return nil
	}
	if given, ok := a.members["id"]; ok && given != id {
		a.refuse(http.StatusBadRequest, "Cannot change %s ID", kind)
	}
	for _, ours := range []string{"id", "links", "options", "password_expires_at"} {
		delete(a.members, ours)
	}
	return a
}

func (a *attributes) refuse(status int, format string, args ...any) {
	if a.err == nil {
		a.err = refused(status, fmt.Sprintf(format, args...))
	}
}

// invalid notes that a member breaks a rule.
func (a *attributes) invalid(name, rule string) {
	a.refuse(http.StatusBadRequest, "Invalid input for field '%s': %s", name, rule)
}

// take removes a member.
func (a *attributes) take(name string) (value any, given bool) {
	value, given = a.members[name]
	delete(a.members, name)
	return value, given
}

// name sets into to a name of 1 to length characters, if it is given.
func (a *attributes) name(into *string, length int) {
	value, given := a.take("name")
	text, ok := value.(string)
	switch {
	case !given:
	case !ok || strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > length:
		a.invalid("name", fmt.Sprintf("it is not a text of 1 to %d characters that are not all blank", length))
	default:
		*into = text
	}
}

// text sets into to a text, null being "", if it is given.
func (a *attributes) text(name string, into *string, length int) {
	value, given := a.take(name)
	text, ok := value.(string)
	switch {
	case !given:
	case !ok && value != nil || utf8.RuneCountInString(text) > length:
		a.invalid(name, fmt.Sprintf("it is not a text of at most %d characters", length))
	default:
		*into = text
	}
}

func (a *attributes) flag(name string, into *bool) {
	value, given := a.take(name)
	flag, ok := value.(bool)
	switch {
	case !given:
	case !ok:
		a.invalid(name, "it is neither true nor false")
	default:
		*into = flag
	}
}

// Bounds of tags (keystone/resource/schema.py).
const (
	maxTags      = 80
	maxTagLength = 255
)

func (a *attributes) tags(into *[]string) {
	value, given := a.take("tags")
	if !given {
		return
	}
	list, ok := value.([]any)
	tags := []string{}
	seen := map[string]bool{}
	for _, each := range list {
		tag, isText := each.(string)
		if !isText || tag == "" || utf8.RuneCountInString(tag) > maxTagLength || strings.ContainsAny(tag, ",/") || seen[tag] {
			ok = false
		}
		seen[tag] = true
		tags = append(tags, tag)
	}
	if !ok || len(tags) > maxTags {
		a.invalid("tags", "it is not a list of at most 80 different texts of 1 to 255 characters without , and /")
		return
	}
	*into = tags
}

// inDefaultDomain takes domain_id, which can only be the default one.
func (a *attributes) inDefaultDomain() {
	if value, _ := a.take("domain_id"); value != nil && value != DefaultDomain {
		a.refuse(http.StatusNotFound, "Could not find domain: %v.", value)
	}
}

// merge makes what is left part of extra.
func (a *attributes) merge(extra map[string]any) map[string]any {
	merged := map[string]any{}
	for _, members := range []map[string]any{extra, a.members} {
		for name, value := range members {
			merged[name] = value
		}
	}
	if text, err := json.Marshal(merged); err != nil || len(text) > maxExtra {
		a.refuse(http.StatusBadRequest, "Members that Keystone does not define have more than %d bytes.", maxExtra)
	}
	return merged
}
