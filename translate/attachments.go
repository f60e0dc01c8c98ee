package translate

import (
	"context"
	"net/http"
	"time"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of attachments (cinder/policies/attachments.py).
var (
	attachmentCreate   = Policy{"volume:attachment_create", driver.Member}
	attachmentUpdate   = Policy{"volume:attachment_update", driver.Member}
	attachmentDelete   = Policy{"volume:attachment_delete", driver.Member}
	attachmentComplete = Policy{"volume:attachment_complete", driver.Member}
)

// Bodies of attachment requests (cinder/api/schemas/attachments.py).
var (
	createAttachmentV327 = schema.Members(
		schema.Property{Name: "instance_uuid", Schema: schema.UUID},
		schema.Property{Name: "connector", Schema: schema.NullObject},
		schema.Property{Name: "volume_uuid", Schema: schema.UUID},
	).Require("volume_uuid")
	createAttachmentV354 = createAttachmentV327.With(schema.Property{Name: "mode", Schema: schema.Schema{
		Types: []string{"string"}, Enum: []any{"rw", "ro"},
	}})
	createAttachmentBodies = []gated{
		{driver.MVAttachMode, schema.Body("attachment", createAttachmentV354)},
		{0, schema.Body("attachment", createAttachmentV327)},
	}
	updateAttachmentBody = schema.Body("attachment", schema.Members(
		schema.Property{Name: "connector", Schema: schema.Schema{Types: []string{"object"}, MinProperties: 1}},
	).Require("connector"))
)

var attachmentListing = &listing{
	columns: columnNames(driver.AttachmentColumns), sortByName: never, notFound: driver.AttachmentNotFound,
	filters: &filterRules{
		resource: "attachment", advertised: attachmentFilters, early: attachmentFilters, general: driver.MVGeneralFilters,
		columns: map[string]string{"instance_id": "instance_uuid"}, allTenants: anyAllTenants,
	},
}

var attachmentFilters = []string{"volume_id", "status", "instance_id", "attach_status"}

func (t *Translator) attachments(r Request) (driver.AttachmentManager, error) {
	if !r.Version.AtLeast(driver.MVAttachments) {
		return nil, tooOld()
	}
	return Capability[driver.AttachmentManager](t.driver, "attachments")
}

// stamp is a time that shows as "" if it is zero. Only attachments show times so
// (cinder/api/v3/views/attachments.py _normalize).
type stamp time.Time

// MarshalJSON implements json.Marshaler.
func (s stamp) MarshalJSON() ([]byte, error) {
	if time.Time(s).IsZero() {
		return []byte(`""`), nil
	}
	return timestamp(s).MarshalJSON()
}

type attachmentSummary struct {
	ID       string  `json:"id"`
	Status   string  `json:"status"`
	Instance *string `json:"instance"`
	VolumeID string  `json:"volume_id"`
}

type attachmentDetail struct {
	attachmentSummary
	AttachedAt     stamp          `json:"attached_at"`
	DetachedAt     stamp          `json:"detached_at"`
	AttachMode     string         `json:"attach_mode"`
	ConnectionInfo map[string]any `json:"connection_info"`
}

func viewAttachment(a *driver.Attachment) attachmentSummary {
	return attachmentSummary{a.ID, a.Status, nullable(a.ServerID), a.VolumeID}
}

func detailAttachment(a *driver.Attachment) attachmentDetail {
	info := a.Connection
	if info == nil {
		info = map[string]any{}
	}
	return attachmentDetail{viewAttachment(a), stamp(a.AttachedAt), stamp(a.DetachedAt), a.Mode, info}
}

// ListAttachments serves GET /attachments, from 3.27.
func (t *Translator) ListAttachments(ctx context.Context, r Request) (Response, error) {
	return listAttachments(ctx, t, r, viewAttachment)
}

// ListAttachmentsDetail serves GET /attachments/detail.
func (t *Translator) ListAttachmentsDetail(ctx context.Context, r Request) (Response, error) {
	return listAttachments(ctx, t, r, detailAttachment)
}

// listAttachments answers without links, as Cinder's list does.
func listAttachments[V any](ctx context.Context, t *Translator, r Request, view func(*driver.Attachment) V) (Response, error) {
	attachments, err := t.attachments(r)
	if err != nil {
		return Response{}, err
	}
	p, err := attachmentListing.list(r)
	if err != nil {
		return Response{}, err
	}
	found, err := attachments.ListAttachments(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("attachments", viewAll(found.Items, view)))
}

func viewAll[T, V any](items []T, view func(*T) V) []V {
	views := make([]V, len(items))
	for i := range items {
		views[i] = view(&items[i])
	}
	return views
}

// ShowAttachment serves GET /attachments/{id}.
func (t *Translator) ShowAttachment(ctx context.Context, r Request) (Response, error) {
	attachments, err := t.attachments(r)
	if err != nil {
		return Response{}, err
	}
	a, err := attachments.GetAttachment(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("attachment", detailAttachment(&a)))
}

// CreateAttachment serves POST /attachments.
func (t *Translator) CreateAttachment(ctx context.Context, r Request) (Response, error) {
	attachments, err := t.attachments(r)
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "attachment", at(createAttachmentBodies, r.Version))
	if err != nil {
		return Response{}, err
	}
	volumeID := body.Text("volume_uuid")
	if err := r.allowOn(attachmentCreate, func() error { return t.volumeExists(ctx, r, volumeID) }); err != nil {
		return Response{}, err
	}
	a, err := attachments.CreateAttachment(ctx, r.Caller, driver.AttachmentSpec{
		VolumeID: volumeID, ServerID: body.Text("instance_uuid"), Mode: body.Text("mode"), Connector: connector(body),
	})
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("attachment", detailAttachment(&a)))
}

func connector(body *schema.Object) map[string]any {
	v, _ := body.Get("connector")
	if o, isObject := v.(*schema.Object); isObject {
		return o.Map()
	}
	return nil
}

// UpdateAttachment serves PUT /attachments/{id}.
func (t *Translator) UpdateAttachment(ctx context.Context, r Request) (Response, error) {
	attachments, err := t.attachments(r)
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "attachment", updateAttachmentBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(attachmentUpdate, func() error { return attachmentExists(ctx, r, attachments) }); err != nil {
		return Response{}, err
	}
	a, err := attachments.UpdateAttachment(ctx, r.Caller, r.ID, connector(body))
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("attachment", detailAttachment(&a)))
}

func attachmentExists(ctx context.Context, r Request, attachments driver.AttachmentManager) error {
	_, err := attachments.GetAttachment(ctx, r.Caller, r.ID)
	return err
}

// DeleteAttachment serves DELETE /attachments/{id}. The answer lists the volume's remaining
// attachments.
func (t *Translator) DeleteAttachment(ctx context.Context, r Request) (Response, error) {
	attachments, err := t.attachments(r)
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(attachmentDelete, func() error { return attachmentExists(ctx, r, attachments) }); err != nil {
		return Response{}, err
	}
	left, err := attachments.DeleteAttachment(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("attachments", viewAll(left, viewAttachment)))
}

// ActOnAttachment serves POST /attachments/{id}/action: os-complete, from 3.44.
func (t *Translator) ActOnAttachment(ctx context.Context, r Request) (Response, error) {
	attachments, err := t.attachments(r)
	if err != nil {
		return Response{}, err
	}
	do, err := readAction(r)
	if err != nil {
		return Response{}, err
	}
	if do.name != "os-complete" {
		return Response{}, noSuchAction(do.name)
	}
	if !r.Version.AtLeast(driver.MVAttachComplete) {
		return Response{}, tooOld()
	}
	if err := r.allowOn(attachmentComplete, func() error { return attachmentExists(ctx, r, attachments) }); err != nil {
		return Response{}, err
	}
	if err := attachments.CompleteAttachment(ctx, r.Caller, r.ID); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusNoContent}, nil
}
