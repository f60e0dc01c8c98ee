package verify

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// hidden stands for a secret in a report.
const hidden = "***"

// secrets replaces what nobody may read in a report: the tokens of the logins, in whatever way
// an answer repeats them, and the values of members and headers whose names say that they are
// secret.
type secrets struct {
	mu    sync.RWMutex
	known []string
}

// minSecret is the length below which a word is too common to be replaced everywhere.
const minSecret = 6

// add makes a word secret, in the forms in which it can appear.
func (s *secrets) add(word string) {
	if len(word) < minSecret {
		return
	}
	s.mu.RLock()
	seen := slices.Contains(s.known, word)
	s.mu.RUnlock()
	if seen {
		return
	}
	quoted, _ := json.Marshal(word)
	forms := []string{word, url.QueryEscape(word), url.PathEscape(word), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(word)), base64.URLEncoding.EncodeToString([]byte(word))}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range forms {
		if !slices.Contains(s.known, form) {
			s.known = append(s.known, form)
		}
	}
	// The longest first, for a word may be a part of another one.
	slices.SortFunc(s.known, func(a, b string) int { return len(b) - len(a) })
}

var (
	secretMember = regexp.MustCompile(`(?i)("[^"\\]*(?:password|passwd|adminpass|secret|token|auth_key|credential|connection_info|auth_password)[^"\\]*"\s*:\s*)("(?:[^"\\]|\\.)*"|\{[^{}]*\})`)
	secretHeader = regexp.MustCompile(`(?i)token|authorization|cookie|secret|password`)
	userInfo     = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^/\s"'@]+@`)
)

// hide replaces the secrets in a text.
func (s *secrets) hide(text string) string {
	s.mu.RLock()
	for _, word := range s.known {
		text = strings.ReplaceAll(text, word, hidden)
	}
	s.mu.RUnlock()
	text = userInfo.ReplaceAllString(text, "${1}"+hidden+"@")
	return secretMember.ReplaceAllString(text, `${1}"`+hidden+`"`)
}

func (s *secrets) hideHeader(h http.Header) http.Header {
	shown := http.Header{}
	for name, values := range h {
		for _, value := range values {
			if secretHeader.MatchString(name) {
				value = hidden
			}
			shown.Add(s.hide(name), s.hide(value))
		}
	}
	return shown
}
