package transcript

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// notCompared are headers of the connection, not of the API.
var notCompared = []string{"Date", "Server", "Connection", "Content-Length", "Keep-Alive"}

// Canon replaces, in answers, what differs from run to run by its kind: the server, times, and ids that
// are not known.
type Canon struct {
	// Bases are the URLs of servers, which stand in links.
	Bases []string
	// Known reports whether an id must be the recorded one. Other ids only have to be ids.
	Known func(id string) bool
	// Short says that ids without dashes, such as those of users, are ids, too.
	Short bool
}

// Recorded is the recorded answer of an exchange, to be compared.
func (c Canon) Recorded(x *Exchange) map[string]any {
	h := http.Header{}
	for _, pair := range x.Resp.Headers {
		h.Add(pair[0], pair[1])
	}
	return c.Answer(x.Resp.Status, h, []byte(x.Resp.Body))
}

// Answer is an answer, to be compared: its members are status, headers and body.
func (c Canon) Answer(status int, header http.Header, body []byte) map[string]any {
	headers := map[string]any{}
	for name := range header {
		if !slices.Contains(notCompared, name) {
			headers[name] = c.text(header.Get(name))
		}
	}
	var content any
	if json.Unmarshal(body, &content) != nil {
		content = string(body)
	}
	return map[string]any{"status": status, "headers": headers, "body": c.Value(content)}
}

// Value replaces in a JSON value, which it changes.
func (c Canon) Value(v any) any {
	switch v := v.(type) {
	case string:
		return c.text(v)
	case []any:
		for i := range v {
			v[i] = c.Value(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = c.Value(v[key])
		}
		if n, ok := v["object_count"].(float64); ok && n > 0 {
			v["object_count"] = "{n}" // objects have their size by configuration
		}
	}
	return v
}

var (
	anyUUID  = regexp.MustCompile(`(req-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	anyShort = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	anyTime  = regexp.MustCompile(`\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?`)
	anyURI   = regexp.MustCompile(`uri="[^"]*"`)
)

// text replaces in a text. Times keep their layout.
func (c Canon) text(text string) string {
	text = anyURI.ReplaceAllString(text, `uri="{keystone}"`)
	for _, base := range c.Bases {
		text = strings.ReplaceAll(text, base, "{base}")
	}
	text = anyUUID.ReplaceAllStringFunc(text, func(id string) string {
		switch {
		case strings.HasPrefix(id, "req-"):
			return "{req}"
		case c.known(id):
			return id
		}
		return "{uuid}"
	})
	if c.Short {
		text = anyShort.ReplaceAllStringFunc(text, func(id string) string {
			if c.known(id) {
				return id
			}
			return "{id}"
		})
	}
	return anyTime.ReplaceAllStringFunc(text, func(at string) string {
		return fmt.Sprintf("{time %c .%d}", at[10], max(len(at)-20, 0))
	})
}

func (c Canon) known(id string) bool { return c.Known != nil && c.Known(id) }
