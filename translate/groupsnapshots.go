package translate

import (
	"context"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of group snapshots (cinder/policies/group_snapshots.py,
// group_snapshot_actions.py).
var (
	groupSnapshotCreate = Policy{"group:create_group_snapshot", driver.Member}
	groupSnapshotDelete = Policy{"group:delete_group_snapshot", driver.Member}
	groupSnapshotReset  = Policy{"group:reset_group_snapshot_status", driver.Admin}
)

// Bodies of group snapshot requests (cinder/api/schemas/group_snapshots.py).
var (
	createGroupSnapshotBody = schema.Body("group_snapshot", schema.Members(
		schema.Property{Name: "group_id", Schema: schema.UUID},
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "description", Schema: schema.Description},
	).Require("group_id"))
	resetGroupSnapshotBody = schema.Body("reset_status", statusMember(statusFormat("Invalid GroupSnapshot Status: ",
		"Group snapshot status: %s is invalid, valid statuses are: "+
			"('error', 'available', 'creating', 'deleting', 'deleted', 'updating', 'error_deleting').")))
)

var groupSnapshotListing = &listing{
	columns: columnNames(driver.GroupSnapshotColumns), sortByName: never, notFound: driver.GroupSnapshotNotFound,
	filters: &filterRules{
		resource: "group_snapshot", advertised: []string{"name", "status", "group_id"}, general: driver.MVGeneralFilters,
		allTenants: anyAllTenants,
	},
}

func (t *Translator) groupSnapshots(r Request) (driver.GroupSnapshotManager, error) {
	if !r.Version.AtLeast(driver.MVGroupSnapshot) {
		return nil, tooOld()
	}
	return Capability[driver.GroupSnapshotManager](t.driver, "group snapshots")
}

// groupSnapshotView is the view of a group snapshot
// (cinder/api/v3/views/group_snapshots.py).
func (r Request) groupSnapshotView(s *driver.GroupSnapshot) map[string]any {
	v := map[string]any{
		"id": s.ID, "group_id": s.GroupID, "group_type_id": s.GroupTypeID, "status": s.Status,
		"created_at": timestamp(s.CreatedAt), "name": s.Name, "description": s.Description,
	}
	if r.Caller.IsAdmin() && r.Version.AtLeast(driver.MVGroupProject) {
		v["project_id"] = s.ProjectID
	}
	return v
}

func groupSnapshotSummary(s *driver.GroupSnapshot) map[string]any {
	return map[string]any{"id": s.ID, "name": s.Name}
}

// ListGroupSnapshots serves GET /group_snapshots, from 3.14.
func (t *Translator) ListGroupSnapshots(ctx context.Context, r Request) (Response, error) {
	return t.listGroupSnapshots(ctx, r, groupSnapshotSummary)
}

// ListGroupSnapshotsDetail serves GET /group_snapshots/detail.
func (t *Translator) ListGroupSnapshotsDetail(ctx context.Context, r Request) (Response, error) {
	return t.listGroupSnapshots(ctx, r, r.groupSnapshotView)
}

func (t *Translator) listGroupSnapshots(ctx context.Context, r Request, view func(*driver.GroupSnapshot) map[string]any) (Response, error) {
	snapshots, err := t.groupSnapshots(r)
	if err != nil {
		return Response{}, err
	}
	asked := r
	if !r.Version.AtLeast(driver.MVGroupSnapshotPages) {
		asked.Query = nil // older versions of the list take no parameters
	}
	p, err := groupSnapshotListing.list(asked)
	if err != nil {
		return Response{}, err
	}
	found, err := snapshots.ListGroupSnapshots(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	id := func(s *driver.GroupSnapshot) string { return s.ID }
	body := listBody(asked, p, "group_snapshots", "group_snapshots", found.Items, found.Count, id, view)
	body.plain = "group_snapshot"
	return ok(body)
}

// ShowGroupSnapshot serves GET /group_snapshots/{id}.
func (t *Translator) ShowGroupSnapshot(ctx context.Context, r Request) (Response, error) {
	snapshots, err := t.groupSnapshots(r)
	if err != nil {
		return Response{}, err
	}
	s, err := snapshots.GetGroupSnapshot(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("group_snapshot", r.groupSnapshotView(&s)))
}

// CreateGroupSnapshot serves POST /group_snapshots.
func (t *Translator) CreateGroupSnapshot(ctx context.Context, r Request) (Response, error) {
	snapshots, err := t.groupSnapshots(r)
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "group_snapshot", createGroupSnapshotBody)
	if err != nil {
		return Response{}, err
	}
	groups, err := t.groups(r)
	if err != nil {
		return Response{}, err
	}
	of := r
	of.ID = body.Text("group_id")
	if err := r.allowOn(groupSnapshotCreate, func() error { return groupExists(ctx, of, groups) }); err != nil {
		return Response{}, err
	}
	s, err := snapshots.CreateGroupSnapshot(ctx, r.Caller, driver.GroupSnapshotSpec{
		GroupID: of.ID, Name: optionalText(body, "name").Value, Description: optionalText(body, "description").Value,
	})
	if err != nil {
		return Response{}, err
	}
	view := groupSnapshotSummary(&s)
	view["group_type_id"] = s.GroupTypeID
	return accepted(envelope("group_snapshot", view))
}

// DeleteGroupSnapshot serves DELETE /group_snapshots/{id}.
func (t *Translator) DeleteGroupSnapshot(ctx context.Context, r Request) (Response, error) {
	snapshots, err := t.groupSnapshots(r)
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(groupSnapshotDelete, func() error { return groupSnapshotExists(ctx, r, snapshots) }); err != nil {
		return Response{}, err
	}
	return finish(snapshots.DeleteGroupSnapshot(ctx, r.Caller, r.ID))
}

func groupSnapshotExists(ctx context.Context, r Request, snapshots driver.GroupSnapshotManager) error {
	_, err := snapshots.GetGroupSnapshot(ctx, r.Caller, r.ID)
	return err
}

// ActOnGroupSnapshot serves POST /group_snapshots/{id}/action: reset_status, from 3.19.
func (t *Translator) ActOnGroupSnapshot(ctx context.Context, r Request) (Response, error) {
	snapshots, err := t.groupSnapshots(r)
	if err != nil {
		return Response{}, err
	}
	do, err := readAction(r)
	if err != nil {
		return Response{}, err
	}
	if do.name != "reset_status" {
		return Response{}, noSuchAction(do.name)
	}
	if !r.Version.AtLeast(driver.MVGroupSnapshotReset) {
		return Response{}, tooOld()
	}
	body, err := do.decode(resetGroupSnapshotBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(groupSnapshotReset, func() error { return groupSnapshotExists(ctx, r, snapshots) }); err != nil {
		return Response{}, err
	}
	return finish(snapshots.ResetGroupSnapshotStatus(ctx, r.Caller, r.ID, strings.ToLower(body.Text("status"))))
}
