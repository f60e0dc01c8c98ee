package verify_test

import (
	"testing"

	"cindergate/internal/verify"
)

func TestEmbedded(t *testing.T) {
	server := serve(t, newEmbedded(t), true)
	report, err := verify.Run(t.Context(), options(server.URL, verify.Admin, verify.Data))
	must(t, err)
	t.Log(report.Line(), report.Release.Signs, report.Requests, report.Took)
	held(t, report, declared{})
}
