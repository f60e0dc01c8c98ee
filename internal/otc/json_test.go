package otc

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestNumbersAndTextsAreTakenEitherWay(t *testing.T) {
	var got struct {
		A, B, C, D, E, M, N Int
		F, G, H             Text
		I, J, K, L          Bool
	}
	const text = `{"A": 40, "B": "40", "C": null, "D": "", "E": " -1 ", "M": 9223372036854775807, "N": 40.0, "F": 404, "G": "EVS.0001", "H": null,
		"I": true, "J": "true", "K": null, "L": 1}`
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.A != 40 || got.B != 40 || got.C != 0 || got.D != 0 || got.E != -1 || got.M != math.MaxInt || got.N != 40 || got.F != "404" || got.G != "EVS.0001" || got.H != "" ||
		!got.I || !got.J || got.K || !got.L {
		t.Errorf("%+v", got)
	}
	// An unreadable member keeps its zero value and does not affect the others.
	for _, text := range []string{`"A": "many"`, `"A": 1.5`, `"A": []`, `"A": 1e300`, `"F": {}`, `"F": true`, `"I": "perhaps"`, `"I": 2`, `"I": {}`} {
		got.A, got.F, got.I = 7, "seven", true
		if err := json.Unmarshal([]byte(`{"B": 1, `+text+`, "G": "x"}`), &got); err != nil || got.B != 1 || got.G != "x" {
			t.Errorf("%s: %v, %+v", text, err, got)
		}
		switch text[1] {
		case 'A':
			if got.A != 0 {
				t.Errorf("%s is %d", text, got.A)
			}
		case 'F':
			if got.F != "" {
				t.Errorf("%s is %q", text, got.F)
			}
		default:
			if got.I {
				t.Errorf("%s is true", text)
			}
		}
		got.B, got.G = 0, ""
	}
}

func TestListsLoseOddElementsOnly(t *testing.T) {
	type item struct {
		ID    string `json:"id"`
		Extra struct {
			A string `json:"a"`
		} `json:"extra"`
	}
	for text, want := range map[string]struct {
		ids  string
		len  int
		told bool
	}{
		`{"l": [{"id": "a"}, {"id": "b", "extra": "{}"}, {"id": 7}]}`: {"a b ", 3, true},
		`{"l": ["odd", null, 7, [], {"id": "a"}]}`:                    {"a", 5, true},
		`{"l": []}`:                {"", 0, true},
		`{"l": null}`:              {"", 0, true},
		`{"l": {}}`:                {"", 0, false},
		`{"l": "x"}`:               {"", 0, false},
		`{"m": [{"id": "a"}]}`:     {"", 0, false},
		`{"l": [{"extra": [{}]}]}`: {"", 1, true},
	} {
		var got struct {
			L List[item] `json:"l"`
		}
		if err := decode([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var ids []string
		for _, i := range got.L.Items {
			ids = append(ids, i.ID)
		}
		if strings.Join(ids, " ") != want.ids || got.L.Len != want.len || got.L.Told != want.told {
			t.Errorf("%s: %q of %d, told %t", text, ids, got.L.Len, got.L.Told)
		}
	}
}
