package otcfake

import "testing"

func TestCodes(t *testing.T) {
	count := map[string]int{}
	seen := map[Code]bool{}
	for _, c := range Codes() {
		count[c.Service]++
		if c.Code == "" || c.Text == "" || c.Status < 400 || seen[c] {
			t.Errorf("%+v", c)
		}
		seen[c] = true
		if c.Want >= 500 && c.Want != 500 && c.Want != 501 && c.Want != 503 {
			t.Errorf("%s: %d is no status that the Block Storage API documents", c.Code, c.Want)
		}
	}
	if count["vbs"] < 90 || count["cbr"] < 140 || count["evs"] < 30 || count["apigw"] < 15 {
		t.Errorf("codes by service: %v", count)
	}
	changed := Codes()
	changed[0].Code = ""
	if Codes()[0].Code == "" {
		t.Error("the table can be changed")
	}
}
