//go:build helm

// Package helm_test renders the chart by Helm, which `make check` names in HELM, and checks what
// Kubernetes would get.
package helm_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"cindergate/config"
)

func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	module := os.Getenv("HELM")
	if module == "" {
		t.Fatal("HELM must name Helm's package and version; make check does")
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", module}, args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), errors.New(out.String() + problems.String())
	}
	return out.String(), nil
}

// at returns the value at a path of keys; nil if there is none.
func at(value any, keys ...string) any {
	for _, key := range keys {
		section, _ := value.(map[string]any)
		value = section[key]
	}
	return value
}

func list(value any) []any { l, _ := value.([]any); return l }

// names returns the values of the key name of a list's elements.
func names(of any) (found []string) {
	for _, element := range list(of) {
		name, _ := at(element, "name").(string)
		found = append(found, name)
	}
	return found
}

// render returns the objects by "Kind/name".
func render(t *testing.T, values string) map[string]map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := helm(t, "lint", "--strict", "--kube-version", "1.30.0", "-f", path, "cindergate"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := helm(t, "template", "gw", "cindergate", "--namespace", "storage", "--kube-version", "1.30.0", "-f", path)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]map[string]any{}
	for decoder := yaml.NewDecoder(strings.NewReader(out)); ; {
		var o map[string]any
		switch err := decoder.Decode(&o); {
		case errors.Is(err, io.EOF):
			return objects
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		case o == nil:
			continue
		}
		kind, _ := o["kind"].(string)
		name, _ := at(o, "metadata", "name").(string)
		if o["apiVersion"] == nil || !regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`).MatchString(name) || objects[kind+"/"+name] != nil {
			t.Errorf("%s %q: bad or twice", kind, name)
		}
		objects[kind+"/"+name] = o
	}
}

// configured reads the configuration that the pods get, as the program does.
func configured(t *testing.T, objects map[string]map[string]any) config.Config {
	t.Helper()
	text, _ := at(objects["ConfigMap/gw-cindergate"], "data", "cindergate.yaml").(string)
	path := filepath.Join(t.TempDir(), "cindergate.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// selects reports whether a selector has labels, and the object all of them.
func selects(selector, labels any) bool {
	wanted, _ := selector.(map[string]any)
	for key, value := range wanted {
		if at(labels, key) != value {
			return false
		}
	}
	return len(wanted) > 0
}

// checkPod checks that a StatefulSet is coherent, and how its pods run.
func checkPod(t *testing.T, objects map[string]map[string]any) (container any) {
	t.Helper()
	set := objects["StatefulSet/gw-cindergate"]
	labels, pod := at(set, "spec", "template", "metadata", "labels"), at(set, "spec", "template", "spec")
	container = list(at(pod, "containers"))[0]
	if !selects(at(set, "spec", "selector", "matchLabels"), labels) {
		t.Error("the StatefulSet does not select its pods")
	}
	if name, _ := at(set, "spec", "serviceName").(string); at(objects["Service/"+name], "spec", "clusterIP") != "None" {
		t.Errorf("the service %s of the StatefulSet is not headless", name)
	}
	ports := names(at(container, "ports"))
	for key, o := range objects {
		switch {
		case strings.HasPrefix(key, "Service/"):
			if !selects(at(o, "spec", "selector"), labels) {
				t.Errorf("%s does not select the pods", key)
			}
			for _, port := range list(at(o, "spec", "ports")) {
				if to, _ := at(port, "targetPort").(string); !slices.Contains(ports, to) {
					t.Errorf("%s has the port %s, which no pod has", key, to)
				}
			}
		case strings.HasPrefix(key, "PodDisruptionBudget/"):
			if !selects(at(o, "spec", "selector", "matchLabels"), labels) {
				t.Errorf("%s does not select the pods", key)
			}
		}
	}
	for probe, path := range map[string]string{"readinessProbe": "/healthcheck", "livenessProbe": "/livez", "startupProbe": "/livez"} {
		get := at(container, probe, "httpGet")
		if at(get, "path") != path || !slices.Contains(ports, at(get, "port").(string)) {
			t.Errorf("%s: %v", probe, get)
		}
	}
	volumes := append(names(at(pod, "volumes")), "data")
	if claim := list(at(set, "spec", "volumeClaimTemplates"))[0]; at(claim, "metadata", "name") != "data" {
		t.Errorf("%v", claim)
	}
	for _, mount := range names(at(container, "volumeMounts")) {
		if !slices.Contains(volumes, mount) {
			t.Errorf("the volume %s is mounted and not there", mount)
		}
	}
	if at(pod, "securityContext", "runAsNonRoot") != true || at(container, "securityContext", "readOnlyRootFilesystem") != true ||
		at(container, "securityContext", "allowPrivilegeEscalation") != false || at(pod, "enableServiceLinks") != false ||
		at(set, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") != "Retain" {
		t.Errorf("%v", set)
	}
	return container
}

func TestDefaults(t *testing.T) {
	objects := render(t, "")
	checkPod(t, objects)
	want := []string{"ConfigMap/gw-cindergate", "PodDisruptionBudget/gw-cindergate", "Service/gw-cindergate", "Service/gw-cindergate-pods",
		"ServiceAccount/gw-cindergate", "StatefulSet/gw-cindergate"}
	if got := slices.Sorted(maps.Keys(objects)); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if c := configured(t, objects); c.Listen != "0.0.0.0:8776" || c.Data != "/data" || c.Metrics.Listen != "0.0.0.0:9776" || c.Auth != "embedded" {
		t.Errorf("%+v", c)
	}
}

func TestEverything(t *testing.T) {
	objects := render(t, `
replicas: 3
database: {secret: pg}
config:
  log: {level: debug}
  http: {trusted_proxies: [10.0.0.0/8]}
  identity: {region: west, users: [{name: ops, password_hash: "$2b$04$abcdefghijklmnopqrstuuVvwqgwcbFqZZRs5UwGLCyBpBsFwBiHC", projects: [{project: ops, role: admin}]}]}
  stores: {archive: {driver: s3, s3: {endpoint: "https://s3.example.com", access_key: cindergate, secret_key: secret}}}
  default_store: archive
secretFiles: [{secret: keystone, items: [{key: password, path: keystone-password}]}, {secret: s3}]
ingress: {enabled: true, className: nginx, host: volume.example.com, tlsSecret: volume-tls}
metrics:
  port: 9999
  serviceMonitor: {enabled: true, labels: {release: prometheus}}
  prometheusRule: {enabled: true}
  grafanaDashboard: {enabled: true}
persistence: {size: 2Ti, storageClass: fast}
preStopSleep: 5
extraEnv: [{name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://collector:4318"}]
`)
	container := checkPod(t, objects)
	t.Setenv("CINDERGATE_DATABASE", "postgres://gateways@db.example.com/cindergate") // which the secret has
	c := configured(t, objects)
	if c.Log.Level != "debug" || c.Identity.Region != "west" || c.Metrics.Listen != "0.0.0.0:9999" || len(c.HTTP.TrustedProxies) != 1 {
		t.Errorf("%+v", c)
	}
	variables := map[string]any{}
	for _, v := range list(at(container, "env")) {
		variables[at(v, "name").(string)] = v
	}
	if at(variables["CINDERGATE_DATABASE"], "valueFrom", "secretKeyRef", "name") != "pg" ||
		at(variables["CINDERGATE_EMBEDDED_HOST"], "valueFrom", "fieldRef", "fieldPath") != "metadata.name" ||
		at(variables["OTEL_EXPORTER_OTLP_ENDPOINT"], "value") != "http://collector:4318" {
		t.Errorf("%v", variables)
	}
	pod := at(objects["StatefulSet/gw-cindergate"], "spec", "template", "spec")
	for _, volume := range list(at(pod, "volumes")) {
		if at(volume, "name") == "secrets" && len(list(at(volume, "projected", "sources"))) != 2 {
			t.Errorf("%v", volume)
		}
	}
	if at(container, "lifecycle", "preStop", "sleep", "seconds") != 5 || at(pod, "affinity", "podAntiAffinity") == nil {
		t.Errorf("%v", pod)
	}
	monitor := at(objects["ServiceMonitor/gw-cindergate"], "spec")
	if service := objects["Service/gw-cindergate-pods"]; !selects(at(monitor, "selector", "matchLabels"), at(service, "metadata", "labels")) ||
		!slices.Contains(names(at(service, "spec", "ports")), at(list(at(monitor, "endpoints"))[0], "port").(string)) {
		t.Errorf("the ServiceMonitor %v does not select %v", monitor, service)
	}
	if selects(at(monitor, "selector", "matchLabels"), at(objects["Service/gw-cindergate"], "metadata", "labels")) {
		t.Error("the ServiceMonitor selects the public service as well")
	}
	rules, _ := yaml.Marshal(at(objects["PrometheusRule/gw-cindergate"], "spec"))
	if text, err := os.ReadFile("../prometheus/rules.yaml"); err != nil || !strings.Contains(string(rules), "CindergateDown") || !sameYAML(rules, text) {
		t.Errorf("%v, the rules are\n%s", err, rules)
	}
	if dashboard, _ := at(objects["ConfigMap/gw-cindergate-dashboard"], "data", "cindergate.json").(string); !strings.Contains(dashboard, "cindergate_jobs_total") {
		t.Errorf("the dashboard is %.200q", dashboard)
	}
	for _, path := range list(at(list(at(objects["Ingress/gw-cindergate"], "spec", "rules"))[0], "http", "paths")) {
		if p := at(path, "path"); at(path, "pathType") == "Prefix" && (p == "/" || p == "/metrics") {
			t.Errorf("the ingress lets %v in", p)
		}
	}
}

func sameYAML(a, b []byte) bool {
	var x, y any
	if yaml.Unmarshal(a, &x) != nil || yaml.Unmarshal(b, &y) != nil {
		return false
	}
	first, _ := yaml.Marshal(x)
	second, _ := yaml.Marshal(y)
	return bytes.Equal(first, second)
}

// Mistakes end before anything is installed.
func TestMistakes(t *testing.T) {
	for values, want := range map[string]string{
		"replicas=2":         "more than one gateway needs database.secret",
		"database.secret=pg": "config.default_store",
		"replicas=2,database.secret=pg,config.default_store=archive": "config.identity.users",
		"replicas=0":              "replicas",
		"config.listen=0.0.0.0:1": "config",
		"persistence.size=much":   "size",
		"persistance.size=1Gi":    "persistance",
		"metrics.port=80":         "port",
	} {
		if out, err := helm(t, "template", "gw", "cindergate", "--kube-version", "1.30.0", "--set", values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\n%.300s", values, err, out)
		}
	}
}
