package otc

import (
	"testing"

	"cindergate/driver"
)

func TestFullBackup(t *testing.T) {
	yes, no := true, false
	for _, test := range []struct {
		full        FullBackup
		incremental bool
		want        *bool
	}{
		{FullOnRequest, false, &no}, {FullOnRequest, true, &yes}, {"", false, &no}, {"", true, &yes},
		{FullAlways, false, &no}, {FullAlways, true, &no}, {FullNever, false, nil}, {FullNever, true, nil},
	} {
		got := test.full.Asks(test.incremental)
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%q, incremental %v: asks %v", test.full, test.incremental, got)
		}
	}
}

func TestVolumesAreCheckedAsCinderDoes(t *testing.T) {
	for _, test := range []struct {
		name, volume   string
		spec           driver.BackupSpec
		source, target driver.Kind
	}{
		{"available", `"status": "available", "size": 2`, driver.BackupSpec{}, taken, taken},
		{"in use", `"status": "in-use", "size": 2`, driver.BackupSpec{}, driver.InvalidState, driver.InvalidState},
		{"in use, forced", `"status": "in-use", "size": 2`, driver.BackupSpec{Force: true}, taken, driver.InvalidState},
		{"in use, of a snapshot", `"status": "in-use", "size": 2`, driver.BackupSpec{SnapshotID: backupID}, taken, driver.InvalidState},
		{"busy", `"status": "backing-up", "size": 2`, driver.BackupSpec{}, driver.InvalidState, driver.InvalidState},
		{"small", `"status": "available", "size": 1`, driver.BackupSpec{}, taken, driver.InvalidState},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string][]answer{"GET /v2/abc123/volumes/" + volumeID: {{200, `{"volume": {"name": "n", ` + test.volume + `}}`}}})
			v := volumes(t, s, nil)
			test.spec.VolumeID = volumeID
			if err := v.CheckSource(t.Context(), member, test.spec); !isKind(err, test.source) {
				t.Errorf("as the source: %v", err)
			}
			name, err := v.CheckTarget(t.Context(), member, driver.Backup{Size: 2}, volumeID)
			if !isKind(err, test.target) || err == nil && name != "n" {
				t.Errorf("as the target %q: %v", name, err)
			}
		})
	}
}

// taken stands for no error.
const taken driver.Kind = 255

// isKind reports whether err is of a kind. For taken it reports whether err is nil.
func isKind(err error, kind driver.Kind) bool {
	if kind == taken {
		return err == nil
	}
	return err != nil && driver.KindOf(err) == kind
}

func TestWithoutEVSTheServiceChecks(t *testing.T) {
	v := &Volumes{EVS: open(t, nil).Service(&EVS, None)}
	if err := v.CheckSource(t.Context(), member, driver.BackupSpec{VolumeID: volumeID}); err != nil {
		t.Error(err)
	}
	if name, err := v.CheckTarget(t.Context(), member, driver.Backup{}, volumeID); err != nil || name != "" {
		t.Errorf("%q, %v", name, err)
	}
}

func TestChineseNames(t *testing.T) {
	for name, taken := range map[string]bool{"备份_1": true, "auto-1": true, "": false, "a b": false, "é": false} {
		if err := CheckNameOrChinese(name); (err == nil) != taken {
			t.Errorf("%q: %v", name, err)
		}
	}
}
