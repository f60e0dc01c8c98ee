package translate

import (
	"context"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of the access to types (cinder/policies/volume_access.py).
var (
	typeAccessList    = Policy{"volume_extension:volume_type_access:get_all_for_type", driver.Admin}
	typeAddProject    = Policy{"volume_extension:volume_type_access:addProjectAccess", driver.Admin}
	typeRemoveProject = Policy{"volume_extension:volume_type_access:removeProjectAccess", driver.Admin}
)

// Bodies of their requests (cinder/api/schemas/volume_type_access.py).
var (
	addProjectBody    = schema.Body("addProjectAccess", project)
	removeProjectBody = schema.Body("removeProjectAccess", project)
)

var project = schema.Members(schema.Property{Name: "project", Schema: schema.UUID}).Require("project")

// ActOnType serves POST /types/{id}/action: it changes which projects may use a private
// type.
func (t *Translator) ActOnType(ctx context.Context, r Request) (Response, error) {
	do, err := readAction(r)
	if err != nil {
		return Response{}, err
	}
	types, err := t.typeManager()
	if err != nil {
		return Response{}, err
	}
	needed, rules := typeAddProject, addProjectBody
	switch do.name {
	case "addProjectAccess":
	case "removeProjectAccess":
		needed, rules = typeRemoveProject, removeProjectBody
	default:
		return Response{}, noSuchAction(do.name)
	}
	body, err := do.decode(rules)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(needed); err != nil {
		return Response{}, err
	}
	patch := driver.VolumeTypePatch{AddProject: body.Text("project")}
	if do.name == "removeProjectAccess" {
		patch = driver.VolumeTypePatch{RemoveProject: body.Text("project")}
	}
	_, err = types.UpdateVolumeType(ctx, r.Caller, r.ID, patch)
	return finish(err)
}

// ListTypeAccess serves GET /types/{id}/os-volume-type-access.
func (t *Translator) ListTypeAccess(ctx context.Context, r Request) (Response, error) {
	types, err := t.types()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(typeAccessList); err != nil {
		return Response{}, err
	}
	vt, err := types.GetVolumeType(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	if vt.IsPublic {
		return Response{}, driver.Errorf(driver.NotFound, "Access list not available for public volume types.")
	}
	access := make([]map[string]string, len(vt.Projects))
	for i, project := range vt.Projects {
		access[i] = map[string]string{"volume_type_id": vt.ID, "project_id": project}
	}
	return ok(envelope("volume_type_access", access))
}
