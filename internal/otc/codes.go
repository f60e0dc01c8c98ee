package otc

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"cindergate/driver"
)

// codes maps a service's error codes, in lower case, to kinds.
type codes map[string]driver.Kind

// meaning are the codes of each kind: numbers and ranges, such as "0002-0007 0010".
type meaning map[driver.Kind]string

// of makes a table of codes that begin with prefix.
func (m meaning) of(prefix string) codes {
	table := codes{}
	for kind, numbers := range m {
		for _, code := range expand(prefix, numbers) {
			table[code] = kind
		}
	}
	return table
}

// expand returns codes in lower case, of numbers and ranges such as "0002-0007 0010".
func expand(prefix, numbers string) []string {
	var all []string
	for _, span := range strings.Fields(numbers) {
		first, last, isRange := strings.Cut(span, "-")
		if !isRange {
			last = first
		}
		from, _ := strconv.Atoi(first)
		to, _ := strconv.Atoi(last)
		for n := from; n <= to; n++ {
			all = append(all, strings.ToLower(fmt.Sprintf("%s.%04d", prefix, n)))
		}
	}
	return all
}

// and adds other codes to a table.
func (c codes) and(others ...codes) codes {
	all := maps.Clone(c)
	for _, o := range others {
		maps.Copy(all, o)
	}
	return all
}

// statuses says what a status means where the code does not; what is missing of 4xx is
// InvalidInput, of 5xx Internal.
var statuses = map[int]driver.Kind{
	http.StatusUnauthorized:          driver.Unauthorized,
	http.StatusForbidden:             driver.Forbidden,
	http.StatusNotFound:              driver.NotFound,
	http.StatusMethodNotAllowed:      driver.NotSupported,
	http.StatusRequestTimeout:        driver.Unavailable,
	http.StatusConflict:              driver.InvalidState, // Cinder answers 400
	http.StatusRequestEntityTooLarge: driver.OverLimit,
	http.StatusTooManyRequests:       driver.OverLimit,
	http.StatusNotImplemented:        driver.NotSupported,
	http.StatusBadGateway:            driver.Unavailable,
	http.StatusServiceUnavailable:    driver.Unavailable,
	http.StatusGatewayTimeout:        driver.Unavailable,
}

// noSuchURL is what the API gateway says, with 401, of an id that it cannot parse or
// that is gone. It is not about the token.
const noSuchURL = "Malformed request url"

// endedToken is what IAM says, with 403, of the request's token when that has ended.
const endedToken = "X-Auth-Token is invalid in the request" // #nosec G101 -- a message

// kind classifies an error answer.
func (c codes) kind(status int, f fault) driver.Kind {
	switch {
	case status == http.StatusUnauthorized && strings.EqualFold(f.message, noSuchURL):
		return driver.NotFound
	case status == http.StatusForbidden && strings.EqualFold(strings.TrimRight(f.message, "."), endedToken):
		return driver.Unauthorized
	}
	kind, known := c[strings.ToLower(f.code)]
	switch {
	case known && kind == driver.Unauthorized && status == http.StatusForbidden:
		return driver.Forbidden // a new token would not help
	case known:
		return kind
	}
	if kind, known := statuses[status]; known {
		return kind
	}
	if status >= 400 && status < 500 {
		return driver.InvalidInput
	}
	return driver.Internal
}

// isThrottle tells whether the code is the API gateway's for too many requests.
func isThrottle(code string) bool { return strings.EqualFold(code, "APIGW.0308") }
