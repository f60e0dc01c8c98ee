package translate

import (
	"context"
	"net/http"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of default types (cinder/policies/default_types.py).
var (
	defaultTypeSet   = Policy{"volume_extension:default_set_or_update", driver.Admin}
	defaultTypeGet   = Policy{"volume_extension:default_get", driver.Admin}
	defaultTypeList  = Policy{"volume_extension:default_get_all", driver.Admin}
	defaultTypeUnset = Policy{"volume_extension:default_unset", driver.Admin}
)

var setDefaultTypeBody = schema.Body("default_type", schema.Members(
	schema.Property{Name: "volume_type", Schema: schema.Name},
).Require("volume_type"))

func (t *Translator) defaultTypes(r Request, p Policy) (driver.DefaultTypeManager, error) {
	if !r.Version.AtLeast(driver.MVDefaultTypes) {
		return nil, tooOld()
	}
	types, err := Capability[driver.DefaultTypeManager](t.driver, "default types of projects")
	if err != nil {
		return nil, err
	}
	return types, r.Allow(p)
}

func defaultTypeView(d *driver.DefaultType) map[string]string {
	return map[string]string{"project_id": d.ProjectID, "volume_type_id": d.VolumeTypeID}
}

// ListDefaultTypes serves GET /default-types, from 3.62.
func (t *Translator) ListDefaultTypes(ctx context.Context, r Request) (Response, error) {
	types, err := t.defaultTypes(r, defaultTypeList)
	if err != nil {
		return Response{}, err
	}
	all, err := types.ListDefaultTypes(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("default_types", viewAll(all, defaultTypeView)))
}

// ShowDefaultType serves GET /default-types/{project}.
func (t *Translator) ShowDefaultType(ctx context.Context, r Request) (Response, error) {
	types, err := t.defaultTypes(r, defaultTypeGet)
	if err != nil {
		return Response{}, err
	}
	d, err := types.GetDefaultType(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("default_type", defaultTypeView(&d)))
}

// SetDefaultType serves PUT /default-types/{project}. It does not check that the project
// exists; neither do quotas.
func (t *Translator) SetDefaultType(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "default_type", setDefaultTypeBody)
	if err != nil {
		return Response{}, err
	}
	types, err := t.defaultTypes(r, defaultTypeSet)
	if err != nil {
		return Response{}, err
	}
	d, err := types.SetDefaultType(ctx, r.Caller, r.ID, body.Text("volume_type"))
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("default_type", defaultTypeView(&d)))
}

// UnsetDefaultType serves DELETE /default-types/{project}.
func (t *Translator) UnsetDefaultType(ctx context.Context, r Request) (Response, error) {
	types, err := t.defaultTypes(r, defaultTypeUnset)
	if err != nil {
		return Response{}, err
	}
	if err := types.UnsetDefaultType(ctx, r.Caller, r.ID); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusNoContent}, nil
}
