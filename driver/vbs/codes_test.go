package vbs_test

import (
	"errors"
	"fmt"
	"testing"

	"cindergate/driver"
	"cindergate/driver/vbs"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
	"cindergate/translate"
)

// faultNames are Cinder's fault names for the possible statuses
// (cinder/api/openstack/wsgi.py Fault).
var faultNames = map[int]string{
	400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 413: "overLimit", 500: "computeFault",
	501: "notImplemented", 503: "serviceUnavailable",
}

// undecided are the statuses of codes with different meanings in different calls, for the
// requests of call.
var undecided = map[string]int{
	"common.0011 400": 500, "Common.0011 400": 500, "VolumeBackup.0110 500": 500,
	"APIGW.0103 500": 500, "APIGW.0104 500": 500, "APIGW.0105 500": 500,
	"APIGW.0201 414": 400, "APIGW.0201 494": 400, "APIGW.0201 500": 500, "APIGW.0201 502": 503, "APIGW.0201 504": 503,
}

// Every code of VBS, EVS and the API gateway: code, kind, status and fault.
func TestEveryCodeHasItsFault(t *testing.T) {
	tried := map[string]int{}
	for _, code := range otcfake.Codes() {
		if code.Service == "cbr" {
			continue
		}
		name := fmt.Sprintf("%s %d", code.Code, code.Status)
		t.Run(name, func(t *testing.T) {
			tried[code.Service]++
			want := code.Want
			if want == 0 {
				want = undecided[name]
			}
			err := call(t, code)
			var e *driver.Error
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			fault := translate.FaultOf(err)
			if fault.Status != want || fault.Name != faultNames[want] {
				t.Errorf("kind %d, %d %s, want %d %s", e.Kind, fault.Status, fault.Name, want, faultNames[want])
			}
			switch {
			case code.Code == "APIGW.0101":
				if fault.Message != "Backend east has no VBS, or not this function of it." {
					t.Errorf("message %q", fault.Message)
				}
			case e.Message != code.Text:
				t.Errorf("message %q, want the vendor's %q", e.Message, code.Text)
			}
			if code.Code == "APIGW.0308" && fault.RetryAfter != "60" {
				t.Errorf("retry after %q", fault.RetryAfter)
			}
		})
	}
	if tried["vbs"] < 60 || tried["evs"] < 30 || tried["apigw"] < 15 {
		t.Errorf("tried %v", tried)
	}
}

// call makes a create of a backup, or for EVS of a volume from a backup, fail with the
// code.
func call(t *testing.T, code otcfake.Code) error {
	c := open(t, vbs.Options{Options: otc.Options{RestoreVolumeType: "SSD"}}, otcfake.Options{})
	body := fmt.Sprintf(`{"error": {"message": %q, "code": %q}}`, code.Text, code.Code)
	fault := otcfake.Fault{Service: code.Service, Method: "POST", Status: code.Status, Body: body}
	if code.Service == "apigw" {
		fault.Service, fault.Body = "vbs", fmt.Sprintf(`{"error_msg": %q, "error_code": %q, "request_id": "x"}`, code.Text, code.Code)
	}
	c.Inject(fault)
	if code.Service == "evs" {
		id := c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{})})
		_, err := c.driver.RestoreBackup(t.Context(), c.caller, id, driver.RestoreTarget{})
		return err
	}
	_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{}), Force: true})
	return err
}
