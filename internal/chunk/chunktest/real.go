package chunktest

import (
	"testing"

	"cindergate/internal/chunk"
)

// RunReal runs the suite in a container of a real service, which it makes and empties.
func RunReal(t *testing.T, open func(t *testing.T) chunk.Remote) {
	const container = "cindergate-suite"
	RunBelow(t, container, func(t *testing.T) chunk.Store {
		s := open(t)
		if _, err := s.Claim(t.Context(), "suite"); err != nil {
			t.Fatal(err)
		}
		if err := s.Prepare(t.Context(), container); err != nil {
			t.Fatal(err)
		}
		var keys []string
		for key, err := range s.List(t.Context(), container+"/") {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		if err := s.Delete(t.Context(), keys...); err != nil {
			t.Fatal(err)
		}
		l := s.Layout()
		for key, err := range s.List(t.Context(), l.Container(layoutBackup)+"/") {
			if err == nil {
				err = s.Delete(t.Context(), key)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return s
	})
}
