package translate

import (
	"context"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of QoS specs (cinder/policies/qos_specs.py).
var (
	qosCreate = Policy{"volume_extension:qos_specs_manage:create", driver.Admin}
	qosGet    = Policy{"volume_extension:qos_specs_manage:get", driver.Admin}
	qosList   = Policy{"volume_extension:qos_specs_manage:get_all", driver.Admin}
	qosUpdate = Policy{"volume_extension:qos_specs_manage:update", driver.Admin}
	qosDelete = Policy{"volume_extension:qos_specs_manage:delete", driver.Admin}
)

// Bodies of QoS requests (cinder/api/schemas/qos_specs.py).
var (
	createQoSBody = schema.Body("qos_specs", schema.Schema{
		Types: []string{"object"}, Properties: []schema.Property{{Name: "name", Schema: schema.Name}},
	}.Require("name"))
	updateQoSBody = schema.Body("qos_specs", specs(schema.MetadataKey, schema.NullText))
	deleteQoSKeys = schema.Body("keys", schema.Schema{
		Types: []string{"array"}, Items: &schema.TextSet255, UniqueItems: true,
	})
)

var qosListing = &listing{
	columns: columnNames(driver.QoSSpecsColumns), sortByName: never, notFound: driver.QoSSpecsNotFound,
	filters: &filterRules{early: []string{"id", "name", "consumer"}},
}

// qos returns the backend's QoS specs if the policy lets the caller use them.
func (t *Translator) qos(r Request, p Policy) (driver.QoSManager, error) {
	qos, err := Capability[driver.QoSManager](t.driver, "QoS specs")
	if err != nil {
		return nil, err
	}
	return qos, r.Allow(p)
}

type qosView struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Consumer string            `json:"consumer"`
	Specs    map[string]string `json:"specs"`
}

func (r Request) qosView(s *driver.QoSSpecs) qosView {
	return qosView{s.ID, s.Name, s.Consumer, orEmpty(s.Specs)}
}

func (r Request) qosDetail(s *driver.QoSSpecs) (Response, error) {
	return ok(map[string]any{"qos_specs": r.qosView(s), "links": r.links("qos-specs", s.ID)})
}

// ListQoSSpecs serves GET /qos-specs.
func (t *Translator) ListQoSSpecs(ctx context.Context, r Request) (Response, error) {
	qos, err := t.qos(r, qosList)
	if err != nil {
		return Response{}, err
	}
	p, err := qosListing.list(r)
	if err != nil {
		return Response{}, err
	}
	found, err := qos.ListQoSSpecs(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	id := func(s *driver.QoSSpecs) string { return s.ID }
	return list(r, p, "qos_specs", "qos-specs", found.Items, found.Count, id, r.qosView)
}

// CreateQoSSpecs serves POST /qos-specs.
func (t *Translator) CreateQoSSpecs(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "qos_specs", createQoSBody)
	if err != nil {
		return Response{}, err
	}
	qos, err := t.qos(r, qosCreate)
	if err != nil {
		return Response{}, err
	}
	set, consumer, err := qosMembers(body)
	if err != nil {
		return Response{}, err
	}
	delete(set, "name")
	if consumer == "" {
		consumer = "back-end"
	}
	s, err := qos.CreateQoSSpecs(ctx, r.Caller, driver.QoSSpecs{
		Name: strings.TrimSpace(body.Text("name")), Consumer: consumer, Specs: set,
	})
	if err != nil {
		return Response{}, err
	}
	return r.qosDetail(&s)
}

// qosMembers reads the specs: every member except the consumer (cinder/volume/qos_specs.py,
// validate_dictionary_string_length of cinder/utils.py).
func qosMembers(body *schema.Object) (set map[string]string, consumer string, err error) {
	for _, key := range body.Keys() {
		v, _ := body.Get(key)
		value, isText := v.(string)
		switch n, m := len([]rune(key)), len([]rune(value)); {
		case n == 0:
			return nil, "", driver.Errorf(driver.InvalidInput, `Invalid input received: Key "" has a minimum character requirement of 1.`)
		case n > 255:
			return nil, "", driver.Errorf(driver.InvalidInput, `Invalid input received: Key "%s" has %d characters, more than 255.`, key, n)
		case v != nil && !isText:
			return nil, "", driver.Errorf(driver.InvalidInput, `Invalid input received: Value for key "%s" is not a string or unicode`, key)
		case m > 255:
			return nil, "", driver.Errorf(driver.InvalidInput, `Invalid input received: Value for key "%s" has %d characters, more than 255.`, key, m)
		}
	}
	set = body.Strings()
	consumer, given := set["consumer"]
	delete(set, "consumer")
	switch consumer {
	case "back-end", "front-end", "both":
	default:
		if given {
			return nil, "", driver.Errorf(driver.InvalidInput,
				"Invalid qos specs: Valid consumer of QoS specs are: ('back-end', 'front-end', 'both')")
		}
	}
	return set, consumer, nil
}

// ShowQoSSpecs serves GET /qos-specs/{id}.
func (t *Translator) ShowQoSSpecs(ctx context.Context, r Request) (Response, error) {
	qos, err := t.qos(r, qosGet)
	if err != nil {
		return Response{}, err
	}
	s, err := qos.GetQoSSpecs(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return r.qosDetail(&s)
}

// UpdateQoSSpecs serves PUT /qos-specs/{id}. The answer repeats the request.
func (t *Translator) UpdateQoSSpecs(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "qos_specs", updateQoSBody)
	if err != nil {
		return Response{}, err
	}
	qos, err := t.qos(r, qosUpdate)
	if err != nil {
		return Response{}, err
	}
	set, consumer, err := qosMembers(body)
	if err != nil {
		return Response{}, err
	}
	patch := driver.QoSSpecsPatch{Specs: driver.MetadataChange{Set: set}}
	if consumer != "" {
		patch.Consumer = driver.Some(consumer)
	}
	if err := qos.UpdateQoSSpecs(ctx, r.Caller, r.ID, patch); err != nil {
		return Response{}, err
	}
	return ok(envelope("qos_specs", body.Map()))
}

// DeleteQoSSpecs serves DELETE /qos-specs/{id}.
func (t *Translator) DeleteQoSSpecs(ctx context.Context, r Request) (Response, error) {
	qos, err := t.qos(r, qosDelete)
	if err != nil {
		return Response{}, err
	}
	force, err := r.Query.boolean("force")
	if err != nil {
		return Response{}, err
	}
	return finish(qos.DeleteQoSSpecs(ctx, r.Caller, r.ID, force))
}

// DeleteQoSKeys serves PUT /qos-specs/{id}/delete_keys.
func (t *Translator) DeleteQoSKeys(ctx context.Context, r Request) (Response, error) {
	body, err := parseBody(r.Body)
	if err != nil {
		return Response{}, err
	}
	if err := deleteQoSKeys.Check(body); err != nil {
		return Response{}, err
	}
	qos, err := t.qos(r, qosDelete)
	if err != nil {
		return Response{}, err
	}
	patch := driver.QoSSpecsPatch{Specs: driver.MetadataChange{Remove: body.(*schema.Object).TextList("keys")}}
	return finish(qos.UpdateQoSSpecs(ctx, r.Caller, r.ID, patch))
}

// ListQoSAssociations serves GET /qos-specs/{id}/associations.
func (t *Translator) ListQoSAssociations(ctx context.Context, r Request) (Response, error) {
	qos, err := t.qos(r, qosList)
	if err != nil {
		return Response{}, err
	}
	types, err := qos.QoSAssociations(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	views := make([]map[string]string, len(types))
	for i, vt := range types {
		views[i] = map[string]string{"association_type": "volume_type", "name": vt.Name, "id": vt.ID}
	}
	return ok(envelope("qos_associations", views))
}

// AssociateQoSSpecs serves GET /qos-specs/{id}/associate?vol_type_id={id}.
func (t *Translator) AssociateQoSSpecs(ctx context.Context, r Request) (Response, error) {
	qos, err := t.qos(r, qosUpdate)
	if err != nil {
		return Response{}, err
	}
	typeID, err := r.qosType()
	if err != nil {
		return Response{}, err
	}
	return finish(qos.AssociateQoSSpecs(ctx, r.Caller, r.ID, typeID))
}

// DisassociateQoSSpecs serves GET /qos-specs/{id}/disassociate?vol_type_id={id}.
func (t *Translator) DisassociateQoSSpecs(ctx context.Context, r Request) (Response, error) {
	qos, err := t.qos(r, qosUpdate)
	if err != nil {
		return Response{}, err
	}
	typeID, err := r.qosType()
	if err != nil {
		return Response{}, err
	}
	return finish(qos.DisassociateQoSSpecs(ctx, r.Caller, r.ID, typeID))
}

func (r Request) qosType() (string, error) {
	id, _ := r.Query.Get("vol_type_id")
	if id == "" {
		return "", driver.Errorf(driver.InvalidInput, "Volume Type id must not be None.")
	}
	return id, nil
}

// DisassociateAllQoSSpecs serves GET /qos-specs/{id}/disassociate_all.
func (t *Translator) DisassociateAllQoSSpecs(ctx context.Context, r Request) (Response, error) {
	qos, err := t.qos(r, qosUpdate)
	if err != nil {
		return Response{}, err
	}
	return finish(qos.DisassociateQoSSpecs(ctx, r.Caller, r.ID, ""))
}
