package otc

import (
	"strings"
	"testing"
	"time"

	"cindergate/driver"
)

// A restore without volume_id succeeds once the volume exists, and fails if the volume
// cannot be made. An id alone proves nothing: EVS promises ids, and a job may name one and
// fail.
func TestAVolumeThatIsBeingMade(t *testing.T) {
	job := func(status, entities string) answer {
		return answer{200, `{"job_id": "j1", "status": "` + status + `", "entities": ` + entities + `, "error_code": null, "fail_reason": null}`}
	}
	failed := func(entities, code, reason string) answer {
		return answer{200, `{"status": "FAIL", "entities": ` + entities + `, "error_code": "` + code + `", "fail_reason": "` + reason + `"}`}
	}
	told := `{"volume_id": "` + newID + `"}`
	creating, available, missing := answer{200, shown(newID, "creating")}, answer{200, shown(newID, "available")}, answer{404, gone}
	const text = "Invalid volume: Error while creating "
	of := " for restoring backup " + backupID + ". "
	for _, test := range []struct {
		name    string
		create  string
		jobs    []answer
		volumes []answer // answers to GET of newID
		timeout time.Duration
		kind    driver.Kind // taken: the restore succeeds
		message string
	}{
		{"promised and not there yet", `{"job_id": "j1", "volume_ids": ["` + newID + `"]}`, []answer{job("WAITING_EXECUTE", `{}`)},
			[]answer{missing, missing, creating, available}, 0, taken, ""},
		{"promised, and its job fails", `{"job_id": "j1", "volume_ids": ["` + newID + `"]}`, []answer{job("RUNNING", `{}`), failed(`{}`, "EVS.2024", "volume is error!")},
			[]answer{missing}, 0, driver.InvalidState, text + "volume " + newID + of + "EVS.2024: volume is error!"},
		{"promised by EVS without a job", `{"volume_ids": ["` + newID + `"]}`, nil, []answer{missing, creating}, 0, taken, ""},
		{"promised without a job, and never there", `{"volume_ids": ["` + newID + `"]}`, nil, []answer{missing}, 20 * time.Millisecond,
			driver.Unavailable, "its volume " + newID + " did not tell in time"},
		{"told while the job runs that fails", `{"job_id": "j1"}`, []answer{job("RUNNING", told), failed(told, "EVS.2024", "volume is error!")},
			[]answer{creating}, 0, driver.InvalidState, text + "volume " + newID + of + "EVS.2024: volume is error!"},
		{"told by the job that failed", `{"job_id": "j1"}`, []answer{failed(told, "EVS.2025", "volume is error_restoring!")},
			nil, 0, driver.InvalidState, "EVS.2025: volume is error_restoring!"},
		{"not told by the job that failed", `{"job_id": "j1"}`, []answer{failed(`{"volume_id": ""}`, "EVS.2265", "get Agency's token but response is null.")},
			nil, 0, driver.InvalidState, text + "a volume" + of + "EVS.2265: get Agency's token but response is null."},
		{"failed without a reason", `{"job_id": "j1"}`, []answer{{200, `{"status": "FAIL"}`}}, nil, 0, driver.InvalidState, of + "no reason given"},
		{"failed for a quota", `{"job_id": "j1"}`, []answer{failed(`{}`, "EVS.1042", "no room")}, nil, 0, driver.OverLimit, "EVS.1042: no room"},
		{"in error before its job says why", `{"job_id": "j1"}`, []answer{job("RUNNING", told), job("RUNNING", told), failed(told, "EVS.2024", "why")},
			[]answer{{200, shown(newID, "error")}}, 0, driver.InvalidState, "EVS.2024: why"},
		{"in error, and its job never says why", `{"job_id": "j1"}`, []answer{job("RUNNING", told)},
			[]answer{{200, shown(newID, "error")}}, 20 * time.Millisecond, driver.InvalidState, of + "its status is error"},
		{"still creating when time is up", `{"job_id": "j1"}`, []answer{job("RUNNING", told)}, []answer{creating}, 20 * time.Millisecond, taken, ""},
		{"not there when time is up", `{"job_id": "j1"}`, []answer{job("RUNNING", told)}, []answer{missing}, 20 * time.Millisecond,
			driver.Unavailable, "its job j1 did not tell in time"},
		{"there after a failing look", `{"job_id": "j1"}`, []answer{{503, ``}, job("RUNNING", told)}, []answer{{500, ``}, available}, 0, taken, ""},
		{"made, and not shown at once", `{"job_id": "j1"}`, []answer{job("SUCCESS", told)}, []answer{missing, creating}, 0, taken, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string][]answer{
				"GET /v2/abc123/volumes/" + volumeID: {{200, source}}, "POST /v2.1/abc123/cloudvolumes": {{202, test.create}},
				jobPath: test.jobs, "GET /v2/abc123/volumes/" + newID: test.volumes,
			})
			b, _ := backup(t.Context(), member, backupID)
			v := volumes(t, s, func(o *Options) {
				o.Dialect = Huawei
				if test.timeout > 0 {
					o.IDTimeout = test.timeout
				}
			})
			got, err := v.RestoreBackup(t.Context(), member, b, driver.ToNewVolume("n"), nil)
			if test.kind == taken {
				if err != nil || got.VolumeID != newID {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			wantError(t, err, test.kind, test.message)
		})
	}
}

// A refusal of EVS that lacks a key or an agency concerns neither the backup, in spite of
// 404, nor the token, in spite of 401.
func TestRefusalsOfEVS(t *testing.T) {
	b, _ := backup(t.Context(), member, backupID)
	for _, test := range []struct {
		status int
		code   string
		kind   driver.Kind
	}{
		{404, "EVS.2265", driver.Forbidden}, {404, "EVS.2044", driver.Forbidden}, {401, "EVS.2143", driver.Forbidden}, {400, "EVS.2055", driver.Forbidden},
		{400, "EVS.2040", driver.InvalidState}, {400, "EVS.2041", driver.InvalidInput}, {500, "EVS.2042", driver.InvalidState}, {500, "EVS.2105", driver.InvalidState},
		{404, "EVS.5404", driver.InvalidInput}, {404, "EVS.9999", driver.InvalidInput}, {401, "EVS.5401", driver.Unauthorized}, {401, "APIGW.0301", driver.Unauthorized},
	} {
		s := serve(t, map[string][]answer{
			"GET /v2/abc123/volumes/" + volumeID: {{200, source}}, "POST /v2/abc123/cloudvolumes": {{test.status, evsFault(test.code)}},
		})
		_, err := volumes(t, s, nil).RestoreBackup(t.Context(), member, b, driver.RestoreTarget{}, nil)
		wantError(t, err, test.kind, "The vendor's words.")
		w := request("POST", "/v3/abc123/volumes", "volume 3.47", strings.NewReader(`{"volume": {"backup_id": "`+backupID+`"}}`))
		wantError(t, volumes(t, s, nil).Forward(nil, w, member, ""), test.kind, "The vendor's words.")
	}
}

// A restore without volume_id and name gets the source's name and description, as in
// Cinder.
func TestARestoreWithNeither(t *testing.T) {
	b, _ := backup(t.Context(), member, backupID)
	described := `{"volume": {"id": "` + volumeID + `", "name": "data", "description": "mine", "volume_type": "SSD", "availability_zone": "eu-de-01"}}`
	for _, test := range []struct {
		name              string
		to                driver.RestoreTarget
		source            answer
		made, description string
	}{
		{"neither", driver.RestoreTarget{}, answer{200, described}, "data", "mine"},
		{"an empty name", driver.ToNewVolume(""), answer{200, described}, "data", "mine"},
		{"a name that looks like Cinder's", driver.ToNewVolume("restore_backup_x"), answer{200, described}, "data", "mine"},
		{"a name", driver.ToNewVolume("n"), answer{200, described}, "n", driver.RestoredDescription},
		{"a source without a name", driver.RestoreTarget{}, answer{200, source}, "restore_backup_" + backupID, driver.RestoredDescription},
		{"a source that is gone", driver.RestoreTarget{}, answer{404, gone}, "restore_backup_" + backupID, driver.RestoredDescription},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string][]answer{
				"GET /v2/abc123/volumes/" + volumeID: {test.source}, "POST /v2/abc123/cloudvolumes": {{200, `{"job_id": "j1"}`}},
				jobPath: {{200, `{"status": "RUNNING", "entities": {"volume_id": "` + newID + `"}}`}}, "GET /v2/abc123/volumes/" + newID: {{200, shown(newID, "available")}},
			})
			got, err := volumes(t, s, nil).RestoreBackup(t.Context(), member, b, test.to, nil)
			answered := "restore_backup_" + backupID // the name in Cinder's answer, before the restore is done
			if name, named := test.to.NewName(); named {
				answered = name
			}
			if err != nil || got.VolumeName != answered {
				t.Errorf("%+v, %v", got, err)
			}
			for _, sent := range []string{`"name":"` + test.made + `"`, `"description":"` + test.description + `"`, `"metadata":{"src_backup_id":"` + backupID + `"}`} {
				if !strings.Contains(s.asked[1], sent) {
					t.Errorf("no %s in %s", sent, s.asked[1])
				}
			}
		})
	}
}

// If a job never names the id, the volume is found by its metadata, so that a client does
// not retry and make a second one.
func TestAVolumeWhoseIDIsNotTold(t *testing.T) {
	b, _ := backup(t.Context(), member, backupID)
	listed := func(id, name, source, status, created string) string {
		return `{"id": "` + id + `", "name": "` + name + `", "metadata": {"src_backup_id": "` + source + `"}, "status": "` + status + `", "created_at": "` + created + `"}`
	}
	earlier := listed(promisedID, "n", backupID, "available", "2016-01-28T16:14:00.000000")
	foreign := listed(promisedID, "n", volumeID, "available", "2016-01-28T16:15:00.000000")
	broken := listed(promisedID, "n", backupID, "error", "2016-01-28T16:15:00.000000")
	ours := listed(newID, "n", backupID, "creating", "2016-01-28T16:14:09.000000")
	for name, status := range map[string]string{"too late": "RUNNING", "never": "SUCCESS"} {
		s := serve(t, map[string][]answer{
			"GET /v2/abc123/volumes/" + volumeID: {{200, source}}, "POST /v2/abc123/cloudvolumes": {{200, `{"job_id": "j1"}`}},
			jobPath: {{200, `{"status": "` + status + `", "begin_time": "2016-01-28T16:14:09.466Z", "entities": {}}`}},
			"GET /v2/abc123/volumes/detail": {
				{200, `{"volumes": [` + earlier + `, ` + foreign + `, ` + broken + `, ` + ours + `]}`}, {200, `{"volumes": [` + earlier + `, ` + foreign + `]}`}, {200, `{}`},
			},
		})
		v := volumes(t, s, func(o *Options) { o.IDTimeout = 20 * time.Millisecond })
		got, err := v.RestoreBackup(t.Context(), member, b, driver.ToNewVolume("n"), nil)
		if err != nil || got.VolumeID != newID {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		for range 2 {
			_, err = v.RestoreBackup(t.Context(), member, b, driver.ToNewVolume("n"), nil)
			wantError(t, err, driver.Unavailable, "")
		}
	}
}
