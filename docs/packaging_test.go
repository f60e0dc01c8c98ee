package docs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.yaml.in/yaml/v3"

	"cindergate/driver"
	"cindergate/gateway"
)

// served returns the metrics of a gateway that has done one of everything: for each name its
// labels.
func served(t *testing.T) map[string][]string {
	t.Helper()
	metrics := gateway.NewMetrics()
	server := gateway.New(gateway.Options{Backends: map[string]driver.Driver{}, Auth: gateway.NoAuth{}, Log: zap.NewNop(), Metrics: metrics})
	server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	metrics.JobDone("kind", "ok", 1, time.Second)
	metrics.Scrubbed("ok", 1)
	metrics.WatchPolicies(func(context.Context) ([]gateway.Protected, error) {
		return []gateway.Protected{{ProjectID: "p", VolumeID: "v", Problem: true}}, nil
	})
	metrics.WatchPolicyBackends(func(context.Context) (map[string]time.Time, error) {
		return map[string]time.Time{"west": time.Unix(1, 0)}, nil
	})
	answer := httptest.NewRecorder()
	server.Internal().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	found := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)(\{.*\})? `).FindAllStringSubmatch(answer.Body.String(), -1) {
		found[m[1]] = append(found[m[1]], all(`([a-z_]+)="`, m[2])...)
		found[m[1]] = append(found[m[1]], "instance", "job") // Prometheus adds them
	}
	if len(found) < 20 {
		t.Fatalf("/metrics has only %v:\n%s", slices.Sorted(maps.Keys(found)), answer.Body)
	}
	found["up"] = []string{"instance", "job"} // Prometheus makes it
	return found
}

var (
	selector = regexp.MustCompile(`\b([a-z][a-z0-9_]*)\{([^}]*)\}`)
	name     = regexp.MustCompile(`\b((?:cindergate|go|process)_[a-z0-9_]+|up)\b`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// mistakes returns what is wrong with the metrics and labels of a PromQL expression.
func mistakes(expression string, metrics map[string][]string) (found []string) {
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	var labels []string // of all metrics of the expression
	names := name.FindAllString(expression, -1)
	if len(names) == 0 {
		wrong("no metric is named")
	}
	for _, n := range names {
		if _, ok := metrics[n]; !ok {
			wrong("the metric %s does not exist", n)
		}
		labels = append(labels, metrics[n]...)
	}
	for _, m := range selector.FindAllStringSubmatch(expression, -1) {
		for _, label := range all(`([a-z_]+)\s*(?:=~|!~|!=|=)`, m[2]) {
			if !slices.Contains(metrics[m[1]], label) {
				wrong("%s has no label %s", m[1], label)
			}
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(expression, -1) {
		for label := range strings.SplitSeq(m[1], ",") {
			if !slices.Contains(labels, strings.TrimSpace(label)) {
				wrong("no metric has the label %s", label)
			}
		}
	}
	return found
}

// The dashboard and the alert rules use metrics that the gateway has.
func TestMetricsOfDashboardAndRules(t *testing.T) {
	metrics := served(t)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "packaging/grafana/cindergate.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	shown := ""
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			if found := mistakes(target.Expr, metrics); len(found) > 0 {
				t.Errorf("the panel %s: %v", panel.Title, found)
			}
			shown += target.Expr
		}
	}
	for metric := range metrics {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(metric, "")
		if strings.HasPrefix(metric, "cindergate_") && !strings.Contains(shown, base) {
			t.Errorf("the dashboard does not show %s", metric)
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "packaging/prometheus/rules.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	if len(rules.Groups) != 1 || len(rules.Groups[0].Rules) == 0 {
		t.Fatalf("the rules are %+v", rules)
	}
	for _, rule := range rules.Groups[0].Rules {
		if found := mistakes(rule.Expr, metrics); len(found) > 0 {
			t.Errorf("the alert %s: %v", rule.Alert, found)
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("the alert %s does not explain itself", rule.Alert)
		}
	}
}

// Mistakes in expressions are found.
func TestExpressionsWithMistakes(t *testing.T) {
	metrics := map[string][]string{"cindergate_a": {"kind"}, "up": {"job"}}
	for expression, want := range map[string]string{
		`rate(cindergate_a{kind="x"}[5m]) / on () up{job="y"}`: "",
		`cindergate_b`:                  "the metric cindergate_b does not exist",
		`cindergate_a{color="x"}`:       "cindergate_a has no label color",
		`sum by (color) (cindergate_a)`: "no metric has the label color",
		`1 > 0`:                         "no metric is named",
	} {
		if got := strings.Join(mistakes(expression, metrics), ", "); got != want {
			t.Errorf("%s: %q, want %q", expression, got, want)
		}
	}
}
