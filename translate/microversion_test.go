package translate

import (
	"testing"

	"cindergate/driver"
)

const (
	notWellFormed = "The server could not comply with the request since it is either malformed or otherwise incorrect."
	badForm       = "The header OpenStack-API-Version must be of the form: volume MajorNum.MinorNum."
)

func TestParseVersion(t *testing.T) {
	for _, c := range []struct {
		header string
		want   Version
	}{
		{"volume 3.0", V3},
		{"volume 3.64", Version{3, 64}},
		{"volume 3.70", newest},
		{"volume latest", newest},
		{"compute 2.1,volume 3.64", Version{3, 64}},
		{"volume 3.9, compute 2.1", Version{3, 9}},
		{"volumev3 3.47", Version{3, 47}}, // old gophercloud
		{"  volume   3.9 ", Version{3, 9}},
	} {
		if got, err := ParseVersion([]string{c.header}, driver.MaxMicroversion); err != nil || got != c.want {
			t.Errorf("%q: got %v, %v", c.header, got, err)
		}
	}
	if got, err := ParseVersion(nil, driver.MaxMicroversion); err != nil || got != V3 {
		t.Errorf("no header: got %v, %v", got, err)
	}
	if got, err := ParseVersion([]string{"compute 2.1", "volume 3.9"}, driver.MaxMicroversion); err != nil || got != (Version{3, 9}) {
		t.Errorf("two lines: got %v, %v", got, err)
	}
}

func TestParseVersionRefused(t *testing.T) {
	unsupported := func(v string) string {
		return "Version " + v + " is not supported by the API. Minimum is 3.0 and maximum is 3.70."
	}
	invalid := func(v string) string {
		return "API Version String " + v + " is of invalid format. Must be of format MajorNum.MinorNum."
	}
	for _, c := range []struct {
		header  string
		status  int
		message string
	}{
		{"volume 3", 400, invalid("3")},
		{"volume 3.01", 400, invalid("3.01")},
		{"volume abc", 400, invalid("abc")},
		{"volume 3.9.1", 400, invalid("3.9.1")},
		{"volume -1.0", 400, invalid("-1.0")},
		{"volume", 400, badForm},
		{"volume 3.9 x", 400, badForm},
		{"compute 2.1", 400, notWellFormed},
		{"block-storage 3.9", 400, notWellFormed},
		{"3.9", 400, notWellFormed},
		{"Volume 3.9", 400, notWellFormed},
		{"", 400, notWellFormed},
		{"volume 3.71", 406, unsupported("3.71")},
		{"volume 3.999", 406, unsupported("3.999")},
		{"volume 2.0", 406, unsupported("2.0")},
		{"volume 4.0", 406, unsupported("4.0")},
		{"volume 3.99999999999999999999", 406, unsupported("3.99999999999999999999")},
	} {
		_, err := ParseVersion([]string{c.header}, driver.MaxMicroversion)
		if f := FaultOf(err); err == nil || f.Status != c.status || f.Message != c.message {
			t.Errorf("%q: got %d %s", c.header, f.Status, f.Message)
		}
	}
}

func TestV2IsBelowEveryMicroversionButTheFirst(t *testing.T) {
	for minor := range driver.MaxMicroversion + 1 {
		if V2.AtLeast(minor) {
			t.Errorf("2.0 is at least 3.%d", minor)
		}
		if !(Version{3, minor}).AtLeast(minor) || (Version{3, minor}).AtLeast(minor+1) {
			t.Errorf("3.%d is out of order", minor)
		}
	}
}
