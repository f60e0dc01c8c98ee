package translate

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"

	"cindergate/driver"
)

// furnished is a backend in which every requested resource exists.
type furnished struct{ *backend }

func (furnished) GetVolume(_ context.Context, caller driver.Caller, id string) (driver.Volume, error) {
	return driver.Volume{ID: id, ProjectID: caller.ProjectID, Size: 1, Metadata: map[string]string{"k": "v"},
		Attachments: []driver.Attachment{{ID: someID, VolumeID: id}}}, nil
}

func (f furnished) ListVolumes(ctx context.Context, caller driver.Caller, q driver.Query) (driver.Page[driver.Volume], error) {
	v, _ := f.GetVolume(ctx, caller, someID)
	return driver.Paginate([]driver.Volume{v}, driver.VolumeColumns, q, driver.VolumeNotFound)
}

func (furnished) ListBackups(_ context.Context, _ driver.Caller, q driver.Query) (driver.Page[driver.Backup], error) {
	return driver.Paginate([]driver.Backup{someBackup}, driver.BackupColumns, q, driver.BackupNotFound)
}

func (furnished) GetVolumeType(_ context.Context, _ driver.Caller, id string) (driver.VolumeType, error) {
	return driver.VolumeType{ID: id, ExtraSpecs: map[string]string{"k": "v"}}, nil
}

func (furnished) DefaultQuotas(context.Context, driver.Caller) ([]driver.Quota, error) {
	return []driver.Quota{{Resource: driver.QuotaVolumes, Limit: 10}}, nil
}

// FuzzRequest checks that no request panics or fails with a 5xx, and that every answer is
// JSON.
func FuzzRequest(f *testing.F) {
	all := operations(newTranslator(furnished{&backend{}}))
	names := slices.Sorted(maps.Keys(all))
	for i, name := range names {
		f.Add(uint8(i), uint8(driver.Admin), "volume 3.70", someID, "k", "limit=1&sort=name:asc&with_count=1&name~=x", bodies[name])
	}
	for _, body := range []string{
		`{"os-attach": {"mountpoint": "/dev/vdb", "host_name": "h"}}`, `{"os-retype": {"new_type": "t"}}`, `{"revert": {}}`,
		`{"os-reset_status": {"status": "error", "attach_status": "attached"}}`, `{"os-detach": null}`,
		`{"os-initialize_connection": {"connector": {}}}`, `{"os-show_image_metadata": null}`, `{"os-force_delete": {}}`,
	} {
		f.Add(uint8(slices.Index(names, "ActOnVolume")), uint8(driver.Member), "volume latest", someID, "", "", body)
	}
	f.Fuzz(func(t *testing.T, which, role uint8, header, id, key, query, body string) {
		version, err := ParseVersion([]string{header}, driver.MaxMicroversion)
		if err != nil {
			if status := FaultOf(err).Status; status != http.StatusBadRequest && status != http.StatusNotAcceptable {
				t.Errorf("%q is %d", header, status)
			}
			version = newest
		}
		r := Request{
			Caller:  driver.Caller{ProjectID: "abc", UserID: "u", Role: driver.Role(role) % (driver.Admin + 1)},
			Version: version, Base: "http://gw", ProjectInURL: true, ID: id, Key: key, Query: ParseQuery(query), Body: []byte(body),
		}
		name := names[int(which)%len(names)]
		answer, err := all[name](t.Context(), r)
		if err != nil {
			if f := FaultOf(err); f.Status >= http.StatusInternalServerError && f.Status != http.StatusNotImplemented {
				t.Errorf("%s is %d: %v", name, f.Status, err)
			}
			return
		}
		if _, bytes := answer.Body.(Stream); bytes {
			return
		}
		text, err := json.Marshal(answer.Body)
		if a, ok := answer.Body.(Appender); ok {
			text, err = a.AppendJSON(nil), nil
		}
		if err != nil || !json.Valid(text) {
			t.Errorf("%s answers %s, %v", name, text, err)
		}
	})
}
