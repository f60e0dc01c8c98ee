package gateway

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// accessRule is an access rule of an application credential. It allows requests with its
// method, to paths that match its pattern, at services of its type.
type accessRule struct {
	Service string `json:"service"`
	Path    string `json:"path"`
	Method  string `json:"method"`
}

// allows reports whether the rule allows a request to a service of one of the types. It
// compares types, method and path exactly, as keystonemiddleware does
// (validate_allowed_request).
func (a accessRule) allows(r *http.Request, types []string) bool {
	return a.Method == r.Method && slices.Contains(types, a.Service) && pathMatches((&url.URL{Path: r.URL.Path}).EscapedPath(), a.Path)
}

// maxPattern is the longest path of a rule that is read, in bytes. Keystone stores at most
// 128.
const maxPattern = 1024

// wildcards matches the parts of a pattern that are not literal.
var wildcards = regexp.MustCompile(`\*\*|\*|\{[^}]*\}`)

// pathMatches reports whether a path matches the path of a rule. * and {name} match a
// segment or a part of one; ** matches anything (_path_matches of keystonemiddleware).
func pathMatches(path, pattern string) bool {
	if len(pattern) > maxPattern {
		return false
	}
	var re strings.Builder
	re.WriteString(`\A`)
	end := 0
	for _, at := range wildcards.FindAllStringIndex(pattern, -1) {
		re.WriteString(regexp.QuoteMeta(pattern[end:at[0]]))
		if pattern[at[0]:at[1]] == "**" {
			re.WriteString(`.*`)
		} else {
			re.WriteString(`[^/]+`)
		}
		end = at[1]
	}
	re.WriteString(regexp.QuoteMeta(pattern[end:]) + `\z`)
	compiled, err := regexp.Compile(re.String())
	return err == nil && compiled.MatchString(path)
}
