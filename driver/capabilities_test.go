package driver

import "testing"

func TestSatisfies(t *testing.T) {
	have := map[string]any{"name": "file", "fast": true, "n": "4"}
	for _, c := range []struct {
		key, wanted string
		fits        bool
	}{
		{"name", "file", true}, {"name", "nfs", false}, {"missing", "x", false}, {"capabilities:name", "file", true},
		{"capabilities:name", "nfs", false}, {"RESKEY:availability_zones", "mars", true},
		{"fast", "<is> True", true}, {"fast", "<is> False", false}, {"fast", "True", true},
		{"name", "<in> il", true}, {"name", "<or> nfs <or> file", true}, {"name", "<or> nfs <or> lvm", false},
		{"n", ">= 3", true}, {"n", "= 5", false}, {"n", "== 4", true}, {"n", "!= 4", false}, {"n", "<= x", false},
		{"name", "s== file", true}, {"name", "s!= file", false}, {"name", "s< zzz", true}, {"name", "nonsense file", false},
	} {
		if got := Satisfies(have, map[string]string{c.key: c.wanted}); got != c.fits {
			t.Errorf("%s %q: %v", c.key, c.wanted, got)
		}
	}
}
