package translate

import (
	"context"
	"net/http"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of volumes (cinder/policies/volumes.py, volume_metadata.py).
var (
	volumeCreate         = Policy{"volume:create", driver.Member}
	volumeUpdate         = Policy{"volume:update", driver.Member}
	volumeDelete         = Policy{"volume:delete", driver.Member}
	volumeForceDelete    = Policy{"volume:force_delete", driver.Admin}
	volumeMetadataCreate = Policy{"volume:create_volume_metadata", driver.Member}
	volumeMetadataUpdate = Policy{"volume:update_volume_metadata", driver.Member}
	volumeMetadataDelete = Policy{"volume:delete_volume_metadata", driver.Member}
)

// Bodies of volume requests (cinder/api/schemas/volumes.py).
var (
	shortText      = schema.Schema{Types: []string{"string", "null"}, Format: lengthFormat("name")}
	shortProse     = schema.Schema{Types: []string{"string", "null"}, Format: lengthFormat("description")}
	volumeV30Props = []schema.Property{
		{Name: "name", Schema: shortText},
		{Name: "description", Schema: shortProse},
		{Name: "display_name", Schema: shortText},
		{Name: "display_description", Schema: shortProse},
		{Name: "volume_type", Schema: schema.NullText},
		{Name: "metadata", Schema: schema.NullMetadata},
		{Name: "snapshot_id", Schema: schema.NullUUID},
		{Name: "source_volid", Schema: schema.NullUUID},
		{Name: "consistencygroup_id", Schema: schema.NullUUID},
		{Name: "size", Schema: schema.NullSize},
		{Name: "availability_zone", Schema: schema.NullTextSet},
		{Name: "multiattach", Schema: schema.NullBoolean},
		{Name: "image_id", Schema: schema.NullText},
		{Name: "imageRef", Schema: schema.NullText},
	}
	createVolumeV30  = schema.Schema{Types: []string{"object"}, Properties: volumeV30Props}
	createVolumeV313 = createVolumeV30.With(schema.Property{Name: "group_id", Schema: schema.NullText})
	createVolumeV347 = createVolumeV313.With(schema.Property{Name: "backup_id", Schema: schema.NullUUID})
	createVolumeV353 = schema.Members(createVolumeV347.Properties...)

	updateVolumeV30 = schema.Members(
		schema.Property{Name: "name", Schema: shortText},
		schema.Property{Name: "description", Schema: shortProse},
		schema.Property{Name: "display_name", Schema: shortText},
		schema.Property{Name: "display_description", Schema: shortProse},
		schema.Property{Name: "metadata", Schema: schema.Metadata},
	)
)

var (
	createVolumeBodies = []gated{
		{driver.MVVolumeSchemaChanges, volumeBody(createVolumeV353)},
		{driver.MVVolumeFromBackup, volumeBody(createVolumeV347)},
		{driver.MVGroupVolume, volumeBody(createVolumeV313)},
		{0, volumeBody(createVolumeV30)},
	}
	updateVolumeBodies = []gated{
		{driver.MVVolumeSchemaChanges, schema.Body("volume", anyOf(updateVolumeV30,
			"name", "description", "display_name", "display_description", "metadata"))},
		{0, schema.Body("volume", updateVolumeV30)},
	}
)

func volumeBody(volume schema.Schema) *schema.Schema {
	body := schema.Body("volume", volume)
	body.Properties = append(body.Properties, schema.Property{Name: "OS-SCH-HNT:scheduler_hints", Schema: schema.NullObject})
	return body
}

var volumeListing = &listing{
	columns:  columnNames(driver.VolumeColumns),
	notFound: driver.VolumeNotFound, counts: true,
	filters: &filterRules{
		resource: "volume", advertised: volumeFilters, early: volumeFilters, general: driver.MVGeneralFilters,
		since: map[string]int{
			"glance_metadata": driver.MVVolumeListGlance, "group_id": driver.MVVolumeListGroup,
			"created_at": driver.MVVolumeTimeComparison, "updated_at": driver.MVVolumeTimeComparison, "use_quota": driver.MVUseQuota,
		},
		columns: displayName, later: likeNames,
		kinds: map[string]filterKind{
			"display_name": rawFilter, "metadata": pairsFilter, "glance_metadata": pairsFilter,
			"bootable": booleanFilter, "multiattach": booleanFilter, "shared_targets": booleanFilter, "deleted": booleanFilter,
			"use_quota": flagFilter, "created_at": timeFilter, "updated_at": timeFilter,
			"host": literalHostFilter, "cluster_name": literalHostFilter, "no_migration_targets": ignored,
		},
		plain: literalFilter, allTenants: strictAllTenants,
	},
}

var volumeFilters = []string{
	"name", "status", "metadata", "bootable", "migration_status", "availability_zone", "group_id", "size",
	"created_at", "updated_at", "consumes_quota",
}

func (t *Translator) volumeExists(ctx context.Context, r Request, id string) error {
	volumes, err := t.volumes()
	if err != nil {
		return err
	}
	_, err = volumes.GetVolume(ctx, r.Caller, id)
	return err
}

func (t *Translator) volumes() (driver.VolumeReader, error) {
	return Capability[driver.VolumeReader](t.driver, "volumes")
}

func (t *Translator) volumeLister() (driver.VolumeLister, error) {
	return Capability[driver.VolumeLister](t.driver, "volumes")
}

func (t *Translator) volumeManager() (driver.VolumeManager, error) {
	return Capability[driver.VolumeManager](t.driver, "managing volumes")
}

// ListVolumes serves GET /volumes.
func (t *Translator) ListVolumes(ctx context.Context, r Request) (Response, error) {
	return listVolumes(ctx, t, r, "volumes", r.volumeSummary)
}

// ListVolumesDetail serves GET /volumes/detail.
func (t *Translator) ListVolumesDetail(ctx context.Context, r Request) (Response, error) {
	return listVolumes(ctx, t, r, "volumes/detail", r.volumeDetail)
}

func listVolumes[V any](ctx context.Context, t *Translator, r Request, path string, view func(*driver.Volume) V) (Response, error) {
	volumes, err := t.volumeLister()
	if err != nil {
		return Response{}, err
	}
	p, err := volumeListing.list(r)
	if err != nil {
		return Response{}, err
	}
	found, err := volumes.ListVolumes(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	return list(r, p, "volumes", path, found.Items, found.Count, volumeID, view)
}

func volumeID(v *driver.Volume) string { return v.ID }

// ShowVolume serves GET /volumes/{id}.
func (t *Translator) ShowVolume(ctx context.Context, r Request) (Response, error) {
	volumes, err := t.volumes()
	if err != nil {
		return Response{}, err
	}
	v, err := volumes.GetVolume(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("volume", r.volumeDetail(&v)))
}

// UpdateVolume serves PUT /volumes/{id}.
func (t *Translator) UpdateVolume(ctx context.Context, r Request) (Response, error) {
	manager, err := t.volumeManager()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "volume", at(updateVolumeBodies, r.Version))
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(volumeUpdate, func() error { return t.volumeExists(ctx, r, r.ID) }); err != nil {
		return Response{}, err
	}
	patch := driver.VolumePatch{
		Name:        firstText(body, "name", "display_name"),
		Description: firstText(body, "description", "display_description"),
	}
	if _, given := body.Get("metadata"); given {
		patch.Metadata = driver.Some(driver.MetadataChange{Replace: true, Set: body.StringMap("metadata")})
	}
	v, err := manager.UpdateVolume(ctx, r.Caller, r.ID, patch)
	if err != nil {
		return Response{}, err
	}
	view := r.volumeDetail(&v)
	view.ProjectID, view.admin = "", nil
	return ok(envelope("volume", view))
}

// DeleteVolume serves DELETE /volumes/{id}.
func (t *Translator) DeleteVolume(ctx context.Context, r Request) (Response, error) {
	manager, err := t.volumeManager()
	if err != nil {
		return Response{}, err
	}
	how := driver.VolumeDelete{}
	if how.Cascade, err = r.Query.boolean("cascade"); err != nil {
		return Response{}, err
	}
	needed := volumeDelete
	if r.Version.AtLeast(driver.MVVolumeDeleteForce) {
		if how.Force, err = r.Query.boolean("force"); err != nil {
			return Response{}, err
		}
		if how.Force {
			needed = volumeForceDelete
		}
	}
	if err := r.allowOn(needed, func() error { return t.volumeExists(ctx, r, r.ID) }); err != nil {
		return Response{}, err
	}
	if err := manager.DeleteVolume(ctx, r.Caller, r.ID, how); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusAccepted}, nil
}

// ShowVolumeEncryption serves GET /volumes/{id}/encryption. For an encrypted volume it is
// NotSupported: no driver knows how a volume is encrypted.
func (t *Translator) ShowVolumeEncryption(ctx context.Context, r Request) (Response, error) {
	volumes, err := t.volumes()
	if err != nil {
		return Response{}, err
	}
	v, err := volumes.GetVolume(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	if v.Encrypted {
		return Response{}, driver.Errorf(driver.NotSupported, "This backend does not show how a volume is encrypted.")
	}
	if r.Key != "" {
		return ok("")
	}
	return ok(map[string]any{"encryption_key_id": nil})
}
