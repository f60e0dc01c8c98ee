package otcfake

import (
	"strings"
	"testing"
)

// scene is the state that the tables' requests meet: %v is a volume in vault %w, %a an
// attached volume, %s a small one, %m one in a running backup, %n one in no vault, %b an
// available backup of %v by either service, %e one in error, %c one in progress, and %x an
// id that does not exist.
type scene struct {
	*lab
	names *strings.Replacer
}

func newScene(t *testing.T, o Options, service string) *scene {
	l := newLab(t, o)
	p := l.project.ID
	v := l.AddVolume(p, Volume{Name: "v", SizeGiB: 20})
	attached := l.AddVolume(p, Volume{SizeGiB: 20, Status: "in-use", ServerID: "s"})
	small := l.AddVolume(p, Volume{SizeGiB: 5})
	busy := l.AddVolume(p, Volume{SizeGiB: 20, Status: "backing-up"})
	alone := l.AddVolume(p, Volume{SizeGiB: 20})
	vault := l.AddVault(p, Vault{VolumeIDs: []string{v, attached, small, busy}})
	made := Backup{Name: "b", Service: service, VolumeID: v, SizeGiB: 20}
	if service == "cbr" {
		made.VaultID = vault
	}
	b := l.AddBackup(p, made)
	made.Status = "error"
	failed := l.AddBackup(p, made)
	made.Status = "protecting"
	making := l.AddBackup(p, made)
	return &scene{l, strings.NewReplacer("%v", v, "%w", vault, "%a", attached, "%s", small, "%m", busy, "%n", alone, "%b", b, "%e", failed,
		"%c", making, "%x", "00000000-1111-4222-8333-444444444444")}
}

type refusal struct {
	method, path, body string
	code               string // in the body, or Cinder's fault name
	status             int
}

func (s *scene) run(t *testing.T, tests []refusal) {
	t.Helper()
	for _, test := range tests {
		status, doc := s.call(test.method, s.names.Replace(test.path), s.names.Replace(test.body))
		got := doc.text("error_code") + doc.text("error.code")
		if _, native := doc[test.code]; native {
			got = test.code
		}
		if status != test.status || got != test.code {
			t.Errorf("%s %s %.200s: %d %v, want %d %s", test.method, test.path, test.body, status, doc, test.status, test.code)
		}
	}
}

func vbsCreateOf(members string) string { return `{"backup":{"volume_id":"%v",` + members + `}}` }

func TestVBSRefuses(t *testing.T) {
	const create, restore = "/vbs/v2/%p/cloudbackups", "/vbs/v2/%p/cloudbackups/%b/restore"
	var tests []refusal
	for body, code := range map[string]string{
		`{}`: "0002", `{"backup":{"volume_id":"%v","name":"n","force":true}}`: "0002",
		vbsCreateOf(`"name":""`): "0007", vbsCreateOf(`"name":"` + strings.Repeat("n", 65) + `"`): "0003", vbsCreateOf(`"name":"a b"`): "0004",
		vbsCreateOf(`"name":"AutoBk"`): "0005", vbsCreateOf(`"name":"n","description":"` + strings.Repeat("d", 65) + `"`): "0006",
		vbsCreateOf(`"name":"n","description":"<d>"`):              "0006",
		vbsCreateOf(`"name":"n","tags":[{"key":"a=b"}]`):           "0049",
		vbsCreateOf(`"name":"n","extend_param":{"FullBackup":1}`):  "0002",
		vbsCreateOf(`"name":"n","snapshot_id":"%x"`):               "0002",
		`{"backup":{"name":"n"}}`:                                  "0010",
		`{"backup":{"name":"n","volume_id":"abc"}}`:                "0011",
		`{"backup":{"name":"n","volume_id":"%m"}}`:                 "0013",
		vbsCreateOf(`"name":"n","tags":[` + tagList(11) + `]`):     "0050",
		vbsCreateOf(`"name":"n","extend_param":{"FullBackup":""}`): "0002",
	} {
		tests = append(tests, refusal{"POST", create, body, "VolumeBackup." + code, 400})
	}
	tests = append(tests,
		refusal{"POST", create, `{"backup":{"name":"n","volume_id":"%x"}}`, "VolumeBackup.0021", 404},
		refusal{"POST", restore, `{"restore":{"volume_id":"%v","name":"n"}}`, "VolumeBackup.0210", 400},
		refusal{"POST", restore, `{"restore":{}}`, "VolumeBackup.0204", 400},
		refusal{"POST", restore, `{"restore":{"volume_id":"%x"}}`, "VolumeBackup.0111", 404},
		refusal{"POST", restore, `{"restore":{"volume_id":"%a"}}`, "VolumeBackup.0205", 400},
		refusal{"POST", restore, `{"restore":{"volume_id":"%m"}}`, "VolumeBackup.0206", 400},
		refusal{"POST", restore, `{"restore":{"volume_id":"%s"}}`, "VolumeBackup.0209", 400},
		refusal{"POST", "/vbs/v2/%p/cloudbackups/%c/restore", `{"restore":{"volume_id":"%v"}}`, "VolumeBackup.0089", 400},
		refusal{"POST", "/vbs/v2/%p/cloudbackups/%x/restore", `{"restore":{"volume_id":"%v"}}`, "VolumeBackup.0207", 404},
		refusal{"POST", "/vbs/v2/%p/backups", vbsCreateOf(`"name":"n"`), "badRequest", 400},
		refusal{"POST", "/vbs/v2/%p/backups", vbsCreateOf(`"snapshot_id":"%x"`), "itemNotFound", 404},
		refusal{"POST", "/vbs/v2/%p/backups/%b/restore", `{"restore":{"name":"n"}}`, "badRequest", 400},
		refusal{"DELETE", "/vbs/v2/%p/backups/%c", "", "badRequest", 400},
		refusal{"DELETE", "/vbs/v2/%p/backups/%x", "", "itemNotFound", 404},
		refusal{"PUT", "/vbs/v2/%p/backups/%b", `{"backup":{"name":"m"}}`, "APIGW.0101", 404},
		refusal{"GET", "/vbs/v2/%p/backups?limit=1001", "", "badRequest", 400},
		refusal{"GET", "/vbs/v2/%p/backups/detail?sort_key=volume_id", "", "badRequest", 400},
		refusal{"GET", "/vbs/v1/%p/jobs/%x", "", "common.0011", 400},
		refusal{"GET", "/vbs/v2/0123456789abcdef/backups", "", "forbidden", 403},
	)
	newScene(t, Options{}, "vbs").run(t, tests)
	huawei := newScene(t, Options{Dialect: Huawei, BackupsPerVolume: 3, Quotas: map[string]int{"backups": 3}}, "vbs")
	huawei.run(t, []refusal{
		{"POST", create, vbsCreateOf(`"name":"n","extend_param":{"FullBackup":"true"}`), "VolumeBackup.0002", 400},
		{"GET", "/vbs/v3/%p/backups", "", "APIGW.0101", 404},
		{"POST", create, vbsCreateOf(`"name":"n"`), "VolumeBackup.0040", 400},
		{"POST", create, `{"backup":{"name":"n","volume_id":"%n"}}`, "VolumeBackup.0080", 400},
	})
	newScene(t, Options{Quotas: map[string]int{"backup_gigabytes": 79}}, "vbs").run(t, []refusal{
		{"POST", create, vbsCreateOf(`"name":"n"`), "VolumeBackup.0081", 400},
	})
}

func tagList(n int) string {
	return strings.TrimSuffix(strings.Repeat(`{"key":"k","value":"v"},`, n), ",")
}

func checkpointOf(parameters string) string {
	return `{"checkpoint":{"vault_id":"%w","parameters":{` + parameters + `}}}`
}

func TestCBRRefuses(t *testing.T) {
	const points, restore, vaults = "/cbr/v3/%p/checkpoints", "/cbr/v3/%p/backups/%b/restore", "/cbr/v3/%p/vaults"
	vault := `{"vault":{"name":"w","resources":[],"billing":{"consistent_level":"crash_consistent","object_type":"disk","protect_type":"backup","size":`
	tests := []refusal{
		{"POST", points, `{}`, "BackupService.9900", 400},
		{"POST", points, checkpointOf(`"resources":["%v"],"name":"a b"`), "BackupService.9900", 400},
		{"POST", points, checkpointOf(`"resources":["%v"],"name":"` + strings.Repeat("n", 65) + `"`), "BackupService.9900", 400},
		{"POST", points, checkpointOf(`"resources":["%v"],"description":"` + strings.Repeat("d", 256) + `"`), "BackupService.9900", 400},
		{"POST", points, checkpointOf(`"resources":["%v"],"snapshot_id":"%x"`), "BackupService.9900", 400},
		{"POST", points, checkpointOf(`"resources":["%x"]`), "BackupService.7000", 404},
		{"POST", points, checkpointOf(`"resources":["%n"]`), "BackupService.6135", 400},
		{"POST", points, checkpointOf(`"resources":["%m"]`), "BackupService.6125", 400},
		{"POST", points, `{"checkpoint":{"vault_id":"%x","parameters":{"resources":["%v"]}}}`, "BackupService.6105", 404},
		{"GET", points + "/%x", "", "BackupService.6217", 404},
		{"GET", points + "/abc", "", "unauthorized", 401},
		{"GET", "/cbr/v3/%p/backups?limit=1001", "", "BackupService.9900", 400},
		{"GET", "/cbr/v3/%p/backups?sort=size", "", "BackupService.9900", 400},
		{"GET", "/cbr/v3/%p/backups?marker=%x", "", "BackupService.6200", 404},
		{"GET", "/cbr/v3/%p/backups/abc", "", "BackupService.9900", 400},
		{"DELETE", "/cbr/v3/%p/backups/%c", "", "BackupService.6201", 400},
		{"POST", restore, `{"restore":{"name":"n"}}`, "BackupService.9900", 400},
		{"POST", restore, `{"restore":{"volume_id":"%v","power_on":true}}`, "BackupService.9900", 400},
		{"POST", restore, `{"restore":{"volume_id":"%x"}}`, "BackupService.7000", 404},
		{"POST", restore, `{"restore":{"volume_id":"%a"}}`, "BackupService.2011", 400},
		{"POST", restore, `{"restore":{"volume_id":"%m"}}`, "BackupService.2002", 400},
		{"POST", restore, `{"restore":{"volume_id":"%s"}}`, "BackupService.2001", 400},
		{"POST", "/cbr/v3/%p/backups/%e/restore", `{"restore":{"volume_id":"%v"}}`, "BackupService.2005", 400},
		{"GET", "/cbr/v3/%p/operation-logs?offset=0", "", "BackupService.9900", 400},
		{"GET", "/cbr/v3/%p/operation-logs?operation_type=eat", "", "BackupService.9900", 400},
		{"GET", "/cbr/v3/%p/operation-logs/%x", "", "BackupService.6500", 404},
		{"POST", vaults, vault + `9}}}`, "BackupService.9900", 400},
		{"POST", vaults, vault + `10},"tags":[]}}`, "BackupService.9900", 400},
		{"GET", vaults + "?limit=0", "", "BackupService.9900", 400},
		{"GET", vaults + "/%x", "", "BackupService.6105", 404},
		{"POST", vaults + "/%w/addresources", `{"resources":[{"id":"%v","type":"OS::Cinder::Volume"}]}`, "BackupService.6103", 400},
		{"POST", vaults + "/%w/addresources", `{"resources":[{"id":"%x","type":"OS::Cinder::Volume"}]}`, "BackupService.7000", 404},
		{"POST", vaults + "/%w/removeresources", `{"resource_ids":["%n"]}`, "BackupService.6135", 400},
	}
	both(t, func(t *testing.T, dialect string) { newScene(t, Options{Dialect: dialect}, "cbr").run(t, tests) })
	newScene(t, Options{Dialect: Huawei}, "cbr").run(t, []refusal{ // only its reference refuses < and >
		{"POST", points, checkpointOf(`"resources":["%v"],"description":"<"`), "BackupService.9900", 400},
	})
	newScene(t, Options{}, "cbr").post(200, points, checkpointOf(`"resources":["%v"],"description":"<"`))

	otc := newScene(t, Options{}, "cbr")
	otc.run(t, []refusal{
		{"PUT", "/cbr/v3/%p/backups/%b", `{"backup":{"name":"m"}}`, "APIGW.0101", 404},
		{"POST", restore, `{"restore":{"volume_id":"%n"}}`, "BackupService.2012", 400},
		{"POST", points, checkpointOf(`"resources":["%v"],"policy_id":"%x"`), "BackupService.9900", 400},
	})
	vaultID := otc.names.Replace("%w")
	otc.ChangeVault(vaultID, func(v *Vault) { v.SizeGiB = 60 })
	otc.run(t, []refusal{{"POST", points, checkpointOf(`"resources":["%v"]`), "BackupService.6114", 400}})
	otc.ChangeVault(vaultID, func(v *Vault) { v.Status = "frozen" })
	otc.run(t, []refusal{
		{"POST", points, checkpointOf(`"resources":["%v"]`), "BackupService.6112", 400},
		{"POST", restore, `{"restore":{"volume_id":"%v"}}`, "BackupService.6202", 400},
	})

	huawei := newScene(t, Options{Dialect: Huawei}, "cbr")
	huawei.run(t, []refusal{
		{"PUT", "/cbr/v3/%p/backups/%b", `{"backup":{"description":"d"}}`, "BackupService.9900", 400},
		{"PUT", "/cbr/v3/%p/backups/%c", `{"backup":{"name":"n"}}`, "BackupService.6206", 400},
	})
	// A vault runs one restore at a time.
	huawei.want(202, "POST", huawei.names.Replace(restore), huawei.names.Replace(`{"restore":{"volume_id":"%v"}}`))
	other := huawei.AddBackup(huawei.project.ID, Backup{Service: "cbr", VaultID: huawei.names.Replace("%w"), SizeGiB: 20})
	huawei.run(t, []refusal{
		{"POST", "/cbr/v3/%p/backups/" + other + "/restore", `{"restore":{"volume_id":"%n"}}`, "BackupService.2010", 400},
		{"POST", points, checkpointOf(`"resources":["%v"]`), "BackupService.2010", 400},
	})
}

func TestEVSRefuses(t *testing.T) {
	const create = "/evs/v2/%p/cloudvolumes"
	from := func(members string) string {
		return `{"volume":{"backup_id":"%b","availability_zone":"eu-de-01","volume_type":"SSD"` + members + `}}`
	}
	both(t, func(t *testing.T, dialect string) {
		newScene(t, Options{Dialect: dialect, Quotas: map[string]int{"volumes": 6, "gigabytes": 104}}, "cbr").run(t, []refusal{
			{"POST", create, `[]`, "EVS.5400", 400},
			{"POST", create, from(`,"snapshot_id":"%x"`), "EVS.1016", 400},
			{"POST", create, from(`,"count":2`), "EVS.1051", 400},
			{"POST", create, from(`,"size":19`), "EVS.1022", 400},
			{"POST", create, strings.Replace(from(""), "%b", "abc", 1), "EVS.1006", 400},
			{"POST", create, strings.Replace(from(""), "%b", "%x", 1), "EVS.1045", 400},
			{"POST", create, strings.Replace(from(""), "%b", "%c", 1), "EVS.1044", 400},
			{"POST", create, strings.Replace(from(""), "eu-de-01", "eu-de-02", 1), "EVS.1049", 400},
			{"POST", create, strings.Replace(from(""), "eu-de-01", "nova", 1), "EVS.1036", 400},
			{"POST", create, strings.Replace(from(""), "SSD", "tape", 1), "EVS.1020", 400},
			{"POST", create, from(""), "EVS.1042", 400},
			{"POST", create, `{"volume":{"availability_zone":"eu-de-01","volume_type":"SSD"}}`, "EVS.1010", 400},
			{"POST", create, `{"volume":{"availability_zone":"eu-de-01","volume_type":"SSD","size":1,"count":2}}`, "EVS.1034", 400},
			{"GET", "/evs/v1/%p/jobs/%x", "", "Common.0011", 400},
			{"GET", "/evs/v2/0123456789abcdef/volumes", "", "Common.0018", 400},
			{"GET", "/evs/v2/%p/volumes/%x", "", "itemNotFound", 404},
			{"DELETE", "/evs/v2/%p/volumes/%m", "", "EVS.2130", 400},
			{"DELETE", "/evs/v2/%p/volumes/%a", "", "badRequest", 400},
			{"GET", "/evs/v2/%p/volumes?limit=1001", "", "badRequest", 400},
			{"GET", "/evs/v2/%p/volumes?limit=0", "", "badRequest", 400},
			{"GET", "/evs/v2/%p/volumes?sort_key=name", "", "badRequest", 400},
			{"POST", "/evs/v2/%p/snapshots", `{"snapshot":{"volume_id":"%a"}}`, "badRequest", 400},
			{"POST", "/evs/v2/%p/volumes/%v/action", `{"os-extend":{"new_size":20}}`, "badRequest", 400},
			{"POST", "/evs/v2/%p/volumes/%v/action", `{"os-extend":{"new_size":60}}`, "overLimit", 413},
			{"POST", "/evs/v2/%p/volumes", `{"volume":{"size":60}}`, "overLimit", 413},
			{"GET", "/evs/v2/%p/os-quota-sets/0123456789abcdef", "", "forbidden", 403},
		})
	})
	newScene(t, Options{}, "cbr").run(t, []refusal{
		{"POST", "/evs/v2.1/%p/cloudvolumes", from(""), "APIGW.0101", 404},
		{"GET", "/evs/v2/%p/cloudvolumes/%v", "", "APIGW.0101", 404},
	})
	newScene(t, Options{Dialect: Huawei}, "cbr").run(t, []refusal{{"GET", "/evs/v2/%p/os-vendor-volumes/%v", "", "APIGW.0101", 404}})
}
