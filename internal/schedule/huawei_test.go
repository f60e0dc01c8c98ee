package schedule_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/driver/vbs"
	"cindergate/internal/openstack"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
	"cindergate/internal/policy"
	"cindergate/internal/schedule"
)

// huawei is a scheduler for a project of Huawei Cloud or Open Telekom Cloud.
type huawei struct {
	*otcfake.Cloud
	t       *testing.T
	clock   *clockwork.FakeClock
	project otcfake.Project
	cloud   schedule.Cloud
	s       *schedule.Scheduler
	login   *openstack.Login
}

func newHuawei(t *testing.T, service string, dialect otc.Dialect) *huawei {
	t.Helper()
	clock := clockwork.NewFakeClockAt(start)
	h := &huawei{t: t, clock: clock, Cloud: otcfake.New(otcfake.Options{Dialect: string(dialect), Auto: true, Now: clock.Now})}
	server := httptest.NewServer(h.Cloud)
	t.Cleanup(server.Close)
	h.project = h.AddProject("demo")
	iam := server.URL + "/iam/v3"
	o := otc.Options{Dialect: dialect, IdentityURL: iam, PollEvery: time.Millisecond, IDTimeout: time.Second,
		Options: openstack.Options{Name: service, Retries: -1, BreakAfter: -1}}
	if dialect == otc.Huawei { // whose catalogue has no VBS
		o.URL = server.URL + "/" + service
	}
	var err error
	if service == "vbs" {
		h.cloud, err = vbs.New(vbs.Options{Options: o})
	} else {
		h.cloud, err = cbr.New(cbr.Options{Options: o, Vault: "vault", Bind: true})
		h.AddVault(h.project.ID, otcfake.Vault{Name: "vault"})
	}
	if err != nil {
		t.Fatal(err)
	}
	h.login, err = openstack.NewLogin(openstack.Options{Name: service, Clock: clock}, openstack.Credential{
		IdentityURL: iam, Username: h.project.User, Password: h.project.Password, UserDomain: "default", Project: h.project.Name, ProjectDomain: "default"})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := schedule.OpenRows(t.Context(), filepath.Join(t.TempDir(), "rows.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rows.Close() })
	h.s = schedule.New(schedule.Options{Backend: service, Cloud: h.cloud, Login: h.login, Rows: rows, Poll: 4 * time.Hour, Clock: clock})
	return h
}

// advance lets time pass, with all passes that are due.
func (h *huawei) advance(d time.Duration) {
	for end := h.clock.Now().Add(d); h.clock.Now().Before(end); {
		wait := h.s.Pass(h.t.Context())
		h.Settle()
		h.clock.Advance(min(wait, end.Sub(h.clock.Now())))
	}
	for range 2 {
		h.s.Pass(h.t.Context())
		h.Settle()
	}
}

// names returns the names of the backups, the oldest first.
func (h *huawei) names() []string {
	h.t.Helper()
	caller, err := h.login.Caller(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	page, err := h.cloud.ListBackups(h.t.Context(), caller, driver.Query{Limit: -1})
	if err != nil {
		h.t.Fatal(err)
	}
	var names []string
	for _, b := range slices.Backward(page.Items) {
		names = append(names, *b.Name)
	}
	return names
}

func each(t *testing.T, test func(t *testing.T, h *huawei)) {
	for _, service := range []string{"vbs", "cbr"} {
		for _, dialect := range []otc.Dialect{otc.OTC, otc.Huawei} {
			t.Run(service+" "+string(dialect), func(t *testing.T) { test(t, newHuawei(t, service, dialect)) })
		}
	}
}

// A volume of EVS whose metadata have a policy is backed up by VBS or CBR, whose backups keep no metadata, and
// what is left is what a simulation says.
func TestTwoWeeksOfVBSAndCBR(t *testing.T) {
	t.Parallel()
	const text = "daily 02:30 Europe/Berlin; full=3; keep=3"
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, h *huawei) {
		id := h.AddVolume(h.project.ID, otcfake.Volume{Name: "my db", Metadata: map[string]string{policy.Key: text}})
		h.s.Pass(t.Context())
		h.advance(14 * 24 * time.Hour)
		s, err := p.Simulate(nil, start, h.clock.Now(), true)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, b := range s.Left {
			want = append(want, "my-db-scheduled-"+b.Slot.UTC().Format("20060102T150405Z"))
		}
		if got := h.names(); !slices.Equal(got, want) {
			t.Errorf("there are\n%q\nwant\n%q", got, want)
		}
		e, err := h.s.ExplainPolicy(t.Context(), driver.Caller{Role: driver.Admin}, id, "")
		if err != nil || len(e.(*policy.Explanation).Backups) != len(want) || e.(*policy.Explanation).Failures != 0 {
			t.Errorf("explained: %+v, %v", e, err)
		}
	})
}

// The answer to a request is lost: the backup that the job makes all the same is the run's.
func TestLostAnswerOfVBSAndCBR(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *huawei) {
		h.AddVolume(h.project.ID, otcfake.Volume{Name: "db", Metadata: map[string]string{policy.Key: "daily 02:30"}})
		h.s.Pass(t.Context())
		h.Inject(otcfake.Fault{Method: http.MethodPost, Path: "/(cloudbackups|checkpoints)$", Drop: true, Done: true})
		h.advance(12 * time.Hour)
		if got := strings.Join(h.names(), " "); got != "db-scheduled-20261122T023000Z" {
			t.Errorf("there are %s", got)
		}
		all, err := h.s.Protected(t.Context())
		if err != nil || len(all) != 1 || all[0].LastSuccess.Format(time.RFC3339) != "2026-11-22T02:30:00Z" {
			t.Errorf("protected: %+v, %v", all, err)
		}
	})
}
