package otc

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"cindergate/driver"
)

// codes maps a service's error codes, in lower case, to driver kinds.
type codes map[string]driver.Kind

// meaning lists the codes of each kind as numbers and ranges, such as "0002-0007 0010".
type meaning map[driver.Kind]string

// of returns a table of the codes, each with prefix.
func (m meaning) of(prefix string) codes {
	table := codes{}
	for kind, numbers := range m {
		for _, code := range expand(prefix, numbers) {
			table[code] = kind
		}
	}
	return table
}

// expand returns the codes of numbers and ranges such as "0002-0007 0010", in lower case.
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

// and returns a copy of the table with the other tables' codes added.
func (c codes) and(others ...codes) codes {
	all := maps.Clone(c)
	for _, o := range others {
		maps.Copy(all, o)
	}
	return all
}

// statuses maps a status to a kind where the code is unknown. Any other 4xx is
// InvalidInput, any other 5xx Internal.
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

// noSuchURL is the API gateway's message, with 401, for an id that is malformed or no
// longer exists. The token is valid in this case.
const noSuchURL = "Malformed request url"

// endedToken is IAM's message, with 403, for an expired token of the request.
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

// isThrottle reports whether code is the API gateway's for too many requests.
func isThrottle(code string) bool { return strings.EqualFold(code, "APIGW.0308") }
