package otc

import (
	"encoding/json"
	"math"
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
	for _, text := range []string{`{"A": "many"}`, `{"A": 1.5}`, `{"A": []}`, `{"A": 1e300}`, `{"F": {}}`, `{"F": true}`, `{"I": "perhaps"}`, `{"I": 2}`} {
		if json.Unmarshal([]byte(text), &got) == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
