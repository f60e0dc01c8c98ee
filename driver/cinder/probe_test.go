package cinder

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"cindergate/driver"
)

func TestProbeTellsWhatIsThere(t *testing.T) {
	admin := member
	admin.Role = driver.Admin
	for _, test := range []struct {
		name, services string
		caller         driver.Caller
		findings       []string
		wrong          string
	}{
		{"up", `[{"binary":"cinder-backup","host":"a","status":"enabled","state":"up"}]`, admin,
			[]string{"speaks v3, microversions to 3.70", "cinder-backup on a is enabled and up"}, ""},
		{"down", `[{"binary":"cinder-backup","host":"a","status":"enabled","state":"down"}]`, admin,
			[]string{"speaks v3, microversions to 3.70", "cinder-backup on a is enabled and down"}, "no cinder-backup is up"},
		{"no admin", `[]`, member, []string{"speaks v3, microversions to 3.70", "who asks is no admin there: services not looked at"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
				answer(200, "application/json", `{"services": `+test.services+`}`)(w, r)
			})
			findings, err := open(t, server.URL, nil).Probe(t.Context(), test.caller)
			if !slices.Equal(findings, test.findings) {
				t.Errorf("found %q", findings)
			}
			if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Error(err)
			}
		})
	}
}
