package translate

import (
	"context"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of groups (cinder/policies/groups.py, group_actions.py).
var (
	groupCreate = Policy{"group:create", driver.Member}
	groupUpdate = Policy{"group:update", driver.Member}
	groupDelete = Policy{"group:delete", driver.Member}
	groupReset  = Policy{"group:reset_status", driver.Admin}
)

// Bodies of group requests (cinder/api/schemas/groups.py).
var (
	createGroupBody = schema.Body("group", schema.Members(
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "group_type", Schema: schema.TextSet255},
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "volume_types", Schema: schema.Schema{
			Types: []string{"array"}, MinItems: 1, Items: &schema.Text255, UniqueItems: true,
		}},
		schema.Property{Name: "availability_zone", Schema: schema.NullTextSet},
	).Require("group_type", "volume_types"))
	createFromSourceBody = schema.Body("create-from-src", oneOf(schema.Members(
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "source_group_id", Schema: schema.UUID},
		schema.Property{Name: "group_snapshot_id", Schema: schema.UUID},
	), "group_snapshot_id", "source_group_id"))
	deleteGroupBody = schema.Body("delete", schema.Members(
		schema.Property{Name: "delete-volumes", Schema: schema.Boolean},
	))
	resetGroupBody  = schema.Body("reset_status", statusMember(groupStatusFormat))
	updateGroupBody = schema.Body("group", anyOf(schema.Members(
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "add_volumes", Schema: schema.Description},
		schema.Property{Name: "remove_volumes", Schema: schema.Description},
	), "name", "description", "add_volumes", "remove_volumes"))
)

func oneOf(s schema.Schema, names ...string) schema.Schema {
	s.OneOfRequired = names
	return s
}

func statusMember(f *schema.Format) schema.Schema {
	return schema.Members(schema.Property{Name: "status", Schema: schema.Schema{Types: []string{"string"}, Format: f}}).Require("status")
}

// groupStatusFormat accepts the statuses of group snapshots, but its error text lists those
// of groups, as Cinder's does (cinder/api/validation/validators.py _validate_group_status).
var groupStatusFormat = statusFormat("Invalid Group Status: ", "Group status: %s is invalid, valid status are: "+
	"('error', 'available', 'creating', 'deleting', 'deleted', 'updating', 'in-use', 'error_deleting').")

var groupStatuses = []string{"error", "available", "creating", "deleting", "deleted", "updating", "error_deleting"}

func statusFormat(prefix, invalid string) *schema.Format {
	return &schema.Format{Name: "status", Check: func(v any) string {
		s, isText := v.(string)
		if !isText {
			return ""
		}
		if strings.TrimSpace(s) == "" {
			return prefix + "The 'status' can not be empty."
		}
		for _, status := range groupStatuses {
			if strings.EqualFold(s, status) {
				return ""
			}
		}
		return prefix + strings.Replace(invalid, "%s", s, 1)
	}}
}

var groupListing = &listing{
	columns: columnNames(driver.GroupColumns), sortByName: never, notFound: driver.GroupNotFound,
	filters: &filterRules{
		resource: "group", advertised: []string{"name"}, general: driver.MVGeneralFilters,
		kinds:      map[string]filterKind{"host": backendFilter, "backend_match_level": ignored},
		allTenants: anyAllTenants,
	},
}

func (t *Translator) groups(r Request) (driver.GroupManager, error) {
	if !r.Version.AtLeast(driver.MVGroupVolume) {
		return nil, tooOld()
	}
	return Capability[driver.GroupManager](t.driver, "groups")
}

type groupSummary struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

func (r Request) groupSummary(g *driver.Group) groupSummary { return groupSummary{g.ID, g.Name} }

// groupDetail is the detailed view of a group (cinder/api/v3/views/groups.py detail).
func (r Request) groupDetail(g *driver.Group, volumes bool) map[string]any {
	types := g.VolumeTypeIDs
	if types == nil {
		types = []string{}
	}
	v := map[string]any{
		"id": g.ID, "status": g.Status, "availability_zone": nullable(g.AvailabilityZone), "created_at": timestamp(g.CreatedAt),
		"name": g.Name, "description": g.Description, "group_type": g.GroupTypeID, "volume_types": types,
	}
	if r.Version.AtLeast(driver.MVGroupSnapshot) {
		v["group_snapshot_id"], v["source_group_id"] = nullable(g.GroupSnapshotID), nullable(g.SourceGroupID)
	}
	if volumes && r.Version.AtLeast(driver.MVGroupVolumeList) {
		v["volumes"] = append([]string{}, g.VolumeIDs...)
	}
	if r.Version.AtLeast(driver.MVGroupReplication) {
		v["replication_status"] = "disabled"
	}
	if r.Caller.IsAdmin() && r.Version.AtLeast(driver.MVGroupProject) {
		v["project_id"] = g.ProjectID
	}
	return v
}

// ListGroups serves GET /groups, from 3.13.
func (t *Translator) ListGroups(ctx context.Context, r Request) (Response, error) {
	return listGroups(ctx, t, r, r.groupSummary)
}

// ListGroupsDetail serves GET /groups/detail.
func (t *Translator) ListGroupsDetail(ctx context.Context, r Request) (Response, error) {
	volumes, err := r.Query.boolean("list_volume")
	if err != nil {
		return Response{}, err
	}
	return listGroups(ctx, t, r, func(g *driver.Group) map[string]any { return r.groupDetail(g, volumes) })
}

func listGroups[V any](ctx context.Context, t *Translator, r Request, view func(*driver.Group) V) (Response, error) {
	groups, err := t.groups(r)
	if err != nil {
		return Response{}, err
	}
	asked := r
	asked.Query = r.Query.without("list_volume")
	p, err := groupListing.list(asked)
	if err != nil {
		return Response{}, err
	}
	found, err := groups.ListGroups(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	body := listBody(r, p, "groups", "groups", found.Items, found.Count, func(g *driver.Group) string { return g.ID }, view)
	body.plain = "group"
	return ok(body)
}

// ShowGroup serves GET /groups/{id}.
func (t *Translator) ShowGroup(ctx context.Context, r Request) (Response, error) {
	groups, err := t.groups(r)
	if err != nil {
		return Response{}, err
	}
	g, err := groups.GetGroup(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	volumes, err := r.Query.boolean("list_volume")
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("group", r.groupDetail(&g, volumes)))
}

// CreateGroup serves POST /groups.
func (t *Translator) CreateGroup(ctx context.Context, r Request) (Response, error) {
	groups, err := t.groups(r)
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "group", createGroupBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(groupCreate); err != nil {
		return Response{}, err
	}
	g, err := groups.CreateGroup(ctx, r.Caller, driver.GroupSpec{
		Name: optionalText(body, "name").Value, Description: optionalText(body, "description").Value,
		GroupType: body.Text("group_type"), VolumeTypes: body.TextList("volume_types"),
		AvailabilityZone: body.Text("availability_zone"),
	})
	if err != nil {
		return Response{}, err
	}
	return accepted(envelope("group", r.groupSummary(&g)))
}

// ActOnGroups serves POST /groups/action: create-from-src, from 3.14.
func (t *Translator) ActOnGroups(ctx context.Context, r Request) (Response, error) {
	groups, err := t.groups(r)
	if err != nil {
		return Response{}, err
	}
	do, err := readAction(r)
	if err != nil {
		return Response{}, err
	}
	if do.name != "create-from-src" {
		return Response{}, noSuchAction(do.name)
	}
	if !r.Version.AtLeast(driver.MVGroupSnapshot) {
		return Response{}, tooOld()
	}
	body, err := do.decode(createFromSourceBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(groupCreate); err != nil {
		return Response{}, err
	}
	g, err := groups.CreateGroupFromSource(ctx, r.Caller, driver.GroupSource{
		Name: optionalText(body, "name").Value, Description: optionalText(body, "description").Value,
		SourceGroupID: body.Text("source_group_id"), GroupSnapshotID: body.Text("group_snapshot_id"),
	})
	if err != nil {
		return Response{}, err
	}
	return accepted(envelope("group", r.groupSummary(&g)))
}

// UpdateGroup serves PUT /groups/{id}.
func (t *Translator) UpdateGroup(ctx context.Context, r Request) (Response, error) {
	groups, err := t.groups(r)
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "group", updateGroupBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(groupUpdate, func() error { return groupExists(ctx, r, groups) }); err != nil {
		return Response{}, err
	}
	return finish(groups.UpdateGroup(ctx, r.Caller, r.ID, driver.GroupPatch{
		Name: optionalText(body, "name").Value, Description: optionalText(body, "description").Value,
		AddVolumes: commaList(body, "add_volumes"), RemoveVolumes: commaList(body, "remove_volumes"),
	}))
}

// commaList reads a list of ids separated by commas.
func commaList(body *schema.Object, name string) []string {
	s := body.Text(name)
	if s == "" {
		return nil
	}
	return strings.Split(strings.Trim(s, ","), ",")
}

func groupExists(ctx context.Context, r Request, groups driver.GroupManager) error {
	_, err := groups.GetGroup(ctx, r.Caller, r.ID)
	return err
}

// ActOnGroup serves POST /groups/{id}/action: delete, and from 3.20 reset_status.
func (t *Translator) ActOnGroup(ctx context.Context, r Request) (Response, error) {
	groups, err := t.groups(r)
	if err != nil {
		return Response{}, err
	}
	do, err := readAction(r)
	if err != nil {
		return Response{}, err
	}
	exists := func() error { return groupExists(ctx, r, groups) }
	switch do.name {
	case "delete":
		body, err := do.decode(deleteGroupBody)
		if err != nil {
			return Response{}, err
		}
		if err := r.allowOn(groupDelete, exists); err != nil {
			return Response{}, err
		}
		return finish(groups.DeleteGroup(ctx, r.Caller, r.ID, body.Flag("delete-volumes")))
	case "reset_status":
		if !r.Version.AtLeast(driver.MVGroupReset) {
			return Response{}, tooOld()
		}
		body, err := do.decode(resetGroupBody)
		if err != nil {
			return Response{}, err
		}
		if err := r.allowOn(groupReset, exists); err != nil {
			return Response{}, err
		}
		return finish(groups.ResetGroupStatus(ctx, r.Caller, r.ID, strings.ToLower(body.Text("status"))))
	}
	return Response{}, r.refuseAction(do.name, unofferedGroupActions, exists)
}
