package transcript

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Difference is a place in an answer where it is not as recorded. Recorded and Here are [Absent] where
// there is nothing.
type Difference struct {
	Path           string // such as /body/backup/name
	Recorded, Here any
}

// Absent is what a missing member is.
type Absent struct{}

// Compare returns where two JSON values differ. [Canon] makes answers equal that differ in times, hosts
// and ids only.
func Compare(recorded, here any) []Difference { return differences("", recorded, here) }

func differences(at string, want, got any) []Difference {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			var all []Difference
			keys := maps.Clone(want)
			maps.Copy(keys, got)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				w, wanted := want[key]
				g, given := got[key]
				switch {
				case !wanted:
					all = append(all, Difference{at + "/" + key, Absent{}, g})
				case !given:
					all = append(all, Difference{at + "/" + key, w, Absent{}})
				default:
					all = append(all, differences(at+"/"+key, w, g)...)
				}
			}
			return all
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			var all []Difference
			for i := range want {
				all = append(all, differences(fmt.Sprintf("%s/%d", at, i), want[i], got[i])...)
			}
			return all
		}
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []Difference{{at, want, got}}
}

// String says what the difference is, in three lines.
func (d Difference) String() string {
	return d.Path + "\n  recorded: " + Show(d.Recorded) + "\n  here:     " + Show(d.Here)
}

// Show is a value of a difference as text, at most 700 bytes of JSON.
func Show(v any) string {
	if v == (Absent{}) {
		return "(absent)"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.ToValidUTF8(string(text[:min(len(text), 700)]), "")
}
