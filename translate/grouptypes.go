package translate

import (
	"context"
	"net/http"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of group types (cinder/policies/group_types.py).
var (
	groupTypeCreate  = Policy{"group:group_types:create", driver.Admin}
	groupTypeUpdate  = Policy{"group:group_types:update", driver.Admin}
	groupTypeDelete  = Policy{"group:group_types:delete", driver.Admin}
	groupSpecsGet    = Policy{"group:group_types_specs:get", driver.Admin}
	groupSpecsList   = Policy{"group:group_types_specs:get_all", driver.Admin}
	groupSpecsCreate = Policy{"group:group_types_specs:create", driver.Admin}
	groupSpecsUpdate = Policy{"group:group_types_specs:update", driver.Admin}
	groupSpecsDelete = Policy{"group:group_types_specs:delete", driver.Admin}
)

// Bodies of group type requests (cinder/api/schemas/group_types.py, group_specs.py).
var (
	createGroupTypeBody = schema.Body("group_type", schema.Members(
		schema.Property{Name: "name", Schema: schema.Name},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "is_public", Schema: schema.Boolean},
		schema.Property{Name: "group_specs", Schema: specs(schema.MetadataKey, schema.Text255).Nullable()},
	).Require("name"))
	updateGroupTypeBody = schema.Body("group_type", schema.Members(
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "is_public", Schema: schema.Boolean},
	))
	createGroupSpecsBody = schema.Body("group_specs", specs(specKey, schema.NullText))
	updateGroupSpecsBody = oneMember(specs(specKey, schema.NullText))
)

// groupTypeListing has no filter but is_public; publicFilter reads that.
var groupTypeListing = &listing{
	columns: columnNames(driver.GroupTypeColumns), sortByName: never, notFound: driver.GroupTypeNotFound,
	filters: &filterRules{early: []string{}, admins: true},
}

func (t *Translator) groupTypes(r Request) (driver.GroupTypeManager, error) {
	if !r.Version.AtLeast(driver.MVGroupType) {
		return nil, tooOld()
	}
	return Capability[driver.GroupTypeManager](t.driver, "group types")
}

// groupTypeView is the view of a group type (cinder/api/v3/views/group_types.py).
func (r Request) groupTypeView(gt *driver.GroupType) map[string]any {
	v := map[string]any{"id": gt.ID, "name": gt.Name, "description": gt.Description, "is_public": gt.IsPublic}
	if r.Caller.IsAdmin() {
		v["group_specs"] = orEmpty(gt.Specs)
	}
	return v
}

// ListGroupTypes serves GET /group_types, from 3.11.
func (t *Translator) ListGroupTypes(ctx context.Context, r Request) (Response, error) {
	types, err := t.groupTypes(r)
	if err != nil {
		return Response{}, err
	}
	p, err := groupTypeListing.list(r)
	if err != nil {
		return Response{}, err
	}
	public, filtered, err := publicFilter(r)
	if err != nil {
		return Response{}, err
	}
	all, err := types.ListGroupTypes(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	var wanted []driver.GroupType
	for _, gt := range all {
		if !filtered || gt.IsPublic == public {
			wanted = append(wanted, gt)
		}
	}
	found, err := driver.Paginate(wanted, driver.GroupTypeColumns, p.Query, driver.GroupTypeNotFound)
	if err != nil {
		return Response{}, err
	}
	id := func(gt *driver.GroupType) string { return gt.ID }
	body := listBody(r, p, "group_types", "group_types", found.Items, found.Count, id, r.groupTypeView)
	body.plain = "group_type"
	return ok(body)
}

// ShowGroupType serves GET /group_types/{id}. No group type is the default.
func (t *Translator) ShowGroupType(ctx context.Context, r Request) (Response, error) {
	types, err := t.groupTypes(r)
	if err != nil {
		return Response{}, err
	}
	if r.ID == "default" {
		return Response{}, driver.Errorf(driver.NotFound, "Default group type can not be found.")
	}
	gt, err := types.GetGroupType(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("group_type", r.groupTypeView(&gt)))
}

// CreateGroupType serves POST /group_types.
func (t *Translator) CreateGroupType(ctx context.Context, r Request) (Response, error) {
	types, err := t.groupTypes(r)
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "group_type", createGroupTypeBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(groupTypeCreate); err != nil {
		return Response{}, err
	}
	spec := driver.GroupType{
		Name: body.Text("name"), Description: body.NullText("description"), Specs: body.StringMap("group_specs"), IsPublic: true,
	}
	if _, given := body.Get("is_public"); given {
		spec.IsPublic = body.Flag("is_public")
	}
	gt, err := types.CreateGroupType(ctx, r.Caller, spec)
	if err != nil {
		return Response{}, err
	}
	return accepted(envelope("group_type", r.groupTypeView(&gt)))
}

// UpdateGroupType serves PUT /group_types/{id}.
func (t *Translator) UpdateGroupType(ctx context.Context, r Request) (Response, error) {
	types, err := t.groupTypes(r)
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "group_type", updateGroupTypeBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(groupTypeUpdate); err != nil {
		return Response{}, err
	}
	var patch driver.GroupTypePatch
	name, description := body.NullText("name"), body.NullText("description")
	_, publicGiven := body.Get("is_public")
	switch {
	case name != nil && *name != "" && strings.TrimSpace(*name) == "":
		return Response{}, driver.Errorf(driver.InvalidInput, "Group type name can not be empty.")
	case name == nil && description == nil && !publicGiven:
		return Response{}, driver.Errorf(driver.InvalidInput, "Specify group type name, description or a combination thereof.")
	}
	if name != nil && *name != "" {
		patch.Name = driver.Some(*name)
	}
	if description != nil {
		patch.Description = driver.Some(description)
	}
	if publicGiven {
		patch.IsPublic = driver.Some(body.Flag("is_public"))
	}
	gt, err := types.UpdateGroupType(ctx, r.Caller, r.ID, patch)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("group_type", r.groupTypeView(&gt)))
}

// DeleteGroupType serves DELETE /group_types/{id}.
func (t *Translator) DeleteGroupType(ctx context.Context, r Request) (Response, error) {
	types, err := t.groupTypes(r)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(groupTypeDelete); err != nil {
		return Response{}, err
	}
	return finish(types.DeleteGroupType(ctx, r.Caller, r.ID))
}

// ListGroupSpecs serves GET /group_types/{id}/group_specs.
func (t *Translator) ListGroupSpecs(ctx context.Context, r Request) (Response, error) {
	gt, err := t.groupTypeOf(ctx, r, groupSpecsList)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("group_specs", orEmpty(gt.Specs)))
}

// ShowGroupSpec serves GET /group_types/{id}/group_specs/{key}.
func (t *Translator) ShowGroupSpec(ctx context.Context, r Request) (Response, error) {
	gt, err := t.groupTypeOf(ctx, r, groupSpecsGet)
	if err != nil {
		return Response{}, err
	}
	v, exists := gt.Specs[r.Key]
	if !exists {
		return Response{}, driver.Errorf(driver.NotFound, "Group Type %s has no extra spec with key %s.", r.ID, r.Key)
	}
	return ok(map[string]string{r.Key: v})
}

func (t *Translator) groupTypeOf(ctx context.Context, r Request, p Policy) (driver.GroupType, error) {
	types, err := t.groupTypes(r)
	if err != nil {
		return driver.GroupType{}, err
	}
	if err := r.Allow(p); err != nil {
		return driver.GroupType{}, err
	}
	return types.GetGroupType(ctx, r.Caller, r.ID)
}

// AddGroupSpecs serves POST /group_types/{id}/group_specs.
func (t *Translator) AddGroupSpecs(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "group_specs", createGroupSpecsBody)
	if err != nil {
		return Response{}, err
	}
	if err := t.changeGroupSpecs(ctx, r, groupSpecsCreate, driver.MetadataChange{Set: body.Strings()}); err != nil {
		return Response{}, err
	}
	return Response{http.StatusAccepted, envelope("group_specs", body.Map())}, nil
}

// SetGroupSpec serves PUT /group_types/{id}/group_specs/{key}.
func (t *Translator) SetGroupSpec(ctx context.Context, r Request) (Response, error) {
	body, err := parseBody(r.Body)
	if err != nil {
		return Response{}, err
	}
	if err := updateGroupSpecsBody.Check(body); err != nil {
		return Response{}, err
	}
	set := body.(*schema.Object)
	if _, named := set.Get(r.Key); !named {
		return Response{}, driver.Errorf(driver.InvalidInput, "Request body and URI mismatch")
	}
	if err := t.changeGroupSpecs(ctx, r, groupSpecsUpdate, driver.MetadataChange{Set: set.Strings()}); err != nil {
		return Response{}, err
	}
	return ok(set.Map())
}

// DeleteGroupSpec serves DELETE /group_types/{id}/group_specs/{key}.
func (t *Translator) DeleteGroupSpec(ctx context.Context, r Request) (Response, error) {
	return finish(t.changeGroupSpecs(ctx, r, groupSpecsDelete, driver.MetadataChange{Remove: []string{r.Key}}))
}

func (t *Translator) changeGroupSpecs(ctx context.Context, r Request, p Policy, c driver.MetadataChange) error {
	types, err := t.groupTypes(r)
	if err != nil {
		return err
	}
	if err := r.Allow(p); err != nil {
		return err
	}
	_, err = types.UpdateGroupType(ctx, r.Caller, r.ID, driver.GroupTypePatch{Specs: driver.Some(c)})
	return err
}
