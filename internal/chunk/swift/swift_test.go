package swift_test

import (
	"testing"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/swift"
)

func options(server *chunktest.Swift) swift.Options {
	return swift.Options{Login: swift.Login{AuthURL: server.URL + "/auth/v1.0", Version: 1, User: chunktest.SwiftUser, Key: chunktest.SwiftKey},
		Options: object.Options{Name: "archive", Pause: time.Millisecond, MaxPause: 4 * time.Millisecond, Budget: 1e6, Patience: 10 * time.Second}}
}

func open(t *testing.T, o swift.Options) *object.Store {
	t.Helper()
	s, err := swift.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	for name, noBulk := range map[string]bool{"bulk": false, "without bulk": true} {
		t.Run(name, func(t *testing.T) {
			chunktest.RunBelow(t, "suite", func(t *testing.T) chunk.Store {
				server := chunktest.NewSwift(t)
				server.NoBulk = noBulk
				server.Set("suite", "", nil)
				s := open(t, options(server))
				if _, err := s.Claim(t.Context(), "one"); err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

// A container that no request could name is refused at the start, and not called a store that is away.
func TestContainers(t *testing.T) {
	for container, valid := range map[string]bool{"": true, "volumebackups": true, "volume/backups": false} {
		o := swift.Options{Login: swift.Login{AuthURL: "https://keystone.example.com/v3"}, Container: container}
		if _, err := swift.New(o); (err == nil) != valid {
			t.Errorf("%q: %v", container, err)
		}
		if _, err := swift.NewAccounts(o, nil); (err == nil) != valid {
			t.Errorf("%q, of each project: %v", container, err)
		}
	}
}
