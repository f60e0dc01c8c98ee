package transcript

import (
	"fmt"
	"net/http"
	"testing"
)

const (
	one = "11111111-1111-4111-8111-111111111111"
	two = "22222222-2222-4222-8222-222222222222"
)

// What an exchange makes stands for what it makes elsewhere, in a form that can be a part of a path.
func TestMakes(t *testing.T) {
	for _, test := range []struct{ method, asked, recorded, here, want string }{
		{http.MethodPost, `{}`, `{"backup": {"id": "` + one + `"}}`, `{"backup": {"id": "` + two + `"}}`, "[{backup " + one + " " + two + "}]"},
		{http.MethodPost, `{}`, `{"backup": {"id": "` + one + `"}}`, `{"backup": {"id": "x/../y"}}`, "[]"},
		{http.MethodPost, `{}`, `{"backup": {"id": "short"}}`, `{"backup": {"id": "` + two + `"}}`, "[]"},
		{http.MethodPost, `{}`, `{"backup": {"id": "` + one + `"}}`, `{"volume": {"id": "` + two + `"}}`, "[]"},
		{http.MethodPost, `{}`, `{"backup": "x"}`, `[]`, "[]"},
		{http.MethodGet, `{}`, `{"backup": {"id": "` + one + `"}}`, `{"backup": {"id": "` + two + `"}}`, "[]"},
		{http.MethodPost, `{"restore": {}}`, `{"restore": {"volume_id": "` + one + `"}}`, `{"restore": {"volume_id": "` + two + `"}}`, "[{volume " + one + " " + two + "}]"},
		{http.MethodPost, `{"restore": {"volume_id": null}}`, `{"restore": {"volume_id": "` + one + `"}}`, `{"restore": {"volume_id": "` + two + `"}}`, "[{volume " + one + " " + two + "}]"},
		{http.MethodPost, `{"restore": {"volume_id": "` + one + `"}}`, `{"restore": {"volume_id": "` + one + `"}}`, `{"restore": {"volume_id": "` + two + `"}}`, "[]"},
		{http.MethodPost, `no JSON`, `{"restore": {"volume_id": "` + one + `"}}`, `{"restore": {"volume_id": "` + two + `"}}`, "[]"},
	} {
		x := &Exchange{Req: Request{Method: test.method, Body: &test.asked}, Resp: Answer{Status: http.StatusAccepted, Body: test.recorded}}
		if got := fmt.Sprint(x.Made(http.StatusOK, []byte(test.here))); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
		if got := x.Made(http.StatusBadRequest, []byte(test.here)); got != nil {
			t.Errorf("%+v refused: %v", test, got)
		}
	}
}

// Ids are replaced in one pass: one that stands for another is not replaced again.
func TestIDs(t *testing.T) {
	ids := IDs{one: two, two: one}
	if got := ids.FromServer(ids.ToServer(one + " " + two)); got != one+" "+two || ids.ToServer(one) != two {
		t.Error(got)
	}
}
