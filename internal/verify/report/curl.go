package report

import (
	"net/http"
	"slices"
	"strings"

	"cindergate/internal/verify"
)

// tokens are the variables that a curl command takes the token from.
var tokens = map[verify.Who]string{verify.Tester: "$OS_TOKEN", verify.Second: "$OS_TOKEN_SECOND", verify.Boss: "$OS_TOKEN_ADMIN"}

// Curl is a command that repeats a request. The token comes from a variable.
func Curl(e *verify.Exchange) string {
	words := []string{"curl", "-i"}
	if e.Method != http.MethodGet {
		words = append(words, "-X", e.Method)
	}
	if v, ok := tokens[e.Who]; ok {
		words = append(words, "-H", `"X-Auth-Token: `+v+`"`)
	}
	names := make([]string, 0, len(e.Header))
	for name := range e.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range e.Header[name] {
			words = append(words, "-H", quote(name+": "+value))
		}
	}
	if e.Body != "" {
		words = append(words, "--data-raw", quote(e.Body))
	}
	return strings.Join(append(words, quote(e.URL)), " ")
}

// quote makes one word of a POSIX shell of a text.
func quote(text string) string { return "'" + strings.ReplaceAll(oneLine(text), "'", `'\''`) + "'" }
