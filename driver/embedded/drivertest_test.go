package embedded_test

import (
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/database/pgtest"
	"cindergate/internal/drivertest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestDriver(t *testing.T) {
	runSuite(t, func(*testing.T) string { return "" })
}

func TestDriverOnPostgreSQL(t *testing.T) {
	runSuite(t, func(t *testing.T) string { return pgtest.URL(t) })
}

func runSuite(t *testing.T, database func(*testing.T) string) {
	drivertest.Run(t, func(t *testing.T) drivertest.Backend {
		d, err := embedded.Open(t.Context(), embedded.Small(embedded.Options{DataDir: t.TempDir(), Database: database(t), Store: chunktest.NewMemory()}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		settle := func(t *testing.T) {
			for ran := true; ran; {
				if ran, err = d.RunOne(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		member := driver.Caller{ProjectID: "alpha", UserID: "a", Role: driver.Member}
		return drivertest.Backend{
			Driver: d, Caller: member, Settle: settle,
			OtherCaller: driver.Caller{ProjectID: "beta", UserID: "b", Role: driver.Member},
			AdminCaller: driver.Caller{ProjectID: "admin", UserID: "c", Role: driver.Admin},
			Volume: func(t *testing.T, sizeGiB int) string {
				v, err := d.CreateVolume(t.Context(), member, driver.VolumeSpec{Size: sizeGiB})
				if err != nil {
					t.Fatal(err)
				}
				return v.ID
			},
		}
	})
}
