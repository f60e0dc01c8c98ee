package verify

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Release is which Cinder an endpoint behaves like.
type Release struct {
	Name  string   // such as "Zed"
	Signs []string // what it was told by
}

// releases are the newest microversion of each release
// (cinder/api/openstack/rest_api_version_history.rst: "Maximum in …").
var releases = []struct{ max, name string }{
	{"3.0", "Mitaka"}, {"3.15", "Newton"}, {"3.27", "Ocata"}, {"3.43", "Pike"}, {"3.50", "Queens"}, {"3.55", "Rocky"}, {"3.59", "Stein or Train"},
	{"3.60", "Ussuri"}, {"3.62", "Victoria"}, {"3.64", "Wallaby"}, {"3.66", "Xena"}, {"3.68", "Yoga"}, {"3.70", "Zed or 2023.1"}, {"3.71", "2023.2 or later"},
}

// release tells the release by the newest microversion and by what the cases saw.
func (r *runner) release() Release {
	name := "no known release"
	for _, known := range releases {
		if !older(r.max, known.max) {
			name = known.name
		}
	}
	if older(newest, r.max) {
		name = "a release after " + name
	}
	out := Release{Name: name, Signs: []string{"microversions up to " + r.max}}
	if r.v2 {
		sign := "v2 is served, as until Wallaby"
		if older("3.64", r.max) {
			sign += ": not the original"
			out.Name += " with v2"
		}
		out.Signs = append(out.Signs, sign)
	}
	for i := range r.report.Results {
		c := &r.report.Results[i]
		if c.Outcome == Deviates && strings.HasPrefix(c.Case.Name, "data-zeroed") && strings.Contains(c.Deviation.Got, "is back") {
			out.Signs = append(out.Signs, "zeroes are lost in incremental backups, as since 23.0.0 (2023.2)")
			break
		}
	}
	return out
}

// shortOf says why the project has no room for what the cases make; "": it has, or nobody knows.
func (r *runner) shortOf(ctx context.Context) string {
	if !r.creates() {
		return ""
	}
	x := &X{ctx: ctx, r: r, version: r.highest()}
	defer func() { r.record(x.exchanges) }()
	a, err := x.try(func() *answer { return x.get("/limits") })
	if err != nil || a.e.Status != http.StatusOK {
		return "" // a quota that is used up shows when something is made
	}
	for _, need := range []struct {
		limit, used string
		n           float64
	}{
		{"maxTotalVolumes", "totalVolumesUsed", needVolumes},
		{"maxTotalVolumeGigabytes", "totalGigabytesUsed", needGigabytes},
		{"maxTotalSnapshots", "totalSnapshotsUsed", 2},
		{"maxTotalBackups", "totalBackupsUsed", needBackups},
		{"maxTotalBackupGigabytes", "totalBackupGigabytesUsed", needGigabytes},
	} {
		limit, ok := a.value("limits.absolute." + need.limit).(float64)
		used, known := a.value("limits.absolute." + need.used).(float64)
		if ok && known && limit >= 0 && limit-used < need.n {
			return fmt.Sprintf("the quota is too small: %s is %v, %s is %v, and the cases need %v more", need.limit, limit, need.used, used, need.n)
		}
	}
	return ""
}

// What the cases need at the same time, at most.
const (
	needVolumes   = 6
	needBackups   = 9
	needGigabytes = 12
)
