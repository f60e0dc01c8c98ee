package transcript

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Bounds of a transcript that somebody else has written.
const (
	MaxFile      = 64 << 20 // bytes
	MaxLine      = 1 << 20  // bytes
	MaxExchanges = 10_000
	maxProblems  = 20   // that an error names
	maxPath      = 8192 // bytes
	maxWord      = 1024 // bytes of a case, a header, a role
	maxHeaders   = 100  // of an answer
)

// Read reads a transcript that somebody else may have written, and checks each line of it. An error names
// the file, the line, the field and the rule, of each line that breaks one.
func Read(name string, r io.Reader) ([]Exchange, error) {
	in := &io.LimitedReader{R: r, N: MaxFile + 1}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, MaxLine)
	var all []Exchange
	var problems []error
	n := 0
	for lines.Scan() {
		n++
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		x := Exchange{ID: fmt.Sprintf("%s:%d", name, n)}
		err := decode(lines.Bytes(), &x)
		if err == nil {
			err = x.check()
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", x.ID, err))
		}
		if all = append(all, x); len(all) > MaxExchanges {
			return nil, fmt.Errorf("%s: it must have at most %d exchanges", name, MaxExchanges)
		}
	}
	switch err := lines.Err(); {
	case in.N <= 0:
		return nil, fmt.Errorf("%s: it must have at most %d bytes", name, MaxFile)
	case errors.Is(err, bufio.ErrTooLong):
		problems = append(problems, fmt.Errorf("%s:%d: a line must have less than %d bytes", name, n+1, MaxLine))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(all) == 0:
		return nil, fmt.Errorf("%s: it has no exchange", name)
	}
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], fmt.Errorf("%s: %d more lines are wrong", name, more))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return all, nil
}

// decode reads a line. Members that are not known are of other versions.
func decode(line []byte, x *Exchange) error {
	err := json.Unmarshal(line, x)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%s: it must not be a JSON %s", kind.Field, kind.Value)
	case err != nil:
		return fmt.Errorf("it must be a JSON object: %w", err)
	}
	return nil
}

// methods are those of the Block Storage API.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// check returns an error that names the field and its rule.
func (x *Exchange) check() error {
	if !slices.Contains(methods, x.Req.Method) {
		return fmt.Errorf("req.method: it must be one of %s", strings.Join(methods, ", "))
	}
	if problem := problemOfPath(x.Req.Path); problem != "" {
		return errors.New("req.path: " + problem)
	}
	if x.Resp.Status < 200 || x.Resp.Status > 599 {
		return errors.New("resp.status: it must be a number from 200 to 599")
	}
	if len(x.Resp.Headers) > maxHeaders {
		return fmt.Errorf("resp.headers: there must be at most %d", maxHeaders)
	}
	for name, value := range x.Req.Headers {
		if !slices.Contains(Repeated, textproto.CanonicalMIMEHeaderKey(name)) {
			return fmt.Errorf("req.headers: only these are repeated: %s", strings.Join(Repeated, ", "))
		}
		if !isWord(value) {
			return fmt.Errorf("req.headers: %s must be at most %d printable letters of ASCII", textproto.CanonicalMIMEHeaderKey(name), maxWord)
		}
	}
	for field, value := range map[string]*string{"role": x.Role, "project": &x.Project, "req.microversion": x.Req.Microversion} {
		if value != nil && !isWord(*value) {
			return fmt.Errorf("%s: it must be at most %d printable letters of ASCII", field, maxWord)
		}
	}
	if base, err := url.Parse(x.Base); x.Base != "" && (err != nil || base.Host == "" || !isWord(x.Base)) {
		return errors.New("base: it must be a URL")
	}
	if len(x.Case) > maxWord {
		return fmt.Errorf("case: it must have at most %d bytes", maxWord)
	}
	return nil
}

// problemOfPath returns which rule a path breaks; "": none. A path must lead where it seems to lead, whoever
// cleans it up on the way.
func problemOfPath(text string) string {
	at, err := url.ParseRequestURI(text)
	switch {
	case !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || err != nil:
		return "it must be an absolute path that names no host, such as /v3/PROJECT/backups"
	case len(text) > maxPath:
		return fmt.Sprintf("it must have at most %d bytes", maxPath)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`\#`, c) }):
		return `it must have no spaces, no \, no # and only letters of ASCII`
	case at.EscapedPath() != at.Path || strings.Contains(at.EscapedPath(), "%"):
		return "it must have no % before the query"
	case path.Clean(at.Path) != at.Path && path.Clean(at.Path)+"/" != at.Path:
		return "it must have no //, and no parts . and .."
	}
	return ""
}

// isWord reports whether a text can stand in a header.
func isWord(text string) bool {
	return len(text) <= maxWord && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c >= 0x7f })
}
