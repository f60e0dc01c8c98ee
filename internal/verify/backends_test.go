package verify_test

import (
	"maps"
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

// noBytes are the cases of the level data, where a backend gives no way to the bytes.
var noBytes = declared{
	"data-full": noWay, "data-full-over": noWay, "data-zeroed": noWay, "data-zeroed-over": noWay,
	"data-chain": noWay, "data-chain-middle": noWay, "data-chain-first": noWay, "data-source": noWay,
}

const (
	noWay       = "there is no way to the bytes"
	noEVS       = "the gateway answers 501 for what the vendor's clouds lack, also where there is no route"
	noService   = "the service has no such function"
	ownOnly     = "the service shows a token's own project"
	noSnapshots = "the service makes no backups of snapshots"
	originOnly  = "Open Telekom Cloud's CBR restores to the original volume only"
	evsForm     = "EVS checks it, in its own words"
)

// ofBoth are the differences of both services.
var ofBoth = declared{
	"extensions": noEVS, "resource filters": noEVS, "messages": noEVS, "services": noEVS,
	"version-hides-filters": noEVS, "version-hides-messages": noEVS, "route-unknown": noEVS, "route-slash": noEVS,
	"metadata-of-backup-is-no-route": noEVS, "method-unknown": noEVS, "quota-set-defaults": noEVS, "services-of-members": noEVS,
	"type-unknown": evsForm, "volume-from-backup-no-uuid": evsForm, "snapshot-without-volume": evsForm,
	"update a backup": noService, "other-update": noService, "actions": noService, "reset the status": noService, "force the deletion": noService,
	"export a record": noService, "import a record": noService,
	"create-metadata": noService, "create-zone": noService, "create-snapshot-unknown": noService, "show-dependents": noService,
	"create-incremental-without-full": "the service makes a full backup then",
	"delete-with-dependents":          "backups of the service do not depend on each other",
	"admin-project":                   ownOnly, "admin-user": ownOnly, "admin-no-user-before": ownOnly,
	"all projects": ownOnly, "filters of admins": ownOnly,
}

// with returns all that is declared in one of several.
func with(all ...declared) declared {
	sum := declared{}
	for _, d := range all {
		maps.Copy(sum, d)
	}
	return sum
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
	}), with(noBytes, ofBoth, declared{
		"show-no-snapshot":             "the service takes a snapshot for each backup",
		"show-snapshot-data-timestamp": "the service does not tell the snapshot's time",
		"restore-to-larger-volume":     "the restored volume takes the size of the backup in the stand-in",
		"restore-metadata":             "the service keeps no metadata of volumes",
	}))
}

func TestCBRBackend(t *testing.T) {
	held(t, otcRun(t, func(url string) driver.Driver {
		d, err := cbr.New(cbr.Options{Vault: "vault", Bind: true, Options: otcOptions(url)})
		must(t, err)
		return d
	}), with(noBytes, ofBoth, declared{
		"create-snapshot-of-other-volume": noSnapshots, "show-no-snapshot": "the service takes a snapshot for each backup",
		"show-snapshot": noSnapshots, "show-snapshot-volume": noSnapshots, "show-snapshot-data-timestamp": noSnapshots,
		"restore-of-snapshot": noSnapshots, "snapshot-available-again": noSnapshots,
		"restore-to-volume": originOnly, "restore-to-volume-keeps-name": originOnly, "restore-to-larger-volume": originOnly, "restore-volume-has-priority": originOnly,
		"restore-null-name": originOnly, "restore-busy": originOnly, "v2-restore": originOnly, "v2-restore-priority": originOnly, "vbs-restore": originOnly,
		"restore-metadata": "the service keeps no metadata of volumes",
	}))
}
