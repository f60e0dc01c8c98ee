// Package wire records the last requests of clients, what the gateway made of them, and the requests to
// clouds and stores that it sent for them, for an admin to look at. What is recorded has no secrets: they
// are removed when an exchange is recorded (package redact), and not when it is shown.
package wire

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"cindergate/internal/transcript"
	"cindergate/translate"
)

// Exchange is a request of a client and its answer. It does not change once it is recorded.
type Exchange struct {
	Seq         uint64            `json:"seq"`
	ID          string            `json:"id"` // of the request, which the client got
	At          time.Time         `json:"at"` // when it arrived
	Method      string            `json:"method"`
	Base        string            `json:"base"` // the gateway's URL for this client
	Path        string            `json:"path"` // as routes see it
	Query       string            `json:"query,omitempty"`
	Route       string            `json:"route"`
	Operation   string            `json:"operation,omitempty"` // of package translate
	Forwarded   bool              `json:"forwarded,omitempty"` // to the backend, as it is
	Backend     string            `json:"backend,omitempty"`
	ProjectID   string            `json:"project_id,omitempty"`
	UserID      string            `json:"user_id,omitempty"`
	Role        string            `json:"role,omitempty"`
	Status      int               `json:"status"` // 499: the client left
	Took        time.Duration     `json:"took_ns"`
	Request     map[string]string `json:"request_headers"`
	Body        json.RawMessage   `json:"request_body,omitempty"`
	Answer      map[string]string `json:"answer_headers"`
	AnswerBody  json.RawMessage   `json:"answer_body,omitempty"`
	AnswerSize  int64             `json:"answer_size"`       // bytes that were sent, of any kind
	Why         *Why              `json:"why,omitempty"`     // the status is an error
	Upstream    []Upstream        `json:"upstream"`          // in the order in which they ended
	UpstreamCut int               `json:"upstream_left_out"` // so many more were sent
}

// Why is why a status is an error.
type Why struct {
	Kind   string `json:"kind"`   // as drivers classify it, such as InvalidState
	Status int    `json:"status"` // of that kind
	Name   string `json:"name,omitempty"`
	Source string `json:"source,omitempty"` // where Cinder has that status
}

func whyOf(r *translate.Reason) *Why {
	if r == nil {
		return nil
	}
	return &Why{r.Kind, r.Status, r.Name, r.Source}
}

// Upstream is a request that the gateway sent for a client: one try, if it was sent again.
type Upstream struct {
	After     time.Duration `json:"after_ns"` // the client's request arrived
	Took      time.Duration `json:"took_ns"`  // until the head of the answer
	Method    string        `json:"method"`
	URL       string        `json:"url"`
	Status    int           `json:"status"` // 0: there was no answer
	RequestID string        `json:"request_id,omitempty"`
	Problem   string        `json:"problem,omitempty"` // why there was no answer
}

// maxBody is the longest body that is recorded, in bytes.
const maxBody = 64 << 10

var rules = transcript.Rules(maxBody)

// recorded reports whether requests of a path are recorded: those of the Block Storage API, of VBS's, and of
// the built-in identity service. Probes and the console's own pages are not.
func recorded(path string) bool {
	rest, ok := strings.CutPrefix(path, "/v")
	return ok && rest != "" && rest[0] >= '1' && rest[0] <= '3' || isIdentity(path)
}

func isIdentity(path string) bool {
	return path == "/identity" || strings.HasPrefix(path, "/identity/")
}

// secretRoutes are parts of paths whose bodies are not recorded at all: they carry keys, or records of
// backups, which hold the names of objects.
var secretRoutes = []string{"export_record", "import_record", "os-volume-transfer", "volume-transfers", "data"}

// hasSecretBody reports whether bodies of a path are not recorded: everything of the identity service, and
// secretRoutes.
func hasSecretBody(path string) bool {
	if isIdentity(path) {
		return true
	}
	for part := range strings.SplitSeq(path, "/") {
		for _, secret := range secretRoutes {
			if part == secret {
				return true
			}
		}
	}
	return false
}

// isJSON reports whether a body is one that is recorded.
func isJSON(h http.Header) bool {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return media == "application/json" || media == "application/vnd.openstack.volume+json"
}

// size is about how many bytes of memory the exchange takes.
func (x *Exchange) size() int {
	n := 512 + len(x.Method) + len(x.Base) + len(x.Path) + len(x.Query) + len(x.Body) + len(x.AnswerBody)
	for _, headers := range []map[string]string{x.Request, x.Answer} {
		for name, value := range headers {
			n += 64 + len(name) + len(value)
		}
	}
	for i := range x.Upstream {
		n += 128 + len(x.Upstream[i].URL) + len(x.Upstream[i].RequestID) + len(x.Upstream[i].Problem)
	}
	return n
}
