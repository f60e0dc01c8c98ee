package verify_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/driver/cinder"
	"cindergate/driver/vbs"
	"cindergate/internal/openstack"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
	"cindergate/internal/verify"
)

func TestEmbedded(t *testing.T) {
	server := serve(t, newEmbedded(t), true)
	report, err := verify.Run(t.Context(), options(t, server.URL, verify.Admin, verify.Data))
	must(t, err)
	t.Log(report.Line(), report.Release.Signs, report.Requests, report.Took)
	held(t, report, declared{})
}

// A gateway in front of a gateway, with the same tokens on both sides.
func TestCinderBackend(t *testing.T) {
	who := logins{}
	for token, caller := range callers {
		caller.Token = driver.Token(token)
		who[token] = caller
	}
	far := serveFor(t, newEmbedded(t), false, who)
	d, err := cinder.New(cinder.Options{URL: far.URL, Options: openstack.Options{Name: "far"}})
	must(t, err)
	near := serveFor(t, d, true, who)
	report, err := verify.Run(t.Context(), options(t, near.URL, verify.Admin, verify.Data))
	must(t, err)
	t.Log(report.Line(), report.Release.Signs, report.Requests, report.Took)
	held(t, report, declared{})
}

// otcRun verifies a gateway in front of the stand-in for Open Telekom Cloud.
func otcRun(t *testing.T, open func(url string) driver.Driver) *verify.Report {
	t.Helper()
	fake := otcfake.New(otcfake.Options{Dialect: otcfake.OTC, Auto: true})
	cloud := httptest.NewServer(fake)
	t.Cleanup(cloud.Close)
	caller := func(name string, role driver.Role) (driver.Caller, string) {
		p := fake.AddProject(name)
		return driver.Caller{ProjectID: p.ID, UserID: p.UserID, Role: role, Token: driver.Token(p.Token)}, p.Token
	}
	who := logins{}
	var logs [3]verify.Login
	for i, name := range []string{"eu-de", "eu-de_other", "eu-de_admins"} {
		role := driver.Member
		if i == 2 {
			role = driver.Admin
		}
		c, text := caller(name, role)
		who[text] = c
		logs[i] = verify.Login{Token: token(text), ProjectID: c.ProjectID}
		fake.AddVault(c.ProjectID, otcfake.Vault{Name: "vault"})
	}
	server := serveFor(t, open(cloud.URL+"/iam/v3"), true, who)
	o := options(t, server.URL, verify.Admin, verify.Data)
	o.Tester, o.Second, o.Boss = logs[0], &logs[1], &logs[2]
	report, err := verify.Run(t.Context(), o)
	must(t, err)
	t.Log(report.Line(), report.Release.Signs, report.Requests, report.Took)
	return report
}

func otcOptions(url string) otc.Options {
	return otc.Options{Dialect: otc.OTC, IdentityURL: url, Options: openstack.Options{Name: "east", RetryWait: time.Millisecond, Retries: -1}, PollEvery: time.Millisecond, IDTimeout: time.Minute}
}

func TestVBSBackend(t *testing.T) {
	held(t, otcRun(t, func(url string) driver.Driver {
		d, err := vbs.New(vbs.Options{Native: "v2", Options: otcOptions(url)})
		must(t, err)
		return d
	}), declared{})
}

func TestCBRBackend(t *testing.T) {
	held(t, otcRun(t, func(url string) driver.Driver {
		d, err := cbr.New(cbr.Options{Options: otcOptions(url)})
		must(t, err)
		return d
	}), declared{})
}
