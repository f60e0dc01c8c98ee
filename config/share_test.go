package config

import "testing"

func TestParseShare(t *testing.T) {
	for text, want := range map[string]float64{
		"100%": 1, "5%": 0.05, "0.5%": 0.005,
		"0%": 0, "-1%": 0, "101%": 0, "0.5": 0, "": 0, "%": 0, "NaN%": 0, "Inf%": 0, "5 %": 0,
	} {
		if got, err := ParseShare(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
