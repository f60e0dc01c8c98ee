package translate

import (
	"context"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Bodies of backup requests (cinder/api/schemas/backups.py).
var (
	createBackupV30 = schema.Members(
		schema.Property{Name: "volume_id", Schema: schema.UUID},
		schema.Property{Name: "container", Schema: schema.NullText},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "incremental", Schema: schema.Boolean},
		schema.Property{Name: "force", Schema: schema.Boolean},
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "snapshot_id", Schema: schema.NullUUID},
	).Require("volume_id")
	createBackupV343 = createBackupV30.With(schema.Property{Name: "metadata", Schema: schema.NullMetadata})
	createBackupV351 = createBackupV343.With(schema.Property{Name: "availability_zone", Schema: schema.NullText})

	updateBackupV39 = schema.Members(
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "description", Schema: schema.Description},
	)
	updateBackupV343 = updateBackupV39.With(schema.Property{Name: "metadata", Schema: schema.Metadata})
)

var (
	createBackupBodies = []gated{
		{driver.MVBackupAZ, schema.Body("backup", createBackupV351)},
		{driver.MVBackupMetadata, schema.Body("backup", createBackupV343)},
		{0, schema.Body("backup", createBackupV30)},
	}
	updateBackupBodies = []gated{
		{driver.MVBackupMetadata, schema.Body("backup", updateBackupV343)},
		{0, schema.Body("backup", updateBackupV39)},
	}
)

// gated is a schema and the microversion that introduced it.
type gated struct {
	since int
	rules *schema.Schema
}

// at returns the schema of a version. schemas are in descending order of versions.
func at(schemas []gated, v Version) *schema.Schema {
	for _, s := range schemas {
		if v.AtLeast(s.since) {
			return s.rules
		}
	}
	return schemas[len(schemas)-1].rules
}

var backupListing = &listing{
	columns:    columnNames(driver.BackupColumns),
	sortByName: driver.MVBackupSortName,
	notFound:   driver.BackupNotFound,
	counts:     true,
	filters: &filterRules{
		resource: "backup", advertised: backupFilters, early: backupFilters, general: driver.MVGeneralFilters,
		columns: displayName, later: likeNames, allTenants: backupAllTenants,
	},
}

var backupFilters = []string{"name", "status", "volume_id"}

// CreateBackup serves POST /backups.
func (t *Translator) CreateBackup(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "backup", at(createBackupBodies, r.Version))
	if err != nil {
		return Response{}, err
	}
	volumeID := body.Text("volume_id")
	if err := r.allowOn(BackupCreate, func() error { return t.volumeExists(ctx, r, volumeID) }); err != nil {
		return Response{}, err
	}
	if err := t.checkCopyTo(body.StringMap("metadata")); err != nil {
		return Response{}, err
	}
	b, err := t.driver.CreateBackup(ctx, r.Caller, driver.BackupSpec{
		VolumeID:         volumeID,
		SnapshotID:       body.Text("snapshot_id"),
		Name:             optionalText(body, "name").Value,
		Description:      optionalText(body, "description").Value,
		Container:        body.Text("container"),
		AvailabilityZone: body.Text("availability_zone"),
		Metadata:         body.StringMap("metadata"),
		Incremental:      body.Flag("incremental"),
		Force:            body.Flag("force"),
	})
	if err != nil {
		return Response{}, err
	}
	return accepted(envelope("backup", r.backupSummary(&b)))
}

// checkCopyTo refuses metadata that asks for a copy at another backend if the driver makes none.
// A driver that does checks it itself, for it knows what has changed.
func (t *Translator) checkCopyTo(metadata map[string]string) error {
	if _, copies := t.driver.(driver.BackupCopier); copies || metadata[driver.CopyTo] == "" {
		return nil
	}
	return driver.Errorf(driver.InvalidInput, "Invalid input received: metadata %s: only backups of a backend with the driver embedded are copied to other backends.", driver.CopyTo)
}

// ListBackups serves GET /backups.
func (t *Translator) ListBackups(ctx context.Context, r Request) (Response, error) {
	p, err := backupListing.list(r)
	if err != nil {
		return Response{}, err
	}
	p.Brief = true
	found, err := t.driver.ListBackups(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	return list(r, p, "backups", "backups", found.Items, found.Count, backupID, r.backupSummary)
}

// ListBackupsDetail serves GET /backups/detail.
func (t *Translator) ListBackupsDetail(ctx context.Context, r Request) (Response, error) {
	p, err := backupListing.list(r)
	if err != nil {
		return Response{}, err
	}
	found, err := t.driver.ListBackups(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	body := backupsBody{r: r, items: found.Items}
	if n := len(found.Items); n > 0 {
		body.next = p.next(r, "backups/detail", found.Items[n-1].ID, n, found.Count)
	}
	if p.WithCount {
		body.count = &found.Count
	}
	return ok(body)
}

func backupID(b *driver.Backup) string { return b.ID }

// ShowBackup serves GET /backups/{id}.
func (t *Translator) ShowBackup(ctx context.Context, r Request) (Response, error) {
	b, err := t.driver.GetBackup(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(backupBody{r, &b})
}

// UpdateBackup serves PUT /backups/{id}, from 3.9.
func (t *Translator) UpdateBackup(ctx context.Context, r Request) (Response, error) {
	if r.Version.V2() {
		return Response{}, noSuchAction("update")
	}
	if !r.Version.AtLeast(driver.MVBackupUpdate) {
		return Response{}, tooOld()
	}
	updater, err := Capability[driver.BackupUpdater](t.driver, "updating backups")
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "backup", at(updateBackupBodies, r.Version))
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(backupUpdate, func() error { return t.backupExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	patch := driver.BackupPatch{Name: optionalText(body, "name"), Description: optionalText(body, "description")}
	if _, given := body.Get("metadata"); given {
		patch.Metadata = driver.Some(body.StringMap("metadata"))
		if err := t.checkCopyTo(patch.Metadata.Value); err != nil {
			return Response{}, err
		}
	}
	b, err := updater.UpdateBackup(ctx, r.Caller, r.ID, patch)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("backup", r.backupSummary(&b)))
}

// DeleteBackup serves DELETE /backups/{id}.
func (t *Translator) DeleteBackup(ctx context.Context, r Request) (Response, error) {
	if err := r.allowOn(BackupDelete, func() error { return t.backupExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	return finish(t.driver.DeleteBackup(ctx, r.Caller, r.ID))
}

func (t *Translator) backupExists(ctx context.Context, r Request) error {
	_, err := t.driver.GetBackup(ctx, r.Caller, r.ID)
	return err
}

// summaryView is the short form of a backup or volume, in lists and in the answers to
// changes.
type summaryView struct {
	ID    string  `json:"id"`
	Name  *string `json:"name"`
	Links []link  `json:"links"`
}

func (r Request) backupSummary(b *driver.Backup) summaryView {
	return summaryView{b.ID, b.Name, r.links("backups", b.ID)}
}
