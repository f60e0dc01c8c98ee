package vbs

import (
	"context"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/translate"
)

// full is a backend in which every resource exists.
type full struct{ driver.Driver }

func (full) GetBackup(_ context.Context, _ driver.Caller, id string) (driver.Backup, error) {
	return driver.Backup{ID: id, Status: driver.BackupAvailable}, nil
}

func (full) DeleteBackup(context.Context, driver.Caller, string) error { return nil }

func (full) CreateBackup(context.Context, driver.Caller, driver.BackupSpec) (driver.Backup, error) {
	return driver.Backup{ID: "b"}, nil
}

func (full) ListBackups(context.Context, driver.Caller, driver.Query) (driver.Page[driver.Backup], error) {
	return driver.Page[driver.Backup]{}, nil
}

func (full) RestoreBackup(_ context.Context, _ driver.Caller, id string, _ driver.RestoreTarget) (driver.Restore, error) {
	return driver.Restore{BackupID: id}, nil
}

func (full) BackupQuotas(context.Context, driver.Caller) ([]driver.Quota, error) { return nil, nil }

// A route checks its own policy and no other.
func TestRoutesHaveTheirPolicy(t *testing.T) {
	const id = "11111111-2222-4333-8444-555555555555"
	bodies := map[string]string{
		"CreateBackup": `{"backup": {"volume_id": "` + id + `", "name": "b"}}`, "RestoreBackup": `{"restore": {"volume_id": "` + id + `"}}`,
	}
	for _, r := range Routes() {
		for _, role := range []driver.Role{driver.Reader, driver.Member} {
			q := translate.Request{Caller: driver.Caller{ProjectID: "p", Role: role}, ID: "create-" + id, Body: []byte(bodies[r.Operation])}
			_, err := r.Of(New(full{}))(t.Context(), q)
			refused := driver.KindOf(err) == driver.Forbidden
			switch {
			case refused != (role < r.Policy.Role):
				t.Errorf("%s %s as role %d: %v", r.Method, r.Path, role, err)
			case refused && !strings.Contains(err.Error(), r.Policy.Name):
				t.Errorf("%s %s: %v names another policy than %s", r.Method, r.Path, err, r.Policy.Name)
			case !refused && err != nil:
				t.Errorf("%s %s: %v", r.Method, r.Path, err)
			}
		}
	}
}
