package gateway

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Protected is a volume that is backed up by a policy.
type Protected struct {
	ProjectID, VolumeID string
	LastSuccess         time.Time // when the last run was due that did not fail; before the first, when the policy was set
	Failures            int       // runs that failed since then
	Problem             bool      // the policy cannot be followed, or not as it says
	Idle                bool      // none is in force
}

// maxProtected bounds the series of volumes. Those that wait longest for a success come first.
const maxProtected = 2000

// protections is a collector that asks for the volumes at each scrape.
type protections struct {
	ask                              func(context.Context) ([]Protected, error)
	last, failures, volumes, problem *prometheus.Desc
}

// WatchPolicies adds metrics of the volumes that ask returns. Call it once.
func (m *Metrics) WatchPolicies(ask func(context.Context) ([]Protected, error)) {
	labels := []string{"project", "volume"}
	m.registry.MustRegister(&protections{ask,
		prometheus.NewDesc("cindergate_policy_last_success_timestamp_seconds", "When the last run of the volume's backup policy was due that did not fail; before the first one, when the policy was set. At most 2000 volumes: those that wait longest.", labels, nil),
		prometheus.NewDesc("cindergate_policy_failures", "Runs of the volume's backup policy that have failed since the last success. At most 2000 volumes.", labels, nil),
		prometheus.NewDesc("cindergate_policy_volumes", "Volumes with a backup policy in force.", nil, nil),
		prometheus.NewDesc("cindergate_policy_problem", "1 for volumes whose backup policy cannot be followed, or not as it says. At most 2000 volumes.", labels, nil)})
}

// Describe implements [prometheus.Collector].
func (p *protections) Describe(out chan<- *prometheus.Desc) {
	out <- p.last
	out <- p.failures
	out <- p.volumes
	out <- p.problem
}

// collectTime is how long a scrape waits for the database.
const collectTime = 5 * time.Second

// Collect implements [prometheus.Collector].
func (p *protections) Collect(out chan<- prometheus.Metric) {
	ctx, done := context.WithTimeout(context.Background(), collectTime)
	defer done()
	all, err := p.ask(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(p.volumes, err)
		return
	}
	problems := slices.DeleteFunc(slices.Clone(all), func(v Protected) bool { return !v.Problem })
	for _, v := range problems[:min(len(problems), maxProtected)] {
		out <- prometheus.MustNewConstMetric(p.problem, prometheus.GaugeValue, 1, v.ProjectID, v.VolumeID)
	}
	all = slices.DeleteFunc(all, func(v Protected) bool { return v.Idle })
	out <- prometheus.MustNewConstMetric(p.volumes, prometheus.GaugeValue, float64(len(all)))
	slices.SortFunc(all, func(a, b Protected) int {
		return cmp.Or(a.LastSuccess.Compare(b.LastSuccess), cmp.Compare(a.VolumeID, b.VolumeID))
	})
	for _, v := range all[:min(len(all), maxProtected)] {
		out <- prometheus.MustNewConstMetric(p.last, prometheus.GaugeValue, float64(v.LastSuccess.UnixMicro())/1e6, v.ProjectID, v.VolumeID)
		out <- prometheus.MustNewConstMetric(p.failures, prometheus.GaugeValue, float64(v.Failures), v.ProjectID, v.VolumeID)
	}
}

// looks is a collector that asks at each scrape when backends were looked at.
type looks struct {
	ask  func(context.Context) (map[string]time.Time, error)
	last *prometheus.Desc
}

// WatchPolicyBackends adds a metric of the remote backends whose policies are followed: when each was looked at
// last without an error; zero: never. Call it once.
func (m *Metrics) WatchPolicyBackends(ask func(context.Context) (map[string]time.Time, error)) {
	m.registry.MustRegister(&looks{ask, prometheus.NewDesc("cindergate_policy_last_look_timestamp_seconds",
		"When the volumes of a remote backend, whose backup policies are followed, were looked at last without an error; 0: never.", []string{"backend"}, nil)})
}

// Describe implements [prometheus.Collector].
func (l *looks) Describe(out chan<- *prometheus.Desc) { out <- l.last }

// Collect implements [prometheus.Collector].
func (l *looks) Collect(out chan<- prometheus.Metric) {
	ctx, done := context.WithTimeout(context.Background(), collectTime)
	defer done()
	all, err := l.ask(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(l.last, err)
		return
	}
	for name, at := range all {
		seconds := 0.0
		if !at.IsZero() {
			seconds = float64(at.UnixMicro()) / 1e6
		}
		out <- prometheus.MustNewConstMetric(l.last, prometheus.GaugeValue, seconds, name)
	}
}
