package driver

import (
	"strings"
	"testing"
	"time"
)

func TestLike(t *testing.T) {
	for _, c := range []struct {
		text, pattern string
		want          bool
	}{
		{"", "", true}, {"", "%", true}, {"a", "", false}, {"abc", "abc", true}, {"abc", "a%", true}, {"abc", "%c", true}, {"abc", "%b%", true},
		{"abc", "a_c", true}, {"ac", "a_c", false}, {"abc", "___", true}, {"abcbc", "%bc", true}, {"50%", `50\%`, true}, {"500", `50\%`, false},
		{"a_b", `a\_b`, true}, {"axb", `a\_b`, false}, {`a\`, `a\`, true}, {"é", "_", true}, {"abc", "%%%", true}, {"abcd", "a%c", false},
		{strings.Repeat("a", 255), strings.Repeat("%a", 100) + "%b", false}, // ends soon
	} {
		if got := like(c.text, c.pattern); got != c.want {
			t.Errorf("%.20q LIKE %.20q: %v", c.text, c.pattern, got)
		}
	}
}

func TestEquals(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, c := range []struct {
		column any
		text   string
		want   bool
	}{
		{"Nova", "nova", true}, {"", "", true}, {nil, "", false}, {nil, "None", false},
		{1, "1", true}, {1, "01", true}, {1, "1.0", true}, {1, " 1x", true}, {1, "1.5", false}, {10, "1e1", true}, {0, "x", true}, {-1, "-1", true},
		{1, strings.Repeat("9", 999), false},
		{true, "true", true}, {true, "1", true}, {true, "0", false}, {false, "False", true}, {false, "0", true}, {true, "x", false},
		{at, "2026-01-02T03:04:05.000006", true}, {Pairs{{"k": "v"}}, "", false},
	} {
		if got := Equals(c.column, c.text); got != c.want {
			t.Errorf("%v = %.20q: %v", c.column, c.text, got)
		}
	}
}

// A page begins after its marker's place, even if the marker's item no longer matches.
func TestMarkerThatIsFilteredOut(t *testing.T) {
	var all []Volume
	for i, status := range []string{"available", "error", "available", "available"} {
		all = append(all, Volume{ID: string(rune('a' + i)), Status: status, CreatedAt: time.Unix(int64(i), 0)})
	}
	for marker, want := range map[string]string{"": "dca", "d": "ca", "c": "a", "b": "a", "B": "a", "a": ""} {
		page, err := Paginate(all, VolumeColumns, Query{
			Limit: -1, Marker: marker, Filters: []Filter{{Column: "status", Value: "available"}},
		}, VolumeNotFound)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, v := range page.Items {
			got += v.ID
		}
		if got != want {
			t.Errorf("after %s: got %s, want %s", marker, got, want)
		}
	}
	if _, err := Paginate(all, VolumeColumns, Query{Limit: -1, Marker: "x"}, VolumeNotFound); KindOf(err) != NotFound {
		t.Errorf("an unknown marker: %v", err)
	}
}
