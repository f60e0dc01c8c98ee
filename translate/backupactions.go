package translate

import (
	"context"
	"fmt"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

var resetBackupBody = schema.Body("os-reset_status", schema.Members(
	schema.Property{Name: "status", Schema: schema.Schema{
		Types: []string{"string"}, Format: oneOfStatuses("Backup status", "available", "error"),
	}},
).Require("status"))

// oneOfStatuses checks that a status is in a list, whatever its case.
func oneOfStatuses(what string, valid ...string) *schema.Format {
	list := make([]any, len(valid))
	for i, s := range valid {
		list[i] = s
	}
	return &schema.Format{Name: "status", Check: func(v any) string {
		s, ok := v.(string)
		if !ok {
			return ""
		}
		for _, status := range valid {
			if strings.EqualFold(s, status) {
				return ""
			}
		}
		return fmt.Sprintf("%s: %s is invalid, valid statuses are: %s.", what, s, schema.Repr(list))
	}}
}

// ActOnBackup serves POST /backups/{id}/action.
func (t *Translator) ActOnBackup(ctx context.Context, r Request) (Response, error) {
	do, err := readAction(r)
	if err != nil {
		return Response{}, err
	}
	admin, err := Capability[driver.BackupAdmin](t.driver, "backup actions")
	if err != nil {
		return Response{}, err
	}
	exists := func() error { return t.backupExists(ctx, r) }
	switch do.name {
	case "os-reset_status":
		body, err := do.decode(resetBackupBody)
		if err != nil {
			return Response{}, err
		}
		if err := r.allowOn(backupResetStatus, exists); err != nil {
			return Response{}, err
		}
		to := driver.BackupStatus(strings.ToLower(body.Text("status")))
		return finish(admin.ResetBackupStatus(ctx, r.Caller, r.ID, to))
	case "os-force_delete":
		if err := r.allowOn(backupForceDelete, exists); err != nil {
			return Response{}, err
		}
		return finish(admin.ForceDeleteBackup(ctx, r.Caller, r.ID))
	}
	return Response{}, noSuchAction(do.name)
}
