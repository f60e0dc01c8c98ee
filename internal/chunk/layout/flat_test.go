package layout

import (
	"strings"
	"testing"
)

// The names are those that a real cinder-backup 21.3.1 wrote to Swift.
func TestFlatNames(t *testing.T) {
	const want = "volume_aaaaaaaa-2222-4333-8444-555555555555/20261121170059/az_nova_backup_bbbbcccc-2222-4333-8444-555555555555"
	for _, l := range []Layout{Swift{}, S3{}} {
		if got := l.Container(backup); got != "volumebackups" {
			t.Errorf("%T: container %q", l, got)
		}
		first, second := l.Prefix(backup, 1), l.Prefix(backup, 2)
		if first != want || second != strings.Replace(want, "170059", "170100", 1) {
			t.Errorf("%T: prefixes %q, %q", l, first, second)
		}
		for _, prefix := range []string{first, second, strings.Replace(first, "nova", "other zone", 1)} {
			for _, suffix := range []string{"-00001", "_metadata", "_sha256file", ""} {
				if got, ok := l.Attempt(backup, prefix+suffix); !ok || got != prefix {
					t.Errorf("%T: %s: attempt %q %v", l, prefix+suffix, got, ok)
				}
			}
			if !strings.HasPrefix(prefix, l.Attempts(backup)) {
				t.Errorf("%T: %s does not begin with %s", l, prefix, l.Attempts(backup))
			}
			if err := l.CheckPrefix(prefix); err != nil {
				t.Errorf("%T: %s: %v", l, prefix, err)
			}
		}
		other := backup
		other.ID = strings.Repeat("d", 36)
		for _, name := range []string{"", l.Attempts(backup), l.Prefix(other, 1) + "-00001", "x" + first,
			"volume_" + backup.VolumeID + "/2026/az_nova_backup_" + backup.ID,
			l.Attempts(backup) + "20261121170059/az_no/va_backup_" + backup.ID, Posix{}.Prefix(backup, 1)} {
			if got, ok := l.Attempt(backup, name); ok {
				t.Errorf("%T: %q is taken for attempt %q", l, name, got)
			}
		}
		if container, name := l.Split("volumebackups/" + first + "_metadata"); container != "volumebackups" || name != first+"_metadata" {
			t.Errorf("%T: split into %q and %q", l, container, name)
		}
		for _, prefix := range []string{"", "/a", "../a", "a/../b", "a//b", "a/", ".", ".hidden", "a\x00b", strings.Repeat("a", 1024)} {
			if l.CheckPrefix(prefix) == nil {
				t.Errorf("%T: the prefix %.20q is accepted", l, prefix)
			}
		}
	}
}

func TestFlatContainers(t *testing.T) {
	for name, valid := range map[string][2]bool{ // for Swift, for S3
		"volumebackups": {true, true}, "a.b-c": {true, true}, "Caps": {true, false}, "ab": {true, false}, "é": {true, false},
		"": {}, "a/b": {}, ".hidden": {}, "a\x00b": {}, "a..b": {true, false}, "-ab": {true, false},
		"a.-b": {true, false}, "a-.b": {true, false}, "192.0.2.1": {true, false}, "192.0.2.1a": {true, true},
		strings.Repeat("a", 64): {true, false}, strings.Repeat("a", 257): {},
	} {
		if err := (Swift{}).CheckContainer(name); (err == nil) != valid[0] {
			t.Errorf("Swift, %.20q: %v", name, err)
		}
		if err := (S3{}).CheckContainer(name); (err == nil) != valid[1] {
			t.Errorf("S3, %.20q: %v", name, err)
		}
	}
	if got := (Swift{Default: "mine"}).Container(backup); got != "mine" {
		t.Errorf("container %q", got)
	}
	if got := (S3{Default: "mine"}).Container(backup); got != "mine" {
		t.Errorf("bucket %q", got)
	}
}
