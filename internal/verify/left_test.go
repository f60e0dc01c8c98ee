package verify_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"cindergate/internal/verify"
)

// A case whose answer is wrong does not wait for what it began. The next case waits, and does not deviate
// because the volume is still busy.
func TestNextCaseWaits(t *testing.T) {
	server := serve(t, newEmbedded(t), true)
	at, err := url.Parse(server.URL)
	must(t, err)
	var restores, busy atomic.Int32 // busy: how often a volume will still be restored to
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ModifyResponse = func(answer *http.Response) error {
		restore := strings.HasSuffix(answer.Request.URL.Path, "/restore") && answer.StatusCode == http.StatusAccepted
		switch {
		case restore && restores.Add(1) == 1:
			answer.StatusCode = http.StatusOK // Cinder answers 202
			busy.Store(3)
		case restore && busy.Load() > 0:
			answer.StatusCode = http.StatusBadRequest
		case answer.Request.Method == http.MethodGet && strings.Contains(answer.Request.URL.Path, "/volumes/") && busy.Load() > 0:
			busy.Add(-1)
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				return err
			}
			body := strings.Replace(string(text), `"available"`, `"restoring-backup"`, 1)
			answer.Body, answer.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			answer.Header.Del("Content-Length")
		}
		return nil
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	o := options(t, front.URL, verify.Tenant)
	o.Select = only("restore-to-volume", "restore-to-volume-keeps-name")
	report, err := verify.Run(t.Context(), o)
	must(t, err)
	got := map[string]verify.Outcome{}
	for _, r := range report.Results {
		got[r.Case.Name] = r.Outcome
	}
	if got["restore-to-volume"] != verify.Deviates || got["restore-to-volume-keeps-name"] != verify.Passed {
		t.Errorf("%v", got)
	}
}
