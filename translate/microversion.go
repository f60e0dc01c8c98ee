package translate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cindergate/driver"
)

// Version is the API version of a request: 2.0, or 3.0 to 3.70.
type Version struct{ Major, Minor int }

// V2 and V3 are the versions of a request without a microversion header.
var (
	V2 = Version{Major: 2}
	V3 = Version{Major: 3}
)

// AtLeast reports whether the request is of microversion 3.minor or later. v2 has no
// microversions; AtLeast is false for it.
func (v Version) AtLeast(minor int) bool { return v.Major == 3 && v.Minor >= minor }

// V2 reports whether the request came by the v2 API.
func (v Version) V2() bool { return v.Major == 2 }

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// UnsupportedVersion is a well-formed microversion that is out of range. The answer is 406.
type UnsupportedVersion struct {
	Version string
	Highest int // the highest supported 3.x
}

func (e *UnsupportedVersion) Error() string {
	return fmt.Sprintf("Version %s is not supported by the API. Minimum is 3.0 and maximum is 3.%d.",
		e.Version, e.Highest)
}

var versionForm = regexp.MustCompile(`^([1-9]\d*)\.([1-9]\d*|0)$`)

// ParseVersion parses the header OpenStack-API-Version as set_api_version_request of
// cinder/api/openstack/wsgi.py does. values are the header's lines; without any, the
// version is 3.0. highest is the minor of the highest 3.x that is served.
func ParseVersion(values []string, highest int) (Version, error) {
	if len(values) == 0 {
		return V3, nil
	}
	text := ""
	for _, entry := range strings.Split(strings.Join(values, ","), ",") {
		if !strings.Contains(entry, "volume") {
			continue
		}
		fields := strings.Fields(entry)
		if len(fields) != 2 {
			return Version{}, driver.Errorf(driver.InvalidInput,
				"The header OpenStack-API-Version must be of the form: volume MajorNum.MinorNum.")
		}
		text = fields[1]
		break
	}
	switch text {
	case "":
		return Version{}, malformed()
	case "latest":
		return Version{3, highest}, nil
	}
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return Version{}, driver.Errorf(driver.InvalidInput,
			"API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", text)
	}
	major, err1 := strconv.Atoi(m[1])
	minor, err2 := strconv.Atoi(m[2])
	v := Version{major, minor}
	if err1 != nil || err2 != nil || major != 3 || minor > highest {
		return v, &UnsupportedVersion{text, highest}
	}
	return v, nil
}

// malformed returns the error of webob's HTTPBadRequest without an explanation.
func malformed() error {
	return driver.Errorf(driver.InvalidInput,
		"The server could not comply with the request since it is either malformed or otherwise incorrect.")
}

// tooOld returns the error for a call below the microversion that introduced it
// (VersionNotFoundForAPIMethod of cinder/exception.py).
func tooOld() error { return driver.Errorf(driver.NotFound, "The resource could not be found.") }
