package translate

import (
	"context"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of type encryption (cinder/policies/volume_type.py).
var (
	encryptionCreate = Policy{"volume_extension:volume_type_encryption:create", driver.Admin}
	encryptionGet    = Policy{"volume_extension:volume_type_encryption:get", driver.Admin}
	encryptionUpdate = Policy{"volume_extension:volume_type_encryption:update", driver.Admin}
	encryptionDelete = Policy{"volume_extension:volume_type_encryption:delete", driver.Admin}
)

// Bodies of encryption requests (cinder/api/schemas/volume_type_encryption.py).
var (
	leastKeySize   = int64(0)
	mostKeySize    = int64(0x7FFFFFFF)
	encryptionType = schema.Schema{Types: []string{"object"}, Properties: []schema.Property{
		{Name: "key_size", Schema: schema.Schema{
			Types: []string{"string", "integer", "null"}, Minimum: &leastKeySize, Maximum: &mostKeySize,
			Format: &schema.Format{Name: "key_size", Check: checkKeySize},
		}},
		{Name: "provider", Schema: schema.Text255},
		{Name: "control_location", Schema: schema.Schema{Enum: []any{"front-end", "back-end"}}},
		{Name: "cipher", Schema: schema.NullText},
	}}
	createEncryptionBody = schema.Body("encryption", encryptionType.Require("provider", "control_location"))
	updateEncryptionBody = schema.Body("encryption", encryptionType)
)

func checkKeySize(v any) string {
	if _, isInt := schema.Integer(v); v != nil && !isInt {
		return "Invalid input received: key_size must be an integer."
	}
	return ""
}

func (t *Translator) encrypter(r Request, p Policy) (driver.TypeEncrypter, error) {
	encrypter, err := Capability[driver.TypeEncrypter](t.driver, "encryption of volume types")
	if err != nil {
		return nil, err
	}
	return encrypter, r.Allow(p)
}

// ShowTypeEncryption serves GET /types/{id}/encryption. The answer is {} if the type has
// none.
func (t *Translator) ShowTypeEncryption(ctx context.Context, r Request) (Response, error) {
	view, err := t.typeEncryption(ctx, r)
	if err != nil {
		return Response{}, err
	}
	return ok(view)
}

// ShowTypeEncryptionMember serves GET /types/{id}/encryption/{member}.
func (t *Translator) ShowTypeEncryptionMember(ctx context.Context, r Request) (Response, error) {
	view, err := t.typeEncryption(ctx, r)
	if err != nil {
		return Response{}, err
	}
	v, exists := view[r.Key]
	if !exists {
		return Response{}, driver.TypeEncryptionNotFound(r.ID)
	}
	return ok(envelope(r.Key, v))
}

// typeEncryption returns the columns of Cinder's database about a type's encryption.
func (t *Translator) typeEncryption(ctx context.Context, r Request) (map[string]any, error) {
	types, err := t.types()
	if err != nil {
		return nil, err
	}
	if err := r.Allow(encryptionGet); err != nil {
		return nil, err
	}
	vt, err := types.GetVolumeType(ctx, r.Caller, r.ID)
	if err != nil {
		return nil, err
	}
	e := vt.Encryption
	if e == nil {
		return map[string]any{}, nil
	}
	return map[string]any{
		"volume_type_id": vt.ID, "encryption_id": e.ID, "provider": e.Provider, "control_location": e.ControlLocation,
		"cipher": e.Cipher, "key_size": e.KeySize, "created_at": timestamp(e.CreatedAt), "updated_at": timestamp(e.UpdatedAt),
		"deleted": false, "deleted_at": nil,
	}, nil
}

// CreateTypeEncryption serves POST /types/{id}/encryption.
func (t *Translator) CreateTypeEncryption(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "encryption", createEncryptionBody)
	if err != nil {
		return Response{}, err
	}
	encrypter, err := t.encrypter(r, encryptionCreate)
	if err != nil {
		return Response{}, err
	}
	e, err := encrypter.CreateTypeEncryption(ctx, r.Caller, r.ID, driver.TypeEncryption{
		Provider: body.Text("provider"), ControlLocation: body.Text("control_location"),
		Cipher: body.NullText("cipher"), KeySize: keySize(body),
	})
	if err != nil {
		return Response{}, err
	}
	view := encryptionView(body)
	view["volume_type_id"], view["encryption_id"] = r.ID, e.ID
	return ok(envelope("encryption", view))
}

// UpdateTypeEncryption serves PUT /types/{id}/encryption/{any}.
func (t *Translator) UpdateTypeEncryption(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "encryption", updateEncryptionBody)
	if err != nil {
		return Response{}, err
	}
	encrypter, err := t.encrypter(r, encryptionUpdate)
	if err != nil {
		return Response{}, err
	}
	var patch driver.TypeEncryptionPatch
	if _, given := body.Get("provider"); given {
		patch.Provider = driver.Some(body.Text("provider"))
	}
	if _, given := body.Get("control_location"); given {
		patch.ControlLocation = driver.Some(body.Text("control_location"))
	}
	if _, given := body.Get("cipher"); given {
		patch.Cipher = driver.Some(body.NullText("cipher"))
	}
	if _, given := body.Get("key_size"); given {
		patch.KeySize = driver.Some(keySize(body))
	}
	if err := encrypter.UpdateTypeEncryption(ctx, r.Caller, r.ID, patch); err != nil {
		return Response{}, err
	}
	return ok(envelope("encryption", encryptionView(body)))
}

// encryptionView repeats the request's body, with the key size as a number.
func encryptionView(body *schema.Object) map[string]any {
	view := body.Map()
	if n := keySize(body); n != nil {
		view["key_size"] = *n
	}
	return view
}

func keySize(body *schema.Object) *int {
	if v, _ := body.Get("key_size"); v == nil {
		return nil
	}
	n := body.Integer("key_size")
	return &n
}

// DeleteTypeEncryption serves DELETE /types/{id}/encryption/{any}.
func (t *Translator) DeleteTypeEncryption(ctx context.Context, r Request) (Response, error) {
	encrypter, err := t.encrypter(r, encryptionDelete)
	if err != nil {
		return Response{}, err
	}
	return finish(encrypter.DeleteTypeEncryption(ctx, r.Caller, r.ID))
}
