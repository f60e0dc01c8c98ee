package otc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
)

const jobPath = "GET /v1/abc123/jobs/j1"

func await(t *testing.T, answers []answer, what Entity, change func(*Options)) (id string, looks int, err error) {
	t.Helper()
	s := serve(t, map[string][]answer{jobPath: answers})
	id, _, err = open(t, change).Service(&VBS, s.URL).Await(t.Context(), member, "j1", what)
	return id, s.count("GET"), err
}

func TestAJobTellsWhatItMakes(t *testing.T) {
	for name, answers := range map[string][]answer{
		"at the end":     {{200, `{"status": "INIT"}`}, {200, `{"status": "RUNNING", "entities": {}}`}, {200, `{"status": "SUCCESS", "entities": {"volume_id": "v"}}`}},
		"while it runs":  {{200, `{"status": "RUNNING", "entities": {"volume_id": "v", "size": 10}}`}},
		"in a part":      {{200, `{"status": "RUNNING", "entities": {}, "sub_jobs": [{"entities": {}}, {"entities": {"volume_id": "v"}}]}`}},
		"among entities": {{200, `{"status": "SUCCESS", "entities": {"sub_jobs": [{"entities": {"volume_id": "v"}}]}, "error_code": null}`}},
		"beside odd members": {{200, `{"status": "WAITING_EXECUTE", "sub_jobs": "", "entities": "", "begin_time": 7}`},
			{200, `{"status": "LISTENING", "sub_jobs": {}, "entities": {"volume_id": null, "size": {}, "sub_jobs": ""}}`},
			{200, `{"status": "SUCCESS", "sub_jobs": ["odd", 7], "entities": {"volume_id": "v", "name": 7}, "error_code": {}}`}},
		"after a failing look": {{400, `{"error": {"code": "common.0011", "message": "Failed to query the job."}}`}, {500, ``}, {503, ``},
			{200, `{"status": "SUCCESS", "entities": {"volume_id": "v"}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			id, asked, err := await(t, answers, VolumeID, nil)
			if id != "v" || err != nil || asked != len(answers) {
				t.Errorf("%q, %v after %d looks", id, err, asked)
			}
		})
	}
}

func TestAJobThatFails(t *testing.T) {
	for _, test := range []struct {
		name, body string
		kind       driver.Kind
		message    string
		id         string
	}{
		{"a step", `{"status": "FAIL", "entities": {"backup_id": ""}, "error_code": "VolumeBackup.0064", "fail_reason": "backup status is error."}`,
			driver.Unavailable, "Job j1 of VBS failed: VolumeBackup.0064: backup status is error.", ""},
		{"a quota", `{"status": "FAIL", "error_code": "VolumeBackup.0081", "fail_reason": "full"}`, driver.OverLimit, "VolumeBackup.0081: full", ""},
		{"the state of the volume", `{"status": "FAIL", "error_code": "VolumeBackup.0012", "fail_reason": "bad"}`, driver.InvalidState, "VolumeBackup.0012: bad", ""},
		{"a part", `{"status": "FAIL", "sub_jobs": [{"status": "SUCCESS"}, {"status": "FAIL", "error_code": "VolumeBackup.0040", "fail_reason": "20 there"}]}`,
			driver.OverLimit, "VolumeBackup.0040: 20 there", ""},
		{"without a reason", `{"status": "FAIL", "error_code": null, "fail_reason": null}`, driver.Unavailable, "Job j1 of VBS failed: no reason given", ""},
		{"success without an id", `{"status": "SUCCESS", "entities": {}}`, driver.Unavailable, "Job j1 of VBS succeeded without telling what it made.", ""},
		{"though it tells an id", `{"status": "FAIL", "entities": {"backup_id": "b"}, "error_code": "VolumeBackup.0064", "fail_reason": "bad"}`,
			driver.Unavailable, "VolumeBackup.0064: bad", "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			id, _, err := await(t, []answer{{200, test.body}}, BackupID, nil)
			wantError(t, err, test.kind, test.message)
			if id != test.id {
				t.Errorf("id %q, want %q", id, test.id)
			}
		})
	}
}

func TestWaitingForAJobIsBounded(t *testing.T) {
	_, _, err := await(t, []answer{{200, `{"status": "RUNNING"}`}}, BackupID, func(o *Options) { o.IDTimeout = 500 * time.Millisecond })
	wantError(t, err, driver.Unavailable, "its job j1 did not tell in time what it makes")
	_, _, err = await(t, []answer{{400, `{"error": {"code": "common.0011", "message": "Failed."}}`}}, BackupID,
		func(o *Options) { o.IDTimeout = 500 * time.Millisecond })
	wantError(t, err, driver.Unavailable, "its job j1 did not tell in time what it makes")
	if !strings.Contains(err.Error(), "common.0011") {
		t.Errorf("the log does not tell why: %v", err)
	}
}

// The gateway has only the caller's token, so it must stop polling once that has expired.
func TestATokenThatEndsEndsTheWait(t *testing.T) {
	_, asked, err := await(t, []answer{{200, `{"status": "RUNNING"}`}, {401, `{"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"}`}}, BackupID, nil)
	wantError(t, err, driver.Unauthorized, "Incorrect IAM authentication information")
	if asked != 2 {
		t.Errorf("%d looks", asked)
	}
}

func TestAClientThatLeavesEndsTheWait(t *testing.T) {
	s := serve(t, map[string][]answer{jobPath: {{200, `{"status": "RUNNING"}`}}})
	service := open(t, nil).Service(&VBS, s.URL)
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, _, err := service.Await(ctx, member, "j1", BackupID)
		done <- err
	}()
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) || driver.KindOf(err) != driver.Canceled {
		t.Error(err)
	}
}
