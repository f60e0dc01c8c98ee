package cbr_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
	"cindergate/translate"
)

// faultNames are Cinder's fault names by status (cinder/api/openstack/wsgi.py Fault).
var faultNames = map[int]string{
	400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 413: "overLimit", 500: "computeFault", 501: "notImplemented",
	503: "serviceUnavailable",
}

// Every code of the service and of the API gateway becomes the status that Cinder has for
// the case, whatever status the code came with.
func TestCodesBecomeDocumentedFaults(t *testing.T) {
	l := open(t, cbr.Options{Options: otc.Options{EVSURL: otc.None}}, otcfake.Options{})
	volume, id := l.made(otcfake.Volume{})
	if _, err := l.driver.GetBackup(t.Context(), l.caller, id); err != nil { // reads the catalogue
		t.Fatal(err)
	}
	count := 0
	for _, c := range otcfake.Codes() {
		if c.Service != "cbr" && c.Service != "apigw" {
			continue
		}
		count++
		fault := c.Fault("cbr")
		fault.Method, fault.Path = "POST", "/restore$"
		l.Inject(fault)
		_, err := l.restore(id, driver.ToVolume(volume))
		var e *driver.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v is no driver.Error", c.Code, err)
		}
		got := translate.FaultOf(err)
		if c.Want != 0 && got.Status != c.Want || faultNames[got.Status] != got.Name || got.Name == "" {
			t.Errorf("%s with %d: %d %s, want %d", c.Code, c.Status, got.Status, got.Name, c.Want)
		}
		if strings.Contains(got.Message, l.url) || strings.Contains(got.Message, l.project.Token) {
			t.Errorf("%s tells %s", c.Code, got.Message)
		}
	}
	if count < 150 {
		t.Errorf("only %d codes", count)
	}
}

func TestAnswersThatMeanSomethingElse(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  otcfake.Fault
		kind   driver.Kind
		status int
	}{
		{"401 that is 404", otcfake.Malformed("cbr"), driver.NotFound, 404},
		{"500 that is busy", otcfake.Refusal("cbr", "BackupService.0002"), driver.InvalidState, 400},
		{"500 that is the token", otcfake.Refusal("cbr", "BackupService.9998"), driver.Unauthorized, 401},
		{"404 that is the region", otcfake.Refusal("cbr", "APIGW.0101"), driver.NotSupported, 501},
		{"401", otcfake.Refusal("cbr", "APIGW.0301"), driver.Unauthorized, 401},
		{"wrong region's token", otcfake.Refusal("cbr", "APIGW.0307"), driver.Unauthorized, 401},
		{"unknown code, 4xx", otcfake.Fault{Service: "cbr", Status: 418, Body: `{"error_code":"BackupService.1","error_msg":"No."}`}, driver.InvalidInput, 400},
		{"unknown code, 5xx", otcfake.Fault{Service: "cbr", Status: 500, Body: `{"error_code":"BackupService.1","error_msg":"No."}`}, driver.Internal, 500},
		{"a load balancer", otcfake.Fault{Service: "cbr", Status: 502, Body: `<html>`}, driver.Unavailable, 503},
		{"broken JSON", otcfake.Fault{Service: "cbr", Status: 200, Body: `{"backup": {"id"`}, driver.Unavailable, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := open(t, cbr.Options{}, otcfake.Options{})
			_, id := l.made(otcfake.Volume{})
			l.Inject(test.fault)
			_, err := l.driver.GetBackup(t.Context(), l.caller, id)
			if driver.KindOf(err) != test.kind || translate.FaultOf(err).Status != test.status {
				t.Errorf("%v of kind %d", err, driver.KindOf(err))
			}
			if n := len(l.asked("GET", "/backups/")); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// A throttled request is retried a few times, even a create, because the service never
// received it. Then the client gets a Retry-After.
func TestThrottling(t *testing.T) {
	l := open(t, cbr.Options{Options: otc.Options{}, Vault: vaultName}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{})
	o := optionsOf(l, cbr.Options{})
	o.Retries, o.RetryWait = 2, time.Millisecond
	d, err := cbr.New(o)
	if err != nil {
		t.Fatal(err)
	}
	throttled := otcfake.Refusal("cbr", "APIGW.0308")
	throttled.Method, throttled.Path, throttled.Times = "POST", "/checkpoints$", 2
	l.Inject(throttled)
	b, err := d.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(l.asked("POST", "/checkpoints$")); n != 3 {
		t.Errorf("sent %d times", n)
	}
	l.Settle()
	throttled.Method, throttled.Path, throttled.Times = "GET", "/backups/", -1
	l.Inject(throttled)
	_, err = d.GetBackup(t.Context(), l.caller, b.ID)
	var e *driver.Error
	if !errors.As(err, &e) || e.Kind != driver.OverLimit || e.RetryAfter == 0 || translate.FaultOf(err).Status != 413 {
		t.Errorf("%v, after %s", err, e.RetryAfter)
	}
	if n := len(l.asked("GET", "/backups/")); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// The driver sends a create once: if the answer is lost, the service may have made the
// backup.
func TestCreatesAreSentOnce(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{})
	o := optionsOf(l, cbr.Options{})
	o.Retries, o.RetryWait = 2, time.Millisecond
	d, err := cbr.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l.Inject(otcfake.Fault{Service: "cbr", Method: "POST", Path: "/checkpoints$", Drop: true, Done: true})
	_, err = d.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
	if driver.KindOf(err) != driver.Unavailable || len(l.asked("POST", "/checkpoints$")) != 1 {
		t.Errorf("%v after %d times", err, len(l.asked("POST", "/checkpoints$")))
	}
}

func TestACloudWithoutTheService(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{Without: []string{"cbr"}})
	_, err := l.driver.ListBackups(t.Context(), l.caller, driver.Query{Limit: 1})
	wantError(t, err, driver.NotSupported, "has no CBR")
	d, err := cbr.New(optionsOf(l, cbr.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.ListBackups(t.Context(), l.caller, driver.Query{Limit: 1})
	wantError(t, err, driver.NotSupported, "has no CBR")
	l.ExpireToken(l.project.Token)
	l = open(t, cbr.Options{}, otcfake.Options{})
	l.ExpireToken(l.project.Token)
	_, err = l.driver.ListBackups(t.Context(), l.caller, driver.Query{Limit: 1})
	if driver.KindOf(err) != driver.Unauthorized {
		t.Errorf("an expired token: %v", err)
	}
}
