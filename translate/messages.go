package translate

import (
	"context"
	"net/http"

	"cindergate/driver"
)

var messageDelete = Policy{"message:delete", driver.Member}

var messageListing = &listing{
	columns: columnNames(driver.MessageColumns), sortByName: never, notFound: driver.MessageNotFound,
	filters: &filterRules{
		resource:   "message",
		advertised: []string{"resource_uuid", "resource_type", "event_id", "request_id", "message_level"}, general: driver.MVGeneralFilters,
	},
}

func (t *Translator) messages(r Request) (driver.MessageReader, error) {
	if !r.Version.AtLeast(driver.MVMessages) {
		return nil, tooOld()
	}
	return Capability[driver.MessageReader](t.driver, "user messages")
}

type messageView struct {
	ID              string    `json:"id"`
	EventID         string    `json:"event_id"`
	UserMessage     string    `json:"user_message"`
	MessageLevel    string    `json:"message_level"`
	CreatedAt       timestamp `json:"created_at"`
	GuaranteedUntil timestamp `json:"guaranteed_until"`
	RequestID       string    `json:"request_id"`
	Links           []link    `json:"links"`
	ResourceType    string    `json:"resource_type"`
	ResourceUUID    string    `json:"resource_uuid"`
}

func (r Request) messageView(m *driver.Message) messageView {
	return messageView{
		ID: m.ID, EventID: m.EventID, UserMessage: m.UserMessage, MessageLevel: m.Level,
		CreatedAt: timestamp(m.CreatedAt), GuaranteedUntil: timestamp(m.GuaranteedUntil), RequestID: m.RequestID,
		Links: r.links("messages", m.ID), ResourceType: m.ResourceType, ResourceUUID: m.ResourceUUID,
	}
}

// ListMessages serves GET /messages, from 3.3.
func (t *Translator) ListMessages(ctx context.Context, r Request) (Response, error) {
	messages, err := t.messages(r)
	if err != nil {
		return Response{}, err
	}
	asked := r
	if !r.Version.AtLeast(driver.MVMessagePages) {
		asked.Query = nil // older versions of the list take no parameters
	}
	p, err := messageListing.list(asked)
	if err != nil {
		return Response{}, err
	}
	found, err := messages.ListMessages(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	id := func(m *driver.Message) string { return m.ID }
	return list(r, p, "messages", "messages", found.Items, found.Count, id, r.messageView)
}

// ShowMessage serves GET /messages/{id}.
func (t *Translator) ShowMessage(ctx context.Context, r Request) (Response, error) {
	messages, err := t.messages(r)
	if err != nil {
		return Response{}, err
	}
	m, err := messages.GetMessage(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("message", r.messageView(&m)))
}

// DeleteMessage serves DELETE /messages/{id}.
func (t *Translator) DeleteMessage(ctx context.Context, r Request) (Response, error) {
	messages, err := t.messages(r)
	if err != nil {
		return Response{}, err
	}
	exists := func() error {
		_, err := messages.GetMessage(ctx, r.Caller, r.ID)
		return err
	}
	if err := r.allowOn(messageDelete, exists); err != nil {
		return Response{}, err
	}
	if err := messages.DeleteMessage(ctx, r.Caller, r.ID); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusNoContent}, nil
}
