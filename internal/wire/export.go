package wire

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"cindergate/internal/har"
	"cindergate/internal/transcript"
)

// URL is the whole URL of the request, as far as it is recorded.
func (x *Exchange) URL() string {
	if x.Query == "" {
		return x.Base + x.Path
	}
	return x.Base + x.Path + "?" + x.Query
}

// Complete reports whether nothing was removed that a request needs to be repeated, but for its token.
func (x *Exchange) Complete() bool {
	body := x.Body == nil && (x.Request["Content-Length"] == "" || x.Request["Content-Length"] == "0")
	return (body || x.Body != nil && !strings.Contains(string(x.Body), transcript.Removed) && x.Body[0] != '"') &&
		!strings.Contains(x.Path, transcript.Removed) && !strings.Contains(x.Query, "removed")
}

// repeatable reports whether a replay can send the request. Values of users' own metadata may be other ones,
// for they are not recorded in answers either, unless the request was refused: it may be because of them.
func (x *Exchange) repeatable() bool {
	without := *x
	var body any
	if x.Status < http.StatusBadRequest && json.Unmarshal(x.Body, &body) == nil {
		dropMetadata(body)
		without.Body, _ = json.Marshal(body) // it was JSON before
	}
	return without.Complete()
}

func dropMetadata(value any) {
	switch v := value.(type) {
	case map[string]any:
		delete(v, "metadata")
		for _, inner := range v {
			dropMetadata(inner)
		}
	case []any:
		for _, inner := range v {
			dropMetadata(inner)
		}
	}
}

// Curl is a command that repeats the request. The token comes from the variable OS_TOKEN.
func (x *Exchange) Curl() string {
	words := []string{"curl", "-i"}
	switch x.Method {
	case http.MethodGet:
	case http.MethodHead:
		words = append(words, "-I")
	default:
		words = append(words, "-X", quote(x.Method))
	}
	if x.Request["X-Auth-Token"] != "" {
		words = append(words, "-H", `"X-Auth-Token: $OS_TOKEN"`)
	}
	for _, name := range transcript.Repeated {
		if value := x.Request[name]; value != "" {
			words = append(words, "-H", quote(name+": "+value))
		}
	}
	if x.Body != nil {
		words = append(words, "--data-raw", quote(string(x.Body)))
	}
	command := strings.Join(append(words, quote(x.URL())), " ") + "\n"
	if !x.Complete() {
		command = "# Parts that may be secret were not recorded: put them in the place of " + transcript.Removed + ".\n" + command
	}
	return command
}

// quote makes one word of a POSIX shell, on one line, of a text.
func quote(text string) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, text)
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// HAR writes exchanges as an HTTP Archive.
func HAR(w io.Writer, all []*Exchange) error {
	entries := make([]har.Entry, 0, len(all))
	for _, x := range all {
		entries = append(entries, har.Entry{
			Method: x.Method, URL: x.URL(), Request: headerOf(x.Request), Answer: headerOf(x.Answer), Body: string(x.Body), AnswerBody: string(x.AnswerBody),
			Status: x.Status, Reason: http.StatusText(x.Status), Size: int(x.AnswerSize), Began: x.At, Took: x.Took, Comment: strings.TrimSpace(x.ID + " " + x.Operation),
		})
	}
	return har.Write(w, "cindergate", "Secrets were removed when the requests were recorded.", entries)
}

func headerOf(shown map[string]string) http.Header {
	h := http.Header{}
	for name, value := range shown {
		h.Set(name, value)
	}
	return h
}

// Transcript writes exchanges, the oldest first, as cindergate verify replay reads them: one object of JSON
// a line. Those of the identity service are left out: they are nothing but secrets.
func Transcript(w io.Writer, all []*Exchange) error {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b *Exchange) int { return int(int64(a.Seq) - int64(b.Seq)) }) // #nosec G115 -- counts requests
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for _, x := range all {
		if isIdentity(x.Path) {
			continue
		}
		if err := out.Encode(x.line()); err != nil {
			return err
		}
	}
	return nil
}

func (x *Exchange) line() *transcript.Exchange {
	l := &transcript.Exchange{Case: strings.TrimSpace(x.Operation + " " + x.ID), Base: x.Base, Project: x.ProjectID}
	if x.Role != "" {
		l.Role = &x.Role
	}
	l.Req.Method, l.Req.Path, l.Req.Headers = x.Method, x.URL()[len(x.Base):], map[string]string{}
	if version, ok := strings.CutPrefix(x.Request["Openstack-Api-Version"], "volume "); ok {
		l.Req.Microversion = &version
	}
	l.Incomplete = !x.repeatable()
	if x.Body != nil && x.Body[0] != '"' {
		body := string(x.Body)
		l.Req.Body = &body
	}
	for _, name := range transcript.Repeated {
		if value := x.Request[name]; value != "" {
			l.Req.Headers[name] = value
		}
	}
	l.Resp.Status, l.Resp.Reason, l.Resp.Body, l.Resp.Size = x.Status, http.StatusText(x.Status), string(x.AnswerBody), x.AnswerSize
	for _, name := range slices.Sorted(maps.Keys(x.Answer)) {
		if x.Answer[name] != transcript.Removed {
			l.Resp.Headers = append(l.Resp.Headers, [2]string{name, x.Answer[name]})
		}
	}
	return l
}
