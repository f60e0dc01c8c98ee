package gateway

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the metrics of one server. They have a registry of their own, since several
// servers may run in one process.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	series   sync.Map // requestLabels → prometheus.Observer; saves the cost of looking up labels
	jobs     *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	strays   *prometheus.CounterVec
	scrubbed *prometheus.CounterVec
	scrubs   prometheus.Counter
	policies *prometheus.CounterVec
}

type requestLabels struct {
	backend, route, method string
	status                 int
}

// NewMetrics makes the metrics of one process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cindergate_request_duration_seconds", Help: "Requests by backend, route, method and status.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10),
		}, []string{"backend", "route", "method", "status"}),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cindergate_jobs_total", Help: "Finished jobs by kind and outcome.",
		}, []string{"kind", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cindergate_job_duration_seconds", Help: "How long jobs ran, by kind.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
		}, []string{"kind"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cindergate_job_bytes_total", Help: "Bytes of volume data that jobs moved, by kind.",
		}, []string{"kind"}),
	}
	m.strays = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cindergate_stray_files_total", Help: "Files of volumes and snapshots that had no row, by kind: they are in lost+found.",
	}, []string{"kind"})
	for _, kind := range []string{"volume", "snapshot"} {
		m.strays.WithLabelValues(kind) // starts at 0, so that alerts see the first increase
	}
	m.scrubbed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cindergate_scrubbed_backups_total", Help: "Backups that scrubs have read, by result.",
	}, []string{"result"})
	m.scrubs = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cindergate_scrubbed_bytes_total", Help: "Bytes of volumes whose backups scrubs have read.",
	})
	m.policies = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cindergate_policy_runs_total", Help: "Runs of backup policies of volumes, by outcome: done, skipped (nothing had changed) or failed.",
	}, []string{"outcome"})
	for _, outcome := range []string{"done", "skipped", "failed"} {
		m.policies.WithLabelValues(outcome)
	}
	m.registry.MustRegister(m.policies, m.requests, m.jobs, m.seconds, m.bytes, m.strays, m.scrubbed, m.scrubs,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) request(backend, route, method string, status int, took time.Duration) {
	key := requestLabels{backend, route, knownMethod(method), status}
	series, ok := m.series.Load(key)
	if !ok {
		series, _ = m.series.LoadOrStore(key, m.requests.WithLabelValues(backend, route, key.method, strconv.Itoa(status)))
	}
	series.(prometheus.Observer).Observe(took.Seconds())
}

// knownMethod replaces unknown methods, so that clients cannot create series.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}

// JobDone counts a finished job of a backend.
func (m *Metrics) JobDone(kind, outcome string, bytes int64, took time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Inc()
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
	m.bytes.WithLabelValues(kind).Add(max(0, float64(bytes)))
}

// StrayFile counts a file that no row refers to.
func (m *Metrics) StrayFile(kind string) { m.strays.WithLabelValues(kind).Inc() }

// PolicyRun counts a run of a backup policy that ended.
func (m *Metrics) PolicyRun(outcome string) { m.policies.WithLabelValues(outcome).Inc() }

// Scrubbed counts a backup that a scrub has read.
func (m *Metrics) Scrubbed(result string, bytes int64) {
	m.scrubbed.WithLabelValues(result).Inc()
	m.scrubs.Add(float64(bytes))
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
