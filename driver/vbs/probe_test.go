package vbs_test

import (
	"slices"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/vbs"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

func TestQuotas(t *testing.T) {
	for _, evs := range []string{"", otc.None} {
		c := open(t, vbs.Options{Options: otc.Options{EVSURL: evs}}, otcfake.Options{Quotas: map[string]int{"backups": 20}})
		c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", SizeGiB: 7})
		got, err := c.driver.Quotas(t.Context(), c.caller, c.project.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []driver.Quota{{Resource: "backups", Limit: 20, InUse: 1}, {Resource: "backup_gigabytes", Limit: -1, InUse: 7}} {
			if !slices.Contains(got, want) {
				t.Errorf("EVS %q: %+v lacks %+v", evs, got, want)
			}
		}
		if hasVolumes := slices.ContainsFunc(got, func(q driver.Quota) bool { return q.Resource == "volumes" }); hasVolumes != (evs == "") {
			t.Errorf("EVS %q: %+v", evs, got)
		}
		_, err = c.driver.Quotas(t.Context(), c.caller, "another")
		wantError(t, err, driver.NotSupported, "quotas of other projects")
	}
}

func TestProbe(t *testing.T) {
	for _, test := range []struct {
		name     string
		options  vbs.Options
		cloud    otcfake.Options
		findings []string
		wrong    string
	}{
		{"all there", vbs.Options{Options: otc.Options{RestoreVolumeType: "SAS"}}, otcfake.Options{Quotas: map[string]int{"backups": 20}},
			[]string{"VBS is at $URL/vbs", "EVS is at $URL/evs", "lists backups by its native v2", "quota of volumes: 0 of any number in use",
				"quota of backups: 0 of 20 in use"}, ""},
		{"no default type", vbs.Options{Native: "v3"}, otcfake.Options{}, []string{"lists backups by its native v3", "restore_volume_type is not set"}, ""},
		{"without EVS", vbs.Options{Options: otc.Options{EVSURL: otc.None}}, otcfake.Options{},
			[]string{"without EVS: no volumes, no restore without volume_id", "quota of backup_gigabytes: 0 of any number in use"}, ""},
		{"not in this region", vbs.Options{}, otcfake.Options{Without: []string{"vbs", "evs"}}, nil, "The catalogue of backend east has no VBS."},
		{"not at this URL", vbs.Options{Options: otc.Options{URL: "fake", EVSURL: otc.None}}, otcfake.Options{Without: []string{"vbs"}},
			[]string{"VBS is at $URL/vbs"}, "list backups by v2: Backend east has no VBS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := open(t, test.options, test.cloud)
			findings, err := c.driver.Probe(t.Context(), c.caller)
			all := strings.Join(findings, "\n")
			for _, want := range test.findings {
				if !strings.Contains(all, strings.ReplaceAll(want, "$URL", c.url)) {
					t.Errorf("%s\nlacks %s", all, want)
				}
			}
			if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Error(err)
			}
		})
	}
	c := open(t, vbs.Options{}, otcfake.Options{})
	if findings, err := c.driver.Probe(t.Context(), driver.Caller{}); err != nil || len(findings) != 1 || len(c.sent("vbs", "GET")) != 0 {
		t.Errorf("%q, %v", findings, err)
	}
}
