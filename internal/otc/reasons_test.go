package otc

import "testing"

// A code has a kind and sometimes a reason. The reason must have the code's kind; otherwise
// one of the two tables is wrong.
func TestReasonsHaveTheKindOfTheirCode(t *testing.T) {
	checked := 0
	for _, kind := range []*Kind{&VBS, &CBR, &EVS} {
		for code, reason := range kind.reasons {
			checked++
			if want, known := kind.codes[code]; !known || want != reason.Kind() {
				t.Errorf("%s: reason %s is of kind %d, the code of %d", code, reason, reason.Kind(), want)
			}
		}
	}
	if checked < 30 {
		t.Errorf("checked %d codes", checked)
	}
}
