package cinder_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/cinder"
	"cindergate/driver/embedded"
	"cindergate/gateway"
	"cindergate/internal/drivertest"
	"cindergate/internal/openstack"
)

// tokens maps tokens to callers.
type tokens map[string]driver.Caller

func (ts tokens) Authenticate(_ context.Context, token string) (driver.Caller, error) {
	caller, ok := ts[token]
	if !ok {
		return driver.Caller{}, driver.Errorf(driver.Unauthorized, "no")
	}
	return caller, nil
}

func (tokens) Challenge(string) string { return "Keystone" }

// TestConformance runs the suite of all drivers with the gateway itself as the upstream, so
// it tests both ends of the wire. Other tests compare the gateway's answers with a real
// Cinder's, so the two ends cannot merely agree with each other.
func TestConformance(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Backend {
		caller := driver.Caller{ProjectID: "aaaa", UserID: "alice", Role: driver.Member, Token: "alice"}
		other := driver.Caller{ProjectID: "bbbb", UserID: "bob", Role: driver.Member, Token: "bob"}
		admin := driver.Caller{ProjectID: "cccc", UserID: "root", Role: driver.Admin, Token: "root"}
		store, err := embedded.Open(t.Context(), embedded.Options{DataDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		server := httptest.NewServer(gateway.New(gateway.Options{
			Backends: map[string]driver.Driver{"embedded": store}, Log: zap.NewNop(), Metrics: gateway.NewMetrics(),
			Auth: tokens{"alice": caller, "bob": other, "root": admin},
		}))
		t.Cleanup(server.Close)
		d, err := cinder.New(cinder.Options{URL: server.URL, Options: openstack.Options{Name: "east"}})
		if err != nil {
			t.Fatal(err)
		}
		settle := func(t *testing.T) {
			for {
				did, err := store.RunOne(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !did {
					return
				}
			}
		}
		return drivertest.Backend{
			Driver: d, Caller: caller, OtherCaller: other, AdminCaller: admin, Settle: settle, Lacks: drivertest.Forwarded,
			Volume: func(t *testing.T, size int) string {
				v, err := store.CreateVolume(t.Context(), caller, driver.VolumeSpec{Size: size})
				if err != nil {
					t.Fatal(err)
				}
				settle(t)
				return v.ID
			},
		}
	})
}
