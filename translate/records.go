package translate

import (
	"context"
	"net/http"

	"cindergate/driver"
	"cindergate/translate/schema"
)

var importBody = schema.Body("backup-record", schema.Members(
	schema.Property{Name: "backup_service", Schema: schema.Text255},
	schema.Property{Name: "backup_url", Schema: schema.Base64},
).Require("backup_service", "backup_url"))

type recordView struct {
	Service string `json:"backup_service"`
	URL     string `json:"backup_url"`
}

// ExportRecord serves GET /backups/{id}/export_record.
func (t *Translator) ExportRecord(ctx context.Context, r Request) (Response, error) {
	porter, err := Capability[driver.RecordPorter](t.driver, "backup records")
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(backupExport, func() error { return t.backupExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	record, err := porter.ExportRecord(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("backup-record", recordView{record.Service, record.URL}))
}

// ImportRecord serves POST /backups/import_record and, as in the v2 reference, POST
// /backups/{id}/import_record. It ignores the path's id and uses the one in the record.
func (t *Translator) ImportRecord(ctx context.Context, r Request) (Response, error) {
	porter, err := Capability[driver.RecordPorter](t.driver, "backup records")
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "backup-record", importBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(backupImport); err != nil {
		return Response{}, err
	}
	b, err := porter.ImportRecord(ctx, r.Caller, driver.BackupRecord{
		Service: body.Text("backup_service"), URL: body.Text("backup_url"),
	})
	if err != nil {
		return Response{}, err
	}
	return Response{http.StatusCreated, envelope("backup", r.backupSummary(&b))}, nil
}
