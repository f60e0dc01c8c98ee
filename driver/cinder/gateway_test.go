package cinder_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/cinder"
	"cindergate/driver/embedded"
	"cindergate/gateway"
	"cindergate/internal/openstack"
	"cindergate/translate"
)

// A gateway in front of a Cinder gives that Cinder's answers, with and without the project
// in the path, for every route that reads.
func TestAnswersThroughTheGatewayAreTheUpstreams(t *testing.T) {
	admin := driver.Caller{ProjectID: "cccc", UserID: "root", Role: driver.Admin, Token: "root"}
	store, err := embedded.Open(t.Context(), embedded.Options{DataDir: t.TempDir(), Clock: clockwork.NewFakeClockAt(time.Unix(1, 0))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	volume, err := store.CreateVolume(t.Context(), admin, driver.VolumeSpec{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(d driver.Driver) string {
		server := httptest.NewServer(gateway.New(gateway.Options{
			Backends: map[string]driver.Driver{"one": d}, Log: zap.NewNop(), Metrics: gateway.NewMetrics(), Auth: tokens{"root": admin},
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	far := serve(store)
	d, err := cinder.New(cinder.Options{URL: far, Options: openstack.Options{Name: "far"}})
	if err != nil {
		t.Fatal(err)
	}
	near := serve(d)
	ask := func(base, path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", "root")
		r.Header.Set("OpenStack-API-Version", "volume 3.70")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, strings.ReplaceAll(string(body), base, "{base}")
	}
	good := 0
	for _, route := range translate.Routes() {
		if route.Method != http.MethodGet || route.Operation == "ListPools" { // its free space changes by itself
			continue
		}
		path := strings.NewReplacer(":id", volume.ID, ":key", "a%2Fb%3A1").Replace(route.Path)
		for _, prefix := range []string{"/v3/" + admin.ProjectID, "/v3"} {
			wantStatus, want := ask(far, prefix+path)
			status, got := ask(near, prefix+path)
			if status != wantStatus || got != want {
				t.Errorf("GET %s%s: %d %s\nthe upstream: %d %s", prefix, path, status, got, wantStatus, want)
			}
			if status == http.StatusOK {
				good++
			}
		}
	}
	if good < 70 {
		t.Errorf("only %d answers are good ones", good)
	}
}
