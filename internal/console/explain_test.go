package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
)

// told is a backend that explains policies.
type told struct{ asked []string }

// ExplainPolicy implements driver.PolicyExplainer.
func (e *told) ExplainPolicy(_ context.Context, caller driver.Caller, volumeID, text string) (any, error) {
	e.asked = append(e.asked, caller.ProjectID+" "+volumeID+" "+text)
	if text == "wrong" {
		return nil, driver.Errorf(driver.InvalidInput, "The policy: %q is no <schedule>.", text)
	}
	if text == "" {
		text = "daily 02:30; keep=7d"
	}
	return map[string]any{
		"policy": text, "from": "metadata", "schedule": "each day at 02:30 UTC", "keep": "7 days", "next": []time.Time{start.Add(time.Hour)}, "next_kind": "full: it is the first",
		"backups": []map[string]any{{"id": "gone", "name": "<old>", "keep": false, "reasons": []string{"no rule keeps it (7 days)"}, "created_at": start}},
		"runs":    []map[string]any{{"slot": start, "state": "failed", "reason": "the volume was busy"}},
	}, nil
}

// The page of a volume says what its policy does and what another one would do; only who sees the volume
// is told.
func TestExplain(t *testing.T) {
	backend := &told{}
	r := newRig(t, func(o *Options) { o.Explainer = func(string) driver.PolicyExplainer { return backend } })
	demo, alt := r.login("demo"), r.login("alt")
	v := demo.volume("photos")
	page := demo.get("/ui/volumes/" + v)
	for _, want := range []string{"daily 02:30; keep=7d", "each day at 02:30 UTC", "Next runs", "2026-11-28 13:00", "the volume was busy"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	path := "/ui/volumes/" + v + "?try=" + url.QueryEscape("weekly mon 03:00; keep=4w")
	page = demo.get(path)
	checkPage(t, path, page)
	for _, want := range []string{"With that policy", "weekly mon 03:00; keep=4w", "1 backup would go now", "&lt;old&gt;", "no rule keeps it (7 days)", "Give the volume this policy"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if page = demo.get("/ui/volumes/" + v + "?try=wrong"); !strings.Contains(page, "The policy: &#34;wrong&#34; is no &lt;schedule&gt;.") {
		t.Errorf("a mistake:\n%s", page)
	}
	if page = demo.get("/ui/volumes/" + v + "?try=" + strings.Repeat("a", 256)); !strings.Contains(page, "at most 255 bytes") {
		t.Errorf("a policy that is too long:\n%s", page)
	}
	backend.asked = nil
	if alt.do(http.MethodGet, path, nil); alt.status != http.StatusNotFound || len(backend.asked) > 0 {
		t.Errorf("another project: %d, asked %q", alt.status, backend.asked)
	}
}
