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
	} {
		var got Time
		if err := json.Unmarshal([]byte(`"`+text+`"`), &got); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`""`, `null`} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.IsZero() {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`"yesterday"`, `"2019-05-10"`, `7`} {
		if json.Unmarshal([]byte(text), new(Time)) == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
