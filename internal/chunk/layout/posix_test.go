package layout

import (
	"strings"
	"testing"
	"time"
)

var backup = Backup{ID: "bbbbcccc-2222-4333-8444-555555555555", VolumeID: "aaaaaaaa-2222-4333-8444-555555555555",
	AvailabilityZone: "nova", CreatedAt: time.Date(2026, 11, 21, 17, 0, 59, 999, time.UTC)}

func TestPosixNames(t *testing.T) {
	p := Posix{}
	if got, want := p.Container(backup), "bb/bb/"+backup.ID; got != want {
		t.Errorf("container %q, want %q", got, want)
	}
	if got := p.Container(Backup{ID: "x"}); got != "x" {
		t.Errorf("container of a short id: %q", got)
	}
	first, second := p.Prefix(backup, 1), p.Prefix(backup, 2)
	if want := "volume_" + backup.VolumeID + "_20261121170059_backup_" + backup.ID; first != want {
		t.Errorf("prefix %q, want %q", first, want)
	}
	if want := "volume_" + backup.VolumeID + "_20261121170100_backup_" + backup.ID; second != want {
		t.Errorf("prefix %q, want %q", second, want)
	}
	for _, prefix := range []string{first, second} {
		for _, suffix := range []string{"-00001", "_metadata", "_sha256file", ""} {
			if got, ok := p.Attempt(backup, prefix+suffix); !ok || got != prefix {
				t.Errorf("%s: attempt %q %v", prefix+suffix, got, ok)
			}
		}
		if !strings.HasPrefix(prefix, p.Attempts(backup)) {
			t.Errorf("%s does not begin with %s", prefix, p.Attempts(backup))
		}
	}
	other := backup
	other.ID = strings.Repeat("d", 36)
	for _, name := range []string{"", p.Attempts(backup), p.Prefix(other, 1) + "-00001", "x" + first, "volume_" + backup.VolumeID + "_2026_backup_" + backup.ID} {
		if got, ok := p.Attempt(backup, name); ok {
			t.Errorf("%q is taken for attempt %q", name, got)
		}
	}
	if container, name := p.Split("own/place/" + first + "_metadata"); container != "own/place" || name != first+"_metadata" {
		t.Errorf("split into %q and %q", container, name)
	}
	if container, name := p.Split("top"); container != "" || name != "top" {
		t.Errorf("split into %q and %q", container, name)
	}
}

func TestPosixContainers(t *testing.T) {
	for _, name := range []string{"c", "own/place", "a.b", "é"} {
		if err := (Posix{}).CheckContainer(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "/etc", "../x", "a/../b", "a//b", "a/", "./a", "a\\b", "a\x00", ".hidden", "a/.b"} {
		if (Posix{}).CheckContainer(name) == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestReadable(t *testing.T) {
	for service, want := range map[string]bool{
		posixService: true, "cinder.backup.drivers.swift.SwiftBackupDriver": true, "cinder.backup.drivers.s3": true,
		"cinder.backup.drivers.ceph.CephBackupDriver": false, "cinder.backup.drivers.posix.PosixBackupDriverX": false,
	} {
		if Readable(service) != want {
			t.Errorf("%s: %v", service, !want)
		}
	}
}
