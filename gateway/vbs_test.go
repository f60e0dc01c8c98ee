package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
)

// vbsRig is a gateway with the embedded backend that also serves the Volume Backup
// Service's native API.
type vbsRig struct {
	*rig
	store *embedded.Driver
}

func newVBSRig(t *testing.T) *vbsRig {
	t.Helper()
	store, err := embedded.Open(t.Context(), embedded.Options{DataDir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return &vbsRig{newRig(t, func(o *gateway.Options) {
		o.Backends, o.VBS, o.MaxBody = map[string]driver.Driver{"embedded": store}, true, 4096
	}), store}
}

func (g *vbsRig) settle() {
	g.t.Helper()
	for {
		did, err := g.store.RunOne(g.t.Context())
		must(g.t, err)
		if !did {
			return
		}
	}
}

func (g *vbsRig) volume(size int) string {
	g.t.Helper()
	v, err := g.store.CreateVolume(g.t.Context(), roles["member"], driver.VolumeSpec{Size: size})
	must(g.t, err)
	g.settle()
	return v.ID
}

// submit requests a change and returns the id of its job.
func (g *vbsRig) submit(path, body string) string {
	g.t.Helper()
	answer, text := g.call(http.MethodPost, "/v2/"+project+"/cloudbackups"+path, "member", body)
	var doc struct {
		JobID string `json:"job_id"`
	}
	if answer.StatusCode != http.StatusOK || json.Unmarshal([]byte(text), &doc) != nil || doc.JobID == "" {
		g.t.Fatalf("POST cloudbackups%s: %d %s", path, answer.StatusCode, text)
	}
	return doc.JobID
}

type vbsJob struct {
	Status     string            `json:"status"`
	Entities   map[string]string `json:"entities"`
	JobID      string            `json:"job_id"`
	JobType    string            `json:"job_type"`
	BeginTime  *string           `json:"begin_time"`
	EndTime    *string           `json:"end_time"`
	ErrorCode  *string           `json:"error_code"`
	FailReason *string           `json:"fail_reason"`
}

func (g *vbsRig) job(id string) vbsJob {
	g.t.Helper()
	answer, text := g.call(http.MethodGet, "/v1/"+project+"/jobs/"+id, "member", "")
	var j vbsJob
	if answer.StatusCode != http.StatusOK || json.Unmarshal([]byte(text), &j) != nil {
		g.t.Fatalf("job %s: %d %s", id, answer.StatusCode, text)
	}
	if j.JobID != id {
		g.t.Fatalf("job %s calls itself %s", id, j.JobID)
	}
	return j
}

func (g *vbsRig) wantJob(id, kind, status string) vbsJob {
	g.t.Helper()
	j := g.job(id)
	if j.JobType != kind || j.Status != status {
		g.t.Fatalf("%+v, want %s %s", j, kind, status)
	}
	return j
}

func (g *vbsRig) backup(id string) driver.Backup {
	g.t.Helper()
	b, err := g.store.GetBackup(g.t.Context(), roles["member"], id)
	must(g.t, err)
	return b
}

func TestVBSJobs(t *testing.T) {
	g := newVBSRig(t)
	volume := g.volume(1)
	create := func(more string) string {
		return g.submit("", `{"backup": {"volume_id": "`+volume+`", "snapshot_id": null, "name": "backup1", "description": "Backup_Demo"`+more+`}}`)
	}

	first := create(`, "tags": [{"key": "key", "value": "value"}]`)
	j := g.wantJob(first, "bksCreateBackup", "RUNNING")
	if j.BeginTime == nil || j.EndTime != nil {
		t.Fatalf("%+v", j)
	}
	g.settle()
	j = g.wantJob(first, "bksCreateBackup", "SUCCESS")
	full := g.backup(j.Entities["backup_id"])
	if full.IsIncremental || *full.Name != "backup1" || full.Metadata["key"] != "value" || j.Entities["volume_id"] != volume || j.EndTime == nil {
		t.Fatalf("%+v %+v", full, j)
	}

	// As in the service, a backup is incremental unless a full one is requested.
	second := create("")
	g.settle()
	incremental := g.backup(g.wantJob(second, "bksCreateBackup", "SUCCESS").Entities["backup_id"])
	third := create(`, "extend_param": {"FullBackup": "true"}`)
	g.settle()
	another := g.backup(g.wantJob(third, "bksCreateBackup", "SUCCESS").Entities["backup_id"])
	if !incremental.IsIncremental || another.IsIncremental {
		t.Fatalf("incremental: %v, then %v", incremental.IsIncremental, another.IsIncremental)
	}

	target := g.volume(2)
	restore := g.submit("/"+incremental.ID+"/restore", `{"restore": {"volume_id": "`+target+`"}}`)
	g.wantJob(restore, "bksRestoreBackup", "RUNNING")
	g.settle()
	if j = g.wantJob(restore, "bksRestoreBackup", "SUCCESS"); j.Entities["volume_id"] != target || j.Entities["backup_id"] != incremental.ID {
		t.Fatalf("%+v", j)
	}

	remove := g.submit("/"+another.ID, "")
	g.wantJob(remove, "bksDeleteBackup", "RUNNING")
	g.settle()
	g.wantJob(remove, "bksDeleteBackup", "SUCCESS")
	if answer, _ := g.call(http.MethodGet, "/v3/"+project+"/backups/"+another.ID, "member", ""); answer.StatusCode != http.StatusNotFound {
		t.Fatalf("the deleted backup: %d", answer.StatusCode)
	}
}

func TestVBSFailedJobs(t *testing.T) {
	g := newVBSRig(t)
	ctx, admin := t.Context(), roles["padmin"]
	volume := g.volume(1)
	create := g.submit("", `{"backup": {"volume_id": "`+volume+`", "name": "b"}}`)
	g.settle()
	id := g.job(create).Entities["backup_id"]
	restore := g.submit("/"+id+"/restore", `{"restore": {"volume_id": "`+volume+`"}}`)
	g.settle()
	must(t, g.store.ActOnVolume(ctx, admin, volume, driver.ResetVolumeStatus{Status: "error_restoring"}))
	if j := g.wantJob(restore, "bksRestoreBackup", "FAIL"); *j.ErrorCode != "VolumeBackup.0200" || *j.FailReason == "" {
		t.Fatalf("%+v", j)
	}
	must(t, g.store.ResetBackupStatus(ctx, admin, id, driver.BackupError))
	if j := g.wantJob(create, "bksCreateBackup", "FAIL"); *j.ErrorCode != "VolumeBackup.0064" {
		t.Fatalf("%+v", j)
	}
	if j := g.wantJob("delete-"+id, "bksDeleteBackup", "FAIL"); *j.ErrorCode != "VolumeBackup.0102" {
		t.Fatalf("%+v", j)
	}
	must(t, g.store.ResetBackupStatus(ctx, admin, id, driver.BackupAvailable))
	g.wantJob("delete-"+id, "bksDeleteBackup", "INIT")
}

// Every error has the service's body and code, and a status that the service documents.
func TestVBSErrors(t *testing.T) {
	g := newVBSRig(t)
	const unknown = "00000000-1111-4222-8333-444444444444"
	volume, small, busy := g.volume(2), g.volume(1), g.volume(2)
	made := g.submit("", `{"backup": {"volume_id": "`+volume+`", "name": "b"}}`)
	g.settle()
	backup := g.job(made).Entities["backup_id"]
	create := func(members string) string { return `{"backup": {"volume_id": "` + volume + `", ` + members + `}}` }
	restoreTo := func(id string) string { return `{"restore": {"volume_id": "` + id + `"}}` }
	restore := "/" + backup + "/restore"
	must(t, g.store.ActOnVolume(t.Context(), roles["padmin"], busy, driver.ResetVolumeStatus{Status: "maintenance"}))
	for _, test := range []struct {
		path, role, body string
		status           int
		code             string
	}{
		{"", "", create(`"name": "b"`), 401, "VolumeBackup.0041"},
		{"", "reader", create(`"name": "b"`), 403, "VolumeBackup.0042"},
		{"", "member", `{`, 400, "VolumeBackup.0002"},
		{"", "member", `[]`, 400, "VolumeBackup.0002"},
		{"", "member", `{"backup": []}`, 400, "VolumeBackup.0002"},
		{"", "member", "", 400, "VolumeBackup.0002"},
		{"", "member", `{"backup": {"name": "` + strings.Repeat("n", 5000) + `"}}`, 400, "VolumeBackup.0002"},
		{"", "member", create(`"name": "b", "extend_param": {"FullBackup": "yes"}`), 400, "VolumeBackup.0002"},
		{"", "member", create(`"name": "b", "snapshot_id": "x"`), 400, "VolumeBackup.0002"},
		{"", "member", create(`"name": "` + strings.Repeat("n", 65) + `"`), 400, "VolumeBackup.0003"},
		{"", "member", create(`"name": "a b"`), 400, "VolumeBackup.0004"},
		{"", "member", create(`"name": "Automatic"`), 400, "VolumeBackup.0005"},
		{"", "member", create(`"name": "b", "description": "a<b"`), 400, "VolumeBackup.0006"},
		{"", "member", create(`"name": "b", "description": "` + strings.Repeat("d", 65) + `"`), 400, "VolumeBackup.0006"},
		{"", "member", create(`"description": "d"`), 400, "VolumeBackup.0007"},
		{"", "member", `{"backup": {"name": "b"}}`, 400, "VolumeBackup.0010"},
		{"", "member", `{"backup": {"name": "b", "volume_id": "v"}}`, 400, "VolumeBackup.0011"},
		{"", "member", `{"backup": {"name": "b", "volume_id": "` + unknown + `"}}`, 404, "VolumeBackup.0021"},
		{"", "member", create(`"name": "b", "tags": {}`), 400, "VolumeBackup.0049"},
		{"", "member", create(`"name": "b", "tags": [{"key": "a=b", "value": ""}]`), 400, "VolumeBackup.0049"},
		{"", "member", create(`"name": "b", "tags": [` + strings.Repeat(`{"key": "k", "value": ""},`, 10) + `{"key": "l"}]`), 400, "VolumeBackup.0050"},
		{restore, "member", `{"restore": {}}`, 400, "VolumeBackup.0208"},
		{restore, "member", `{"restore": {"name": "n"}}`, 400, "VolumeBackup.0208"},
		{restore, "member", `{}`, 400, "VolumeBackup.0210"},
		{restore, "member", restoreTo(small), 400, "VolumeBackup.0209"},
		{restore, "member", restoreTo(busy), 400, "VolumeBackup.0205"},
		{restore, "member", restoreTo(unknown), 404, "VolumeBackup.0111"},
		{"/" + unknown + "/restore", "member", restoreTo(volume), 404, "VolumeBackup.0111"},
		{"/" + unknown, "member", "", 404, "VolumeBackup.0110"},
		{"/" + backup, "alt", "", 400, "VolumeBackup.0002"}, // the URL names another project
	} {
		answer, text := g.call(http.MethodPost, "/v2/"+project+"/cloudbackups"+test.path, test.role, test.body)
		var doc struct {
			Error struct{ Message, Code string }
		}
		if err := json.Unmarshal([]byte(text), &doc); err != nil || answer.StatusCode != test.status || doc.Error.Code != test.code || doc.Error.Message == "" {
			t.Errorf("POST cloudbackups%s %.80s: %d %s, want %d %s", test.path, test.body, answer.StatusCode, text, test.status, test.code)
		}
	}
	for _, id := range []string{"x", "create-", "create-" + unknown, "restore-" + unknown, "restore-" + unknown + "-" + unknown, "steal-" + backup} {
		answer, text := g.call(http.MethodGet, "/v1/"+project+"/jobs/"+id, "member", "")
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, `"code":"common.0011"`) {
			t.Errorf("job %s: %d %s", id, answer.StatusCode, text)
		}
	}
	// Paths that are not part of the service stay unknown, even without a token.
	for _, path := range []string{"/v1", "/v1/", "/v1/" + project + "/nothing", "/v1/" + project + "/jobs"} {
		if answer, text := g.call(http.MethodGet, path, "", ""); answer.StatusCode != http.StatusNotFound || text != notFoundDoc {
			t.Errorf("%s: %d %s", path, answer.StatusCode, text)
		}
	}
}

func TestVBSStates(t *testing.T) {
	g := newVBSRig(t)
	volume := g.volume(1)
	body := `{"backup": {"volume_id": "` + volume + `", "name": "b"}}`
	running := g.submit("", body)
	id := strings.TrimPrefix(running, "create-")
	for path, want := range map[string]string{
		"":                    "VolumeBackup.0013", // the volume is being backed up
		"/" + id:              "VolumeBackup.0125",
		"/" + id + "/restore": "VolumeBackup.0089",
	} {
		request := map[string]string{"": body, "/" + id + "/restore": `{"restore": {"volume_id": "` + volume + `"}}`}[path]
		answer, text := g.call(http.MethodPost, "/v2/"+project+"/cloudbackups"+path, "member", request)
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, `"code":"`+want+`"`) {
			t.Errorf("%s: %d %s, want %s", path, answer.StatusCode, text, want)
		}
	}
	g.settle()
	g.wantJob(running, "bksCreateBackup", "SUCCESS")
	// The backup is available, and its volume is being backed up again.
	g.submit("", body)
	answer, text := g.call(http.MethodPost, "/v2/"+project+"/cloudbackups/"+id+"/restore", "member", `{"restore": {"volume_id": "`+volume+`"}}`)
	if answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, `"code":"VolumeBackup.0206"`) {
		t.Errorf("restore to a volume that is being backed up: %d %s", answer.StatusCode, text)
	}
	g.settle()
}

func TestVBSQuota(t *testing.T) {
	g := newVBSRig(t)
	g.submit("", `{"backup": {"volume_id": "`+g.volume(2)+`", "name": "b"}}`)
	answer, text := g.call(http.MethodGet, "/v2/"+project+"/cloudbackups/quota", "reader", "")
	const want = `{"quotas":{"resources":[{"type":"backups","used":1,"reserved":0,"quota":10},` +
		`{"type":"backup_gigabytes","used":2,"reserved":0,"quota":1000}]}}`
	if answer.StatusCode != http.StatusOK || text != want {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
}

// If the setting is off, the paths are unknown, as in Cinder.
func TestVBSIsOff(t *testing.T) {
	g := newRig(t)
	for method, path := range map[string]string{
		http.MethodPost: "/v2/" + project + "/cloudbackups", http.MethodGet: "/v1/" + project + "/jobs/create-b1",
	} {
		if answer, text := g.call(method, path, "member", ""); answer.StatusCode != http.StatusNotFound || text != notFoundDoc {
			t.Errorf("%s: %d %s", path, answer.StatusCode, text)
		}
	}
}

// Clients of VBS read backups through v2, with members that Cinder does not have. Only a
// gateway that serves VBS's API shows them.
func TestVBSMembersOfNativeV2(t *testing.T) {
	g := newVBSRig(t)
	volume := g.volume(1)
	for _, name := range []string{"full", "incremental"} {
		g.submit("", `{"backup":{"volume_id":"`+volume+`","name":"`+name+`"}}`)
		g.settle()
	}
	for name, kind := range map[string]string{"full": "0", "incremental": "1"} {
		_, text := g.call(http.MethodGet, "/v2/"+project+"/backups/detail?name="+name, "member", "")
		if want := `"os-bak-tenant-attr:tenant_id":"` + project + `","service_metadata":"{\"Type\":` + kind + `}"`; !strings.Contains(text, want) {
			t.Errorf("%s\nwant %s", text, want)
		}
		if _, text := g.call(http.MethodGet, "/v3/"+project+"/backups/detail?name="+name, "member", ""); strings.Contains(text, "os-bak") {
			t.Errorf("v3 has it: %s", text)
		}
	}
	plain := newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"embedded": g.store} })
	if _, text := plain.call(http.MethodGet, "/v2/"+project+"/backups/detail", "member", ""); strings.Contains(text, "os-bak") || !strings.Contains(text, `"full"`) {
		t.Errorf("without VBS's API: %s", text)
	}
}
