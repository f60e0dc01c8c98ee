package redact

import (
	"net/url"
	"regexp"
	"strings"
)

var (
	// echoed begins what errors of JSON schemas repeat of a body ("Invalid input for field/attribute x.
	// Value: y. …", cinder/api/validation/validators.py).
	echoed = regexp.MustCompile(`(?s)\bValue: .*`)
	// long is a word that is longer than an id of a request (40 characters), as tokens are. Errors repeat what
	// stood in the place of an id.
	long = regexp.MustCompile(`[A-Za-z0-9_.~%=+-]{41,}`)
	// address is a URL in a text.
	address = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>]+`)
)

// text hides in a text what errors repeat of a body, words that may be tokens, and the logins and queries of
// URLs.
func (u Rules) text(text string) string {
	text = echoed.ReplaceAllLiteralString(text, "Value: "+u.Hidden)
	text = long.ReplaceAllLiteralString(text, u.Hidden)
	return address.ReplaceAllStringFunc(text, func(found string) string {
		at, err := url.Parse(found)
		if err != nil {
			return u.Hidden
		}
		return u.URL(at)
	})
}

// URL returns a URL without its login, its fragment, and the values of its query and path that are not
// shown.
func (u Rules) URL(at *url.URL) string {
	shown := ""
	if at.Scheme != "" || at.Host != "" {
		shown = at.Scheme + "://" + at.Host
	}
	shown += u.Path(at.Path)
	if at.RawQuery != "" {
		shown += "?" + u.Query(at.Query())
	}
	return shown
}

// plain is a part of a path that is no secret: a word or an id. Tokens are longer.
var plain = regexp.MustCompile(`^(req-)?[A-Za-z0-9_.:-]{0,36}$`)

// Path returns a path in which parts are hidden that are neither words nor ids.
func (u Rules) Path(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if !plain.MatchString(part) {
			parts[i] = u.Hidden
		}
	}
	return strings.Join(parts, "/")
}
