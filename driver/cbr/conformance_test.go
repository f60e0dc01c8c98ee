package cbr_test

import (
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/internal/drivertest"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

// lab is a fake cloud with a vault, a driver for it, and a caller.
type lab struct {
	*otcfake.Cloud
	t       *testing.T
	url     string
	project otcfake.Project
	vault   string
	driver  *cbr.Driver
	caller  driver.Caller
}

// vaultName is the name of the lab's vault.
const vaultName = "backups"

// open makes a lab. Endpoints come from the catalogue unless o sets them.
func open(t *testing.T, o cbr.Options, made otcfake.Options) *lab {
	t.Helper()
	if o.Dialect == "" {
		o.Dialect = otc.OTC
	}
	made.Dialect, made.JobsRun = string(o.Dialect), true
	fake := otcfake.New(made)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	if o.IdentityURL == "" {
		o.IdentityURL = server.URL + "/iam/v3"
	}
	if o.Retries == 0 {
		o.Retries = -1
	}
	if o.IDTimeout == 0 {
		o.IDTimeout = time.Minute
	}
	o.Name, o.RetryWait, o.PollEvery = "east", time.Millisecond, time.Millisecond
	d, err := cbr.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{Cloud: fake, t: t, url: server.URL, project: fake.AddProject("eu-de"), driver: d}
	l.vault = fake.AddVault(l.project.ID, otcfake.Vault{Name: vaultName})
	l.caller = caller(l.project)
	return l
}

func caller(p otcfake.Project) driver.Caller {
	return driver.Caller{ProjectID: p.ID, UserID: p.UserID, Role: driver.Member, Token: driver.Token(p.Token), RequestID: "req-1"}
}

// both runs a test in each dialect.
func both(t *testing.T, test func(t *testing.T, dialect otc.Dialect)) {
	for _, dialect := range []otc.Dialect{otc.OTC, otc.Huawei} {
		t.Run(string(dialect), func(t *testing.T) { test(t, dialect) })
	}
}

func TestConformance(t *testing.T) {
	both(t, func(t *testing.T, dialect otc.Dialect) {
		lacks := slices.Concat(drivertest.Forwarded, drivertest.Records, drivertest.AdminActions)
		if dialect == otc.OTC {
			lacks = append(lacks, drivertest.Updates...)
		}
		drivertest.Run(t, func(t *testing.T) drivertest.Backend {
			l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}, Vault: vaultName, Bind: true}, otcfake.Options{})
			admin := caller(l.AddProject("eu-de_admins"))
			admin.Role = driver.Admin
			return drivertest.Backend{
				Driver: l.driver, Caller: l.caller, OtherCaller: caller(l.AddProject("eu-de_other")), AdminCaller: admin,
				Volume: func(_ *testing.T, size int) string {
					return l.AddVolume(l.project.ID, otcfake.Volume{SizeGiB: size})
				},
				Settle: func(*testing.T) { l.Settle() },
				Lacks:  lacks,
				Quirks: drivertest.Quirks{
					OwnProjectOnly: true, Independent: true, FirstIsFull: true, NewVolumeApart: true, NameOnly: true,
					OriginalVolumeOnly: dialect == otc.OTC, ShowsWish: dialect == otc.Huawei,
				},
			}
		})
	})
}
