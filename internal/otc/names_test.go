package otc

import (
	"strings"
	"testing"

	"cindergate/driver"
)

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "backup-1_B", strings.Repeat("x", 64), "aut", "my-auto"} {
		if err := CheckName(name, true); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "a b", "a.b", "größe", strings.Repeat("x", 65), "a\n"} {
		wantError(t, CheckName(name, true), driver.InvalidInput, "field name: this backend takes 1 to 64 of the characters 0-9, A-Z, a-z, _ and -.")
	}
	for _, name := range []string{"auto", "AUTObk", "auto1"} {
		wantError(t, CheckName(name, true), driver.InvalidInput, "begins with auto")
		if err := CheckName(name, false); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDescriptions(t *testing.T) {
	for _, d := range []string{"", "any text, ümlauts too", strings.Repeat("ü", 64)} {
		if err := CheckDescription(d, 64, true); err != nil {
			t.Errorf("%q: %v", d, err)
		}
	}
	wantError(t, CheckDescription(strings.Repeat("x", 65), 64, true), driver.InvalidInput, "field description: this backend takes at most 64 characters")
	for _, d := range []string{"<", "a>b"} {
		wantError(t, CheckDescription(d, 64, true), driver.InvalidInput, "field description: this backend takes no < and >")
	}
}
