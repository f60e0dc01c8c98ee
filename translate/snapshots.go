package translate

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of snapshots (cinder/policies/snapshots.py, snapshot_metadata.py,
// snapshot_actions.py).
var (
	snapshotCreate         = Policy{"volume:create_snapshot", driver.Member}
	snapshotUpdate         = Policy{"volume:update_snapshot", driver.Member}
	snapshotDelete         = Policy{"volume:delete_snapshot", driver.Member}
	snapshotMetadataUpdate = Policy{"volume:update_snapshot_metadata", driver.Member}
	snapshotMetadataDelete = Policy{"volume:delete_snapshot_metadata", driver.Member}
	snapshotUpdateStatus   = Policy{"snapshot_extension:snapshot_actions:update_snapshot_status", driver.Member}
	snapshotResetStatus    = Policy{"volume_extension:snapshot_admin_actions:reset_status", driver.Admin}
	snapshotForceDelete    = Policy{"volume_extension:snapshot_admin_actions:force_delete", driver.Admin}
)

// Bodies of snapshot requests (cinder/api/schemas/snapshots.py, snapshot_actions.py).
var (
	createSnapshotBody = schema.Body("snapshot", schema.Members(
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "display_name", Schema: schema.NullText},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "volume_id", Schema: schema.NullUUID},
		schema.Property{Name: "force", Schema: schema.Boolean},
		schema.Property{Name: "metadata", Schema: schema.NullMetadata},
	).Require("volume_id"))
	updateSnapshotBody = schema.Body("snapshot", anyOf(schema.Members(
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "display_name", Schema: schema.NullText},
		schema.Property{Name: "display_description", Schema: schema.Description},
	), "name", "description", "display_name", "display_description"))

	resetSnapshotBody = schema.Body("os-reset_status", schema.Members(
		schema.Property{Name: "status", Schema: schema.Schema{
			Types: []string{"string"}, Format: oneOfStatuses("Snapshot status", snapshotStatuses...),
		}},
	).Require("status"))
	updateSnapshotStatusBody = schema.Body("os-update_snapshot_status", schema.Members(
		schema.Property{Name: "status", Schema: schema.String},
		schema.Property{Name: "progress", Schema: schema.Schema{Format: &schema.Format{Name: "progress", Check: checkProgress}}},
	).Require("status"))
)

var snapshotStatuses = []string{
	"error", "available", "creating", "deleting", "deleted", "updating", "error_deleting", "unmanaging",
	"backing-up", "restoring",
}

var percentage = regexp.MustCompile(`^(100|\d?\d)%$`)

func checkProgress(v any) string {
	if s, ok := v.(string); ok && s != "" && !percentage.MatchString(s) {
		return "progress must be an integer percentage between 0 and 100"
	}
	return ""
}

var snapshotListing = &listing{
	columns:    columnNames(driver.SnapshotColumns),
	sortByName: driver.MVSnapshotSort,
	notFound:   driver.SnapshotNotFound,
	counts:     true,
	filters: &filterRules{
		resource:   "snapshot",
		advertised: []string{"name", "status", "volume_id", "metadata", "availability_zone", "consumes_quota"},
		early:      []string{"name", "status", "volume_id", "metadata"}, general: driver.MVGeneralFilters,
		since:   map[string]int{"metadata": driver.MVSnapshotMetaFilter, "use_quota": driver.MVUseQuota},
		columns: displayName, later: likeNames,
		kinds: map[string]filterKind{
			"metadata": pairsFilter, "use_quota": flagFilter,
			"host": hostFilter, "cluster_name": hostFilter, "availability_zone": someFilter,
		},
		allTenants: lenientAllTenants,
	},
}

func (t *Translator) snapshots() (driver.SnapshotManager, error) {
	return Capability[driver.SnapshotManager](t.driver, "snapshots")
}

func (t *Translator) snapshotExists(ctx context.Context, r Request) error {
	snapshots, err := t.snapshots()
	if err != nil {
		return err
	}
	_, err = snapshots.GetSnapshot(ctx, r.Caller, r.ID)
	return err
}

// ListSnapshots serves GET /snapshots.
func (t *Translator) ListSnapshots(ctx context.Context, r Request) (Response, error) {
	return t.listSnapshots(ctx, r, "snapshots", r.snapshotSummary)
}

// ListSnapshotsDetail serves GET /snapshots/detail.
func (t *Translator) ListSnapshotsDetail(ctx context.Context, r Request) (Response, error) {
	return t.listSnapshots(ctx, r, "snapshots/detail", r.snapshotDetail)
}

func (t *Translator) listSnapshots(ctx context.Context, r Request, path string, view func(*driver.Snapshot) snapshotView) (Response, error) {
	snapshots, err := t.snapshots()
	if err != nil {
		return Response{}, err
	}
	p, err := snapshotListing.list(r)
	if err != nil {
		return Response{}, err
	}
	found, err := snapshots.ListSnapshots(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	id := func(s *driver.Snapshot) string { return s.ID }
	return list(r, p, "snapshots", path, found.Items, found.Count, id, view)
}

// ShowSnapshot serves GET /snapshots/{id}.
func (t *Translator) ShowSnapshot(ctx context.Context, r Request) (Response, error) {
	snapshots, err := t.snapshots()
	if err != nil {
		return Response{}, err
	}
	s, err := snapshots.GetSnapshot(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("snapshot", r.snapshotDetail(&s)))
}

// CreateSnapshot serves POST /snapshots.
func (t *Translator) CreateSnapshot(ctx context.Context, r Request) (Response, error) {
	snapshots, err := t.snapshots()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "snapshot", createSnapshotBody)
	if err != nil {
		return Response{}, err
	}
	volumeID := body.Text("volume_id")
	if err := r.allowOn(snapshotCreate, func() error { return t.volumeExists(ctx, r, volumeID) }); err != nil {
		return Response{}, err
	}
	force := body.Flag("force")
	if r.Version.AtLeast(driver.MVSnapshotInUse) {
		if _, given := body.Get("force"); given && !force {
			if err := t.volumeExists(ctx, r, volumeID); err != nil {
				return Response{}, err
			}
			return Response{}, driver.Errorf(driver.InvalidInput, "Since microversion 3.%d the 'force' flag is invalid for this "+
				"request.  For backward compatability, however, when the 'force' flag is passed with a value evaluating to True, "+
				"it is silently ignored.", driver.MVSnapshotInUse)
		}
		force = true
	}
	s, err := snapshots.CreateSnapshot(ctx, r.Caller, driver.SnapshotSpec{
		VolumeID: volumeID, Name: firstText(body, "name", "display_name").Value,
		Description: optionalText(body, "description").Value, Metadata: body.StringMap("metadata"), Force: force,
	})
	if err != nil {
		return Response{}, err
	}
	view := r.snapshotDetail(&s)
	view.ProjectID, view.Progress = "", ""
	return accepted(envelope("snapshot", view))
}

// UpdateSnapshot serves PUT /snapshots/{id}.
func (t *Translator) UpdateSnapshot(ctx context.Context, r Request) (Response, error) {
	snapshots, err := t.snapshots()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "snapshot", updateSnapshotBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(snapshotUpdate, func() error { return t.snapshotExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	s, err := snapshots.UpdateSnapshot(ctx, r.Caller, r.ID, driver.SnapshotPatch{
		Name: firstText(body, "name", "display_name"), Description: firstText(body, "description", "display_description"),
	})
	if err != nil {
		return Response{}, err
	}
	view := r.snapshotDetail(&s)
	view.ProjectID, view.Progress = "", ""
	return ok(envelope("snapshot", view))
}

// DeleteSnapshot serves DELETE /snapshots/{id}.
func (t *Translator) DeleteSnapshot(ctx context.Context, r Request) (Response, error) {
	snapshots, err := t.snapshots()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(snapshotDelete, func() error { return t.snapshotExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	return finish(snapshots.DeleteSnapshot(ctx, r.Caller, r.ID, false))
}

// ActOnSnapshot serves POST /snapshots/{id}/action.
func (t *Translator) ActOnSnapshot(ctx context.Context, r Request) (Response, error) {
	do, err := readAction(r)
	if err != nil {
		return Response{}, err
	}
	snapshots, err := t.snapshots()
	if err != nil {
		return Response{}, err
	}
	exists := func() error { return t.snapshotExists(ctx, r) }
	switch do.name {
	case "os-reset_status":
		body, err := do.decode(resetSnapshotBody)
		if err != nil {
			return Response{}, err
		}
		if err := r.allowOn(snapshotResetStatus, exists); err != nil {
			return Response{}, err
		}
		return finish(snapshots.ResetSnapshotStatus(ctx, r.Caller, r.ID, strings.ToLower(body.Text("status")), ""))
	case "os-force_delete":
		if err := r.allowOn(snapshotForceDelete, exists); err != nil {
			return Response{}, err
		}
		return finish(snapshots.DeleteSnapshot(ctx, r.Caller, r.ID, true))
	case "os-update_snapshot_status":
		return t.updateSnapshotStatus(ctx, r, do, snapshots)
	}
	return Response{}, r.refuseAction(do.name, unofferedSnapshotActions, exists)
}

// snapshotTransitions maps a snapshot's status to those that os-update_snapshot_status may
// set.
var snapshotTransitions = map[string][]string{
	driver.VolumeCreating: {driver.VolumeCreating, driver.VolumeAvailable, driver.VolumeError},
	driver.VolumeDeleting: {driver.VolumeDeleting, driver.VolumeErrorDeleting},
}

func (t *Translator) updateSnapshotStatus(ctx context.Context, r Request, do action, snapshots driver.SnapshotManager) (Response, error) {
	body, err := do.decode(updateSnapshotStatusBody)
	if err != nil {
		return Response{}, err
	}
	s, err := snapshots.GetSnapshot(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(snapshotUpdateStatus); err != nil {
		return Response{}, err
	}
	to := body.Text("status")
	valid, changeable := snapshotTransitions[s.Status]
	switch {
	case !changeable:
		return Response{}, driver.Errorf(driver.InvalidState, "Snapshot status %s not allowed for update_snapshot_status", s.Status)
	case !slices.Contains(valid, to):
		return Response{}, driver.Errorf(driver.InvalidState,
			"Provided snapshot status %s not allowed for snapshot with status %s.", to, s.Status)
	}
	if err := snapshots.ResetSnapshotStatus(ctx, r.Caller, r.ID, to, body.Text("progress")); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusAccepted}, nil
}

// snapshotView is a snapshot on the wire, in Cinder's order of members
// (cinder/api/views/snapshots.py, v3/views/snapshots.py,
// contrib/extended_snapshot_attributes.py).
type snapshotView struct {
	ID              string            `json:"id"`
	CreatedAt       timestamp         `json:"created_at"`
	UpdatedAt       timestamp         `json:"updated_at"`
	Name            *string           `json:"name"`
	Description     *string           `json:"description"`
	VolumeID        string            `json:"volume_id"`
	Status          string            `json:"status"`
	Size            int               `json:"size"`
	Metadata        map[string]string `json:"metadata"`
	GroupSnapshotID **string          `json:"group_snapshot_id,omitempty"`
	UserID          string            `json:"user_id,omitempty"`
	ConsumesQuota   *bool             `json:"consumes_quota,omitempty"`
	ProjectID       string            `json:"os-extended-snapshot-attributes:project_id,omitempty"`
	Progress        string            `json:"os-extended-snapshot-attributes:progress,omitempty"`
}

func (r Request) snapshotSummary(s *driver.Snapshot) snapshotView {
	return snapshotView{
		ID: s.ID, CreatedAt: timestamp(s.CreatedAt), UpdatedAt: timestamp(s.UpdatedAt), Name: s.Name,
		Description: s.Description, VolumeID: s.VolumeID, Status: s.Status, Size: s.Size, Metadata: orEmpty(s.Metadata),
	}
}

func (r Request) snapshotDetail(s *driver.Snapshot) snapshotView {
	v := r.snapshotSummary(s)
	v.ProjectID, v.Progress = s.ProjectID, s.Progress
	if r.Version.AtLeast(driver.MVGroupSnapshot) {
		part := nullable(s.GroupSnapshotID)
		v.GroupSnapshotID = &part
	}
	if r.Version.AtLeast(driver.MVSnapshotUserID) {
		v.UserID = s.UserID
	}
	if r.Version.AtLeast(driver.MVUseQuota) {
		yes := true
		v.ConsumesQuota = &yes
	}
	return v
}
