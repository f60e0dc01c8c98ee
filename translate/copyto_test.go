package translate

import (
	"strings"
	"testing"

	"cindergate/driver"
)

// A backend whose driver makes no copies is never sent a wish for one.
func TestCopyToIsRefused(t *testing.T) {
	for _, operation := range []struct {
		name string
		do   func(*Translator, ctx, Request) (Response, error)
		body string
	}{
		{"CreateBackup", (*Translator).CreateBackup, `{"backup": {"volume_id": "` + someID + `", "metadata": {"cindergate:copy-to": "west"}}}`},
		{"UpdateBackup", (*Translator).UpdateBackup, `{"backup": {"metadata": {"cindergate:copy-to": "west", "k": "v"}}}`},
	} {
		b := &backend{}
		r := request(operation.name, writer, newest)
		r.Body = []byte(operation.body)
		_, err := operation.do(New(b), t.Context(), r)
		if driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), driver.CopyTo) || b.calls.Load() > 0 {
			t.Errorf("%s: %v after %d calls", operation.name, err, b.calls.Load())
		}
		r.Body = []byte(strings.Replace(operation.body, `"west"`, `""`, 1))
		if _, err := operation.do(New(b), t.Context(), r); err != nil {
			t.Errorf("%s without a backend: %v", operation.name, err)
		}
	}
}
