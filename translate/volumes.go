package translate

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

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

func anyOf(s schema.Schema, names ...string) schema.Schema {
	s.AnyOfRequired = names
	return s
}

// lengthFormat allows up to 255 characters after surrounding spaces are removed (the
// *_non_mandatory_remove_white_spaces of cinder/api/validation/validators.py).
func lengthFormat(name string) *schema.Format {
	return &schema.Format{Name: name, Check: func(v any) string {
		s, _ := v.(string)
		if n := utf8.RuneCountInString(strings.TrimSpace(s)); n > 255 {
			return "Invalid input received: " + name + " has " + strconv.Itoa(n) + " characters, more than 255."
		}
		return ""
	}}
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

// SummarizeVolumes serves GET /volumes/summary, from 3.12.
func (t *Translator) SummarizeVolumes(ctx context.Context, r Request) (Response, error) {
	if !r.Version.AtLeast(driver.MVVolumeSummary) {
		return Response{}, tooOld()
	}
	summarize, err := t.summarizer()
	if err != nil {
		return Response{}, err
	}
	// The only filter is all_tenants (get_volume_summary of cinder/volume/api.py).
	q := driver.Query{Limit: -1}
	if r.Caller.IsAdmin() {
		if q.AllProjects, err = r.Query.boolean("all_tenants"); err != nil {
			return Response{}, err
		}
	}
	sum, err := summarize(ctx, r.Caller, q)
	if err != nil {
		return Response{}, err
	}
	summary := map[string]any{"total_count": sum.Count, "total_size": sum.Size}
	if r.Version.AtLeast(driver.MVVolumeSummaryMeta) {
		summary["metadata"] = sum.Metadata
	}
	return ok(envelope("volume-summary", summary))
}

// summarizer returns the function that summarizes the backend's volumes.
func (t *Translator) summarizer() (func(context.Context, driver.Caller, driver.Query) (driver.VolumeSummary, error), error) {
	if s, sums := t.driver.(driver.VolumeSummarizer); sums {
		return s.SummarizeVolumes, nil
	}
	volumes, err := t.volumeLister()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, caller driver.Caller, q driver.Query) (driver.VolumeSummary, error) {
		q.Limit = -1
		found, err := volumes.ListVolumes(ctx, caller, q)
		return driver.Summarize(found.Items), err
	}, nil
}

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

// CreateVolume serves POST /volumes.
func (t *Translator) CreateVolume(ctx context.Context, r Request) (Response, error) {
	manager, err := t.volumeManager()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(volumeCreate); err != nil {
		return Response{}, err
	}
	body, err := decode(r, "volume", at(createVolumeBodies, r.Version))
	if err != nil {
		return Response{}, err
	}
	if body.Len() == 0 {
		return Response{}, malformed()
	}
	spec, err := volumeSpec(r, body)
	if err != nil {
		return Response{}, err
	}
	v, err := manager.CreateVolume(ctx, r.Caller, spec)
	if err != nil {
		return Response{}, err
	}
	view := r.volumeDetail(&v)
	view.ProjectID, view.admin = "", nil
	return accepted(envelope("volume", view))
}

func volumeSpec(r Request, body *schema.Object) (driver.VolumeSpec, error) {
	if body.Text("imageRef") != "" || body.Text("image_id") != "" {
		// There is no image service here, so no image can be found.
		return driver.VolumeSpec{}, driver.Errorf(driver.InvalidInput,
			"Invalid image identifier or unable to access requested image.")
	}
	if body.Flag("multiattach") {
		return driver.VolumeSpec{}, driver.Errorf(driver.InvalidInput,
			"multiattach parameter has been removed. The default behavior is to use multiattach enabled volume types. "+
				"Contact your administrator to create a multiattach enabled volume type and use it to create multiattach volumes.")
	}
	spec := driver.VolumeSpec{
		Name:             firstText(body, "name", "display_name").Value,
		Description:      firstText(body, "description", "display_description").Value,
		VolumeType:       body.Text("volume_type"),
		AvailabilityZone: body.Text("availability_zone"),
		Metadata:         body.StringMap("metadata"),
		SnapshotID:       body.Text("snapshot_id"),
		SourceVolumeID:   body.Text("source_volid"),
		GroupID:          body.Text("group_id"),
	}
	// Below 3.47 Cinder ignores backup_id and creates an empty volume.
	if r.Version.AtLeast(driver.MVVolumeFromBackup) {
		spec.BackupID = body.Text("backup_id")
	}
	spec.Size = body.Integer("size")
	sources := 0
	for _, id := range []string{spec.SnapshotID, spec.SourceVolumeID, spec.BackupID} {
		if id != "" {
			sources++
		}
	}
	switch {
	case sources > 1:
		return spec, driver.Errorf(driver.InvalidInput,
			"Invalid input received: May specify only one of backup, imageRef, snapshot, source volume")
	case sources == 0 && spec.Size == 0:
		return spec, driver.Errorf(driver.InvalidInput,
			"Invalid input received: Invalid volume size provided for create request: None (size argument must be an integer (or string representation of an integer) and greater than zero).")
	}
	return spec, nil
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

// volumeView is a volume on the wire, in Cinder's order of members
// (cinder/api/v2/views/volumes.py, v3/views/volumes.py, contrib/volume_*_attribute.py).
type volumeView struct {
	ID                 string            `json:"id"`
	Status             string            `json:"status"`
	Size               int               `json:"size"`
	AvailabilityZone   *string           `json:"availability_zone"`
	CreatedAt          timestamp         `json:"created_at"`
	UpdatedAt          timestamp         `json:"updated_at"`
	Name               *string           `json:"name"`
	Description        *string           `json:"description"`
	VolumeType         *string           `json:"volume_type"`
	SnapshotID         *string           `json:"snapshot_id"`
	SourceVolumeID     *string           `json:"source_volid"`
	Metadata           map[string]string `json:"metadata"`
	Links              []link            `json:"links"`
	UserID             string            `json:"user_id"`
	Bootable           string            `json:"bootable"`
	Encrypted          bool              `json:"encrypted"`
	ReplicationStatus  *string           `json:"replication_status"`
	ConsistencygroupID *string           `json:"consistencygroup_id"`
	Multiattach        bool              `json:"multiattach"`
	Attachments        []attachmentView  `json:"attachments"`
	ImageMetadata      map[string]string `json:"volume_image_metadata,omitempty"`
	ProjectID          string            `json:"os-vol-tenant-attr:tenant_id,omitempty"`

	gated map[string]any // by microversion
	admin map[string]any // for admins only
}

// attachmentView is an attachment in a volume's view. id is the volume's.
type attachmentView struct {
	ID           string    `json:"id"`
	AttachmentID string    `json:"attachment_id"`
	VolumeID     string    `json:"volume_id"`
	ServerID     *string   `json:"server_id"`
	HostName     *string   `json:"host_name"`
	Device       string    `json:"device"`
	AttachedAt   timestamp `json:"attached_at"`
}

// MarshalJSON adds the members that only some requests show.
func (v *volumeView) MarshalJSON() ([]byte, error) {
	type plain volumeView
	out, err := json.Marshal((*plain)(v))
	if err != nil {
		return nil, err
	}
	for _, more := range []map[string]any{v.gated, v.admin} {
		if len(more) == 0 {
			continue
		}
		tail, err := json.Marshal(more)
		if err != nil {
			return nil, err
		}
		out = append(append(out[:len(out)-1], ','), tail[1:]...)
	}
	return out, nil
}

func (r Request) volumeSummary(v *driver.Volume) summaryView {
	return summaryView{v.ID, v.Name, r.links("volumes", v.ID)}
}

func (r Request) volumeDetail(v *driver.Volume) *volumeView {
	view := &volumeView{
		ID: v.ID, Status: v.Status, Size: v.Size, AvailabilityZone: nullable(v.AvailabilityZone),
		CreatedAt: timestamp(v.CreatedAt), UpdatedAt: timestamp(v.UpdatedAt), Name: v.Name, Description: v.Description,
		VolumeType: nullable(v.VolumeType), SnapshotID: nullable(v.SnapshotID), SourceVolumeID: nullable(v.SourceVolumeID),
		Metadata: visibleMetadata(v), Links: r.links("volumes", v.ID), UserID: v.UserID,
		Bootable: strconv.FormatBool(v.Bootable), Encrypted: v.Encrypted, Multiattach: v.Multiattach,
		Attachments: r.attachments(v), ImageMetadata: v.ImageMetadata, ProjectID: v.ProjectID,
		gated: map[string]any{}, admin: map[string]any{},
	}
	admin := r.Caller.IsAdmin()
	if admin {
		view.admin["migration_status"] = nullable(v.MigrationStatus)
		view.admin["os-vol-mig-status-attr:migstat"] = nullable(v.MigrationStatus)
		view.admin["os-vol-mig-status-attr:name_id"] = nil
		view.admin["os-vol-host-attr:host"] = nullable(v.Host)
	}
	if r.Version.AtLeast(driver.MVGroupVolume) {
		view.gated["group_id"] = nullable(v.GroupID)
	}
	if admin && r.Version.AtLeast(driver.MVVolumeProviderID) {
		view.admin["provider_id"] = nil
	}
	if r.Version.AtLeast(driver.MVVolumeSharedTargets) {
		view.gated["shared_targets"] = false
		view.gated["service_uuid"] = nullable(v.ServiceUUID)
	}
	if admin && r.Version.AtLeast(driver.MVVolumeClusterName) {
		view.admin["cluster_name"] = nil
	}
	if r.Version.AtLeast(driver.MVVolumeTypeID) {
		view.gated["volume_type_id"] = nullable(v.VolumeTypeID)
	}
	if r.Version.AtLeast(driver.MVUseQuota) {
		view.gated["consumes_quota"] = true
	}
	return view
}

// visibleMetadata returns the metadata with the admin metadata that Cinder shows
// (add_visible_admin_metadata of cinder/api/api_utils.py).
func visibleMetadata(v *driver.Volume) map[string]string {
	all := make(map[string]string, len(v.Metadata)+2)
	for k, value := range v.Metadata {
		all[k] = value
	}
	for _, k := range []string{"readonly", "attached_mode"} {
		if value, ok := v.AdminMetadata[k]; ok {
			all[k] = value
		}
	}
	return all
}

func (r Request) attachments(v *driver.Volume) []attachmentView {
	views := []attachmentView{}
	for _, a := range v.Attachments {
		if a.Status != "attached" {
			continue
		}
		view := attachmentView{
			ID: v.ID, AttachmentID: a.ID, VolumeID: v.ID, ServerID: nullable(a.ServerID),
			Device: a.Device, AttachedAt: timestamp(a.AttachedAt),
		}
		if r.Caller.IsAdmin() {
			view.HostName = nullable(a.HostName)
		}
		views = append(views, view)
	}
	return views
}
