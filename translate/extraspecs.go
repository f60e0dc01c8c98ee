package translate

import (
	"context"
	"maps"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of extra specs (cinder/policies/type_extra_specs.py).
var (
	extraSpecsCreate = Policy{"volume_extension:types_extra_specs:create", driver.Admin}
	extraSpecsUpdate = Policy{"volume_extension:types_extra_specs:update", driver.Admin}
	extraSpecsDelete = Policy{"volume_extension:types_extra_specs:delete", driver.Admin}
)

// Bodies of their requests (cinder/api/schemas/types_extra_specs.py).
var (
	specKey             = schema.MustPattern(`^[a-zA-Z0-9-_:.]{1,255}$`)
	createExtraSpecBody = schema.Body("extra_specs", specs(specKey, schema.NullText))
	updateExtraSpecBody = oneMember(specs(specKey, schema.NullText))
)

// userVisibleSpecs are the extra specs that callers other than admins see
// (USER_VISIBLE_EXTRA_SPECS of cinder/policies/type_extra_specs.py).
var userVisibleSpecs = []string{
	"RESKEY:availability_zones", "multiattach", "replication_enabled",
}

func specs(key schema.Pattern, value schema.Schema) schema.Schema {
	return schema.Schema{Types: []string{"object"}, PatternProperties: &schema.PatternProperties{Pattern: key, Schema: value}}
}

// ListExtraSpecs serves GET /types/{id}/extra_specs.
func (t *Translator) ListExtraSpecs(ctx context.Context, r Request) (Response, error) {
	visible, err := t.extraSpecs(ctx, r)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("extra_specs", visible))
}

// ShowExtraSpec serves GET /types/{id}/extra_specs/{key}.
func (t *Translator) ShowExtraSpec(ctx context.Context, r Request) (Response, error) {
	visible, err := t.extraSpecs(ctx, r)
	if err != nil {
		return Response{}, err
	}
	v, exists := visible[r.Key]
	if !exists {
		return Response{}, driver.Errorf(driver.NotFound, "Volume Type %s has no extra specs with key %s.", r.ID, r.Key)
	}
	return ok(map[string]string{r.Key: v})
}

func (t *Translator) extraSpecs(ctx context.Context, r Request) (map[string]string, error) {
	types, err := t.types()
	if err != nil {
		return nil, err
	}
	vt, err := types.GetVolumeType(ctx, r.Caller, r.ID)
	return r.visibleSpecs(&vt), err
}

// AddExtraSpecs serves POST /types/{id}/extra_specs.
func (t *Translator) AddExtraSpecs(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "extra_specs", createExtraSpecBody)
	if err != nil {
		return Response{}, err
	}
	if err := t.changeSpecs(ctx, r, extraSpecsCreate, driver.MetadataChange{Set: body.Strings()}); err != nil {
		return Response{}, err
	}
	return ok(envelope("extra_specs", body.Strings()))
}

// SetExtraSpec serves PUT /types/{id}/extra_specs/{key}.
func (t *Translator) SetExtraSpec(ctx context.Context, r Request) (Response, error) {
	body, err := parseBody(r.Body)
	if err != nil {
		return Response{}, err
	}
	if err := updateExtraSpecBody.Check(body); err != nil {
		return Response{}, err
	}
	set := body.(*schema.Object).Strings()
	if _, named := set[r.Key]; !named {
		return Response{}, driver.Errorf(driver.InvalidInput, "Request body and URI mismatch")
	}
	if err := t.changeSpecs(ctx, r, extraSpecsUpdate, driver.MetadataChange{Set: set}); err != nil {
		return Response{}, err
	}
	return ok(set)
}

// DeleteExtraSpec serves DELETE /types/{id}/extra_specs/{key}.
func (t *Translator) DeleteExtraSpec(ctx context.Context, r Request) (Response, error) {
	types, err := t.types()
	if err != nil {
		return Response{}, err
	}
	vt, err := types.GetVolumeType(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(extraSpecsDelete); err != nil {
		return Response{}, err
	}
	if _, exists := vt.ExtraSpecs[r.Key]; !exists {
		return Response{}, driver.Errorf(driver.NotFound, "Volume Type %s has no extra specs with key %s.", r.ID, r.Key)
	}
	return finish(t.changeSpecs(ctx, r, extraSpecsDelete, driver.MetadataChange{Remove: []string{r.Key}}))
}

func (t *Translator) changeSpecs(ctx context.Context, r Request, p Policy, c driver.MetadataChange) error {
	types, err := t.typeManager()
	if err != nil {
		return err
	}
	if err := r.Allow(p); err != nil {
		return err
	}
	_, err = types.UpdateVolumeType(ctx, r.Caller, r.ID, driver.VolumeTypePatch{ExtraSpecs: driver.Some(c)})
	return err
}

func (r Request) visibleSpecs(vt *driver.VolumeType) map[string]string {
	if r.Caller.IsAdmin() {
		return orEmpty(maps.Clone(vt.ExtraSpecs))
	}
	visible := map[string]string{}
	for _, key := range userVisibleSpecs {
		if v, ok := vt.ExtraSpecs[key]; ok {
			visible[key] = v
		}
	}
	return visible
}
