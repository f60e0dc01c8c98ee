// Package har writes requests and answers as an HTTP Archive 1.2, which browsers and proxies for debugging
// read (http://www.softwareishard.com/blog/har-12-spec/).
package har

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Entry is a request and its answer.
type Entry struct {
	Method, URL      string
	Request, Answer  http.Header
	Body, AnswerBody string
	Status           int
	Reason           string // of the status
	Size             int    // of the answer's body, in bytes; -1: not known
	Began            time.Time
	Took             time.Duration
	Comment          string
}

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type body struct {
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
}

// Write writes an archive of entries, the oldest first. creator is the program that has recorded them.
func Write(w io.Writer, creator, comment string, entries []Entry) error {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Began.Compare(b.Began) })
	shown := make([]map[string]any, 0, len(entries))
	for i := range entries {
		shown = append(shown, entries[i].form())
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(map[string]any{"log": map[string]any{
		"version": "1.2", "creator": map[string]string{"name": creator, "version": "1"}, "entries": shown, "comment": comment,
	}})
}

func (e *Entry) form() map[string]any {
	request := map[string]any{"method": e.Method, "url": e.URL, "httpVersion": "HTTP/1.1", "cookies": []any{}, "headers": pairs(e.Request),
		"queryString": query(e.URL), "headersSize": -1, "bodySize": len(e.Body)}
	if e.Body != "" {
		request["postData"] = body{e.Request.Get("Content-Type"), e.Body}
	}
	ms := float64(e.Took.Microseconds()) / 1000
	return map[string]any{
		"startedDateTime": e.Began.UTC().Format(time.RFC3339Nano), "time": ms, "request": request, "cache": map[string]any{}, "comment": e.Comment,
		"timings": map[string]any{"send": 0, "wait": ms, "receive": 0},
		"response": map[string]any{"status": e.Status, "statusText": e.Reason, "httpVersion": "HTTP/1.1", "cookies": []any{}, "headers": pairs(e.Answer),
			"redirectURL": e.Answer.Get("Location"), "headersSize": -1, "bodySize": e.Size,
			"content": map[string]any{"size": max(e.Size, 0), "mimeType": e.Answer.Get("Content-Type"), "text": e.AnswerBody}},
	}
}

func pairs(h http.Header) []pair {
	all := []pair{}
	for name, values := range h {
		for _, v := range values {
			all = append(all, pair{name, v})
		}
	}
	slices.SortFunc(all, func(a, b pair) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
	return all
}

func query(address string) []pair {
	u, err := url.Parse(address)
	if err != nil {
		return []pair{}
	}
	return pairs(http.Header(u.Query()))
}
