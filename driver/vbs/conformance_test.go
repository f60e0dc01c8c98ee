package vbs_test

import (
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/vbs"
	"cindergate/internal/drivertest"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

// combinations are the dialects with their native versions.
var combinations = []vbs.Options{
	{Options: otc.Options{Dialect: otc.OTC}, Native: "v2"},
	{Options: otc.Options{Dialect: otc.OTC}, Native: "v3"},
	{Options: otc.Options{Dialect: otc.Huawei}, Native: "v2"},
}

func name(o vbs.Options) string { return string(o.Dialect) + " " + o.Native }

// cloud is a fake cloud, a driver for it, and a caller.
type cloud struct {
	*otcfake.Cloud
	url     string
	project otcfake.Project
	driver  *vbs.Driver
	caller  driver.Caller
}

// open makes a cloud. Endpoints come from its catalogue unless o sets them.
func open(t *testing.T, o vbs.Options, made otcfake.Options) *cloud {
	t.Helper()
	if o.Dialect == "" {
		o.Dialect = otc.OTC
	}
	made.Dialect, made.JobsRun = string(o.Dialect), true
	fake := otcfake.New(made)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	if o.URL == "" && o.IdentityURL == "" {
		o.IdentityURL = server.URL + "/iam/v3"
	}
	if o.URL == "fake" {
		o.URL = server.URL + "/vbs"
	}
	if o.Retries == 0 {
		o.Retries = -1
	}
	o.Name, o.RetryWait, o.PollEvery = "east", time.Millisecond, time.Millisecond
	if o.IDTimeout == 0 {
		o.IDTimeout = time.Minute
	}
	d, err := vbs.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{Cloud: fake, url: server.URL, project: fake.AddProject("eu-de"), driver: d}
	c.caller = caller(c.project)
	return c
}

func caller(p otcfake.Project) driver.Caller {
	return driver.Caller{ProjectID: p.ID, UserID: p.UserID, Role: driver.Member, Token: driver.Token(p.Token), RequestID: "req-1"}
}

func TestConformance(t *testing.T) {
	for _, o := range combinations {
		t.Run(name(o), func(t *testing.T) {
			lacks := slices.Concat(drivertest.Forwarded, drivertest.Records, drivertest.AdminActions, drivertest.Updates)
			drivertest.Run(t, func(t *testing.T) drivertest.Backend {
				c := open(t, o, otcfake.Options{})
				admin := caller(c.AddProject("eu-de_admins"))
				admin.Role = driver.Admin
				return drivertest.Backend{
					Driver: c.driver, Caller: c.caller, OtherCaller: caller(c.AddProject("eu-de_other")), AdminCaller: admin,
					Volume: func(_ *testing.T, size int) string {
						return c.AddVolume(c.project.ID, otcfake.Volume{SizeGiB: size})
					},
					Settle: func(*testing.T) { c.Settle() },
					Lacks:  lacks,
					Quirks: drivertest.Quirks{OwnProjectOnly: true, Independent: true, FirstIsFull: true, NewVolumeApart: true},
				}
			})
		})
	}
}
