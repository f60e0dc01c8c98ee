package gateway

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"cindergate/driver"
)

// maxRunning bounds the series of running jobs. A gateway runs far fewer.
const maxRunning = 500

// jobsNow is a collector that asks for the jobs at each scrape.
type jobsNow struct {
	ask                func(context.Context) ([]driver.Job, error)
	count, done, total *prometheus.Desc
}

// WatchJobs adds metrics of the jobs that ask returns: those that wait or run now. Call it once.
func (m *Metrics) WatchJobs(ask func(context.Context) ([]driver.Job, error)) {
	labels := []string{"kind", "job", "backup", "volume"}
	m.registry.MustRegister(&jobsNow{ask,
		prometheus.NewDesc("cindergate_jobs", "Jobs in the database that wait (queued) or run, by kind and state.", []string{"kind", "state"}, nil),
		prometheus.NewDesc("cindergate_running_job_done_bytes", "Bytes of the volume that a running job has copied. At most 500 jobs.", labels, nil),
		prometheus.NewDesc("cindergate_running_job_total_bytes", "Bytes of the volume that a running job copies. At most 500 jobs.", labels, nil)})
}

// Describe implements [prometheus.Collector].
func (w *jobsNow) Describe(out chan<- *prometheus.Desc) {
	out <- w.count
	out <- w.done
	out <- w.total
}

// Collect implements [prometheus.Collector].
func (w *jobsNow) Collect(out chan<- prometheus.Metric) {
	ctx, done := context.WithTimeout(context.Background(), collectTime)
	defer done()
	all, err := w.ask(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(w.count, err)
		return
	}
	type key struct{ kind, state string }
	counts, shown := map[key]int{}, 0
	for i := range all {
		j := &all[i]
		counts[key{j.Action, j.State}]++
		if j.Total > 0 && shown < maxRunning {
			shown++
			out <- prometheus.MustNewConstMetric(w.done, prometheus.GaugeValue, float64(j.Done), j.Action, j.ID, j.BackupID, j.VolumeID)
			out <- prometheus.MustNewConstMetric(w.total, prometheus.GaugeValue, float64(j.Total), j.Action, j.ID, j.BackupID, j.VolumeID)
		}
	}
	for k, n := range counts {
		out <- prometheus.MustNewConstMetric(w.count, prometheus.GaugeValue, float64(n), k.kind, k.state)
	}
}
