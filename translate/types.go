package translate

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of volume types (cinder/policies/volume_type.py).
var (
	typeCreate = Policy{"volume_extension:type_create", driver.Admin}
	typeUpdate = Policy{"volume_extension:type_update", driver.Admin}
	typeDelete = Policy{"volume_extension:type_delete", driver.Admin}
)

// Bodies of type requests (cinder/api/schemas/volume_types.py).
var (
	createTypeBody = schema.Body("volume_type", schema.Members(
		schema.Property{Name: "name", Schema: schema.Name},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "extra_specs", Schema: specs(schema.MetadataKey, schema.NullText)},
		schema.Property{Name: "os-volume-type-access:is_public", Schema: schema.Boolean},
	).Require("name"))
	updateTypeBody = schema.Body("volume_type", schema.Members(
		schema.Property{Name: "name", Schema: schema.NullTextSet},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "is_public", Schema: schema.Boolean},
	))
)

func (t *Translator) types() (driver.TypeReader, error) {
	return Capability[driver.TypeReader](t.driver, "volume types")
}

func (t *Translator) typeManager() (driver.TypeManager, error) {
	return Capability[driver.TypeManager](t.driver, "managing volume types")
}

// ListTypes serves GET /types.
func (t *Translator) ListTypes(ctx context.Context, r Request) (Response, error) {
	types, err := t.types()
	if err != nil {
		return Response{}, err
	}
	all, err := types.ListVolumeTypes(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	public, filtered, err := publicFilter(r)
	if err != nil {
		return Response{}, err
	}
	p, err := typeListing.list(r)
	if err != nil {
		return Response{}, err
	}
	wanted := make([]driver.VolumeType, 0, len(all))
	for _, vt := range all {
		// A list of public types includes the private types that the caller's project may
		// use.
		own := public && slices.Contains(vt.Projects, r.Caller.ProjectID)
		if !filtered || vt.IsPublic == public || own {
			vt.ExtraSpecs = r.visibleSpecs(&vt) // nobody may search by specs that they cannot see
			wanted = append(wanted, vt)
		}
	}
	found, err := driver.Paginate(wanted, typeColumns, p.Query, driver.VolumeTypeNotFound)
	if err != nil {
		return Response{}, err
	}
	id := func(vt *driver.VolumeType) string { return vt.ID }
	view := func(vt *driver.VolumeType) map[string]any {
		v := r.typeView(vt)
		v["os-volume-type-access:is_public"] = vt.IsPublic
		return v
	}
	body := collection{name: "volume_types"}
	views := make([]map[string]any, len(found.Items))
	for i := range found.Items {
		views[i] = view(&found.Items[i])
	}
	body.items = views
	if n := len(found.Items); n > 0 {
		if next := p.next(r, "types", id(&found.Items[n-1]), n, found.Count); next != nil {
			return Response{http.StatusOK, map[string]any{"volume_types": views, "volume_type_links": next}}, nil
		}
	}
	return ok(body)
}

var typeColumns = driver.Columns[driver.VolumeType]{
	"id":        func(t *driver.VolumeType) any { return t.ID },
	"name":      func(t *driver.VolumeType) any { return t.Name },
	"is_public": func(t *driver.VolumeType) any { return t.IsPublic },
	"description": func(t *driver.VolumeType) any {
		if t.Description == nil {
			return nil
		}
		return *t.Description
	},
	"qos_specs_id": func(t *driver.VolumeType) any {
		if t.QoSSpecsID == "" {
			return nil
		}
		return t.QoSSpecsID
	},
	"deleted":     func(*driver.VolumeType) any { return false },
	"extra_specs": func(t *driver.VolumeType) any { return driver.Pairs{t.ExtraSpecs} },
	"created_at":  func(t *driver.VolumeType) any { return t.CreatedAt },
	"updated_at":  func(t *driver.VolumeType) any { return t.UpdatedAt },
}

var typeListing = &listing{
	columns: columnNames(typeColumns), sortByName: never, notFound: driver.VolumeTypeNotFound,
	filters: &filterRules{
		resource: "volume_type", advertised: []string{"is_public", "extra_specs"}, early: []string{"is_public"}, general: driver.MVTypeFilters,
		kinds: map[string]filterKind{
			"is_public":   ignored, // publicFilter reads it
			"extra_specs": extraSpecsFilter,
		},
	},
}

// zonesSpec holds a list of zones in one text. A filter matches part of it.
const zonesSpec = "RESKEY:availability_zones"

// extraSpecsFilter is pairsFilter, but a value that is not a dict is an error. Cinder fails
// with 500 there (_process_volume_types_filters of cinder/db/sqlalchemy/api.py).
func extraSpecsFilter(_ Version, f driver.Filter) (*driver.Filter, error) {
	v, isLiteral := parseLiteral(f.Value)
	pairs, isDict := v.(dict)
	if !isLiteral || !isDict {
		return nil, driver.Errorf(driver.InvalidInput, "Invalid extra_specs filter [%s]: a dictionary is required.", f.Value)
	}
	return hasAll(f, pairs, func(have driver.Pairs, key, value string) bool {
		if key != zonesSpec {
			return have.Has(key, value)
		}
		for _, specs := range have {
			if zones, found := specs[key]; found && strings.Contains(strings.ToLower(zones), strings.ToLower(value)) {
				return true
			}
		}
		return false
	})
}

// publicFilter reads is_public. Only admins may choose; None selects both public and
// private types (_parse_is_public of cinder/api/v3/types.py).
func publicFilter(r Request) (public, filtered bool, err error) {
	v, given := r.Query.Get("is_public")
	if !r.Caller.IsAdmin() {
		return false, false, nil // the backend shows only types that the caller may use
	}
	if !given {
		return true, true, nil
	}
	if strings.EqualFold(v, "none") {
		return false, false, nil
	}
	public, valid := schema.ParseBool(v)
	if !valid {
		return false, false, driver.Errorf(driver.InvalidInput, "Invalid is_public filter [%s]", v)
	}
	return public, true, nil
}

// typeByNameOrID finds a type (get_by_name_or_id of cinder/volume/volume_types.py).
func (t *Translator) typeByNameOrID(ctx context.Context, r Request, nameOrID string) (driver.VolumeType, error) {
	types, err := t.types()
	if err != nil {
		return driver.VolumeType{}, err
	}
	all, err := types.ListVolumeTypes(ctx, r.Caller)
	if err != nil {
		return driver.VolumeType{}, err
	}
	byID := func(vt driver.VolumeType) bool { return vt.ID == nameOrID }
	byName := func(vt driver.VolumeType) bool { return strings.EqualFold(vt.Name, nameOrID) }
	for _, matches := range []func(driver.VolumeType) bool{byID, byName} {
		if i := slices.IndexFunc(all, matches); i >= 0 {
			return all[i], nil
		}
	}
	return driver.VolumeType{}, driver.Errorf(driver.NotFound, "Volume type with name %s could not be found.", nameOrID)
}

// ShowType serves GET /types/{id} and GET /types/default.
func (t *Translator) ShowType(ctx context.Context, r Request) (Response, error) {
	types, err := t.types()
	if err != nil {
		return Response{}, err
	}
	if r.ID == "default" {
		vt, err := types.DefaultVolumeType(ctx, r.Caller)
		if err != nil {
			return Response{}, err
		}
		return ok(envelope("volume_type", r.typeView(&vt)))
	}
	vt, err := types.GetVolumeType(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("volume_type", r.fullTypeView(&vt)))
}

// CreateType serves POST /types.
func (t *Translator) CreateType(ctx context.Context, r Request) (Response, error) {
	types, err := t.typeManager()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "volume_type", createTypeBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(typeCreate); err != nil {
		return Response{}, err
	}
	spec := driver.VolumeType{
		Name: body.Text("name"), Description: optionalText(body, "description").Value,
		ExtraSpecs: body.StringMap("extra_specs"), IsPublic: true,
	}
	if _, given := body.Get("os-volume-type-access:is_public"); given {
		spec.IsPublic = body.Flag("os-volume-type-access:is_public")
	}
	vt, err := types.CreateVolumeType(ctx, r.Caller, spec)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("volume_type", r.changedTypeView(&vt)))
}

// UpdateType serves PUT /types/{id}.
func (t *Translator) UpdateType(ctx context.Context, r Request) (Response, error) {
	types, err := t.typeManager()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "volume_type", updateTypeBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(typeUpdate); err != nil {
		return Response{}, err
	}
	patch := driver.VolumeTypePatch{}
	if name := body.Text("name"); name != "" {
		if strings.TrimSpace(name) == "" {
			return Response{}, driver.Errorf(driver.InvalidInput, "Volume type name can not be empty.")
		}
		patch.Name = driver.Some(name)
	}
	if d := optionalText(body, "description"); d.Value != nil {
		patch.Description = d
	}
	if v, _ := body.Get("is_public"); v != nil {
		patch.IsPublic = driver.Some(schema.True(v))
	}
	if !patch.Name.Set && !patch.Description.Set && !patch.IsPublic.Set {
		return Response{}, driver.Errorf(driver.InvalidInput,
			"Specify volume type name, description, is_public or a combination thereof.")
	}
	vt, err := types.UpdateVolumeType(ctx, r.Caller, r.ID, patch)
	if err != nil {
		return Response{}, err
	}
	view := r.changedTypeView(&vt)
	delete(view, "os-volume-type-access:is_public") // only create shows it (contrib/volume_type_access.py)
	return ok(envelope("volume_type", view))
}

// DeleteType serves DELETE /types/{id}.
func (t *Translator) DeleteType(ctx context.Context, r Request) (Response, error) {
	types, err := t.typeManager()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(typeDelete); err != nil {
		return Response{}, err
	}
	return finish(types.DeleteVolumeType(ctx, r.Caller, r.ID))
}

// typeView is the view of a type in lists and shows (cinder/api/v3/views/types.py).
func (r Request) typeView(vt *driver.VolumeType) map[string]any {
	v := map[string]any{
		"id": vt.ID, "name": vt.Name, "is_public": vt.IsPublic, "description": vt.Description,
		"extra_specs": r.visibleSpecs(vt),
	}
	if r.Caller.IsAdmin() {
		v["qos_specs_id"] = nullable(vt.QoSSpecsID)
	}
	return v
}

// fullTypeView is typeView with the members that contrib/volume_type_access.py adds.
func (r Request) fullTypeView(vt *driver.VolumeType) map[string]any {
	v := r.typeView(vt)
	v["os-volume-type-access:is_public"] = vt.IsPublic
	return v
}

// changedTypeView is the view of a type after create and update. It has no QoS specs
// (cinder/api/views/types.py).
func (r Request) changedTypeView(vt *driver.VolumeType) map[string]any {
	v := r.fullTypeView(vt)
	delete(v, "qos_specs_id")
	return v
}
