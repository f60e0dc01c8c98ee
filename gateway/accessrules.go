package gateway

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// accessRule is what an application credential may do: requests with the method to paths
// that match, at services of the type.
type accessRule struct {
	Service string `json:"service"`
	Path    string `json:"path"`
	Method  string `json:"method"`
}

// allows tells whether the rule allows a request to a service of one of the types. As in
// keystonemiddleware (validate_allowed_request) types, method and path are compared as
// they are.
func (a accessRule) allows(r *http.Request, types []string) bool {
	return a.Method == r.Method && slices.Contains(types, a.Service) && pathMatches((&url.URL{Path: r.URL.Path}).EscapedPath(), a.Path)
}

// maxPattern is the longest path of a rule that is read, in bytes. Keystone keeps 128.
const maxPattern = 1024

// wildcards are the parts of a pattern that stand for something else.
var wildcards = regexp.MustCompile(`\*\*|\*|\{[^}]*\}`)

// pathMatches compares a path with a rule's: * and {name} are a segment, or a part of one,
// and ** is anything (_path_matches of keystonemiddleware).
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
