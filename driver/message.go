package driver

import (
	"context"
	"time"
)

// Message tells a user why an asynchronous operation failed.
type Message struct {
	ID, ProjectID              string
	EventID                    string // VOLUME_VOLUME_BACKUP_009_014
	UserMessage                string
	Level                      string // ERROR
	RequestID                  string
	ResourceType, ResourceUUID string
	CreatedAt, GuaranteedUntil time.Time
}

// MessageReader shows and deletes user messages.
type MessageReader interface {
	GetMessage(ctx context.Context, caller Caller, messageID string) (Message, error)
	ListMessages(ctx context.Context, caller Caller, q Query) (Page[Message], error)
	DeleteMessage(ctx context.Context, caller Caller, messageID string) error
}

// MessageNotFound returns Cinder's MessageNotFound (cinder/exception.py).
func MessageNotFound(id string) error { return notFound("Message", id) }
