package openstack

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	want := time.Date(2019, 5, 10, 7, 59, 12, 733000000, time.UTC)
	for _, text := range []string{
		"2019-05-10T07:59:12.733000", "2019-05-10T07:59:12.733", "2019-05-10T07:59:12.733Z",
		"2019-05-10T07:59:12.733+00:00", "2019-05-10T09:59:12.733+02:00", "2019-05-10T02:59:12.733-05:00",
		"2019-05-10 07:59:12.733", "2019-05-10 07:59:12.733Z", "2019-05-10 09:59:12.733+02:00", "2019-05-10 07:59:12.733 +0000",
		"2019-05-10T09:59:12.733+0200", "2019-05-10 07:59:12.733 UTC", " 2019-05-10T07:59:12.733000 ",
	} {
		var got Time
		if err := json.Unmarshal([]byte(`"`+text+`"`), &got); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, day := range map[string]time.Time{
		`"2019-05-10"`: time.Date(2019, 5, 10, 0, 0, 0, 0, time.UTC), `"2019-05-10 07:59"`: time.Date(2019, 5, 10, 7, 59, 0, 0, time.UTC),
	} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.Equal(day) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		`""`, `null`, `"yesterday"`, `7`, `true`, `{}`, `[]`, `"2019-13-10"`, `"2019-05-10 07:59:12 CEST"`,
	} {
		got := Time{want}
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.IsZero() {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
