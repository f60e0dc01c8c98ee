package cloud

import (
	"context"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// GetMessage returns one message.
func (c *Cloud) GetMessage(ctx context.Context, who driver.Caller, messageID string) (driver.Message, error) {
	m, err := c.core.DB.Message(ctx, messageID)
	if err != nil {
		return driver.Message{}, core.Classify(err)
	}
	if m == nil || !who.Owns(m.ProjectID) {
		return driver.Message{}, driver.MessageNotFound(messageID)
	}
	return m.Message, nil
}

// ListMessages returns one page of messages. Admins see those of all projects, because
// Cinder has no all_tenants here (cinder/db/sqlalchemy/api.py message_get_all).
func (c *Cloud) ListMessages(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Message], error) {
	project, some := core.Scope(who, true)
	if !some {
		return driver.Page[driver.Message]{}, nil
	}
	rows, err := c.core.DB.Messages(ctx, project)
	if err != nil {
		return driver.Page[driver.Message]{}, core.Classify(err)
	}
	all := make([]driver.Message, 0, len(rows))
	for _, m := range rows {
		if who.Owns(m.ProjectID) {
			all = append(all, m.Message)
		}
	}
	return driver.Paginate(all, driver.MessageColumns, q, driver.MessageNotFound)
}

// DeleteMessage deletes one message.
func (c *Cloud) DeleteMessage(ctx context.Context, who driver.Caller, messageID string) error {
	m, err := c.GetMessage(ctx, who, messageID)
	if err != nil {
		return err
	}
	return c.core.Write(ctx, func(tx *meta.Tx) error { return tx.RemoveMessage(m.ID) })
}

// ExpireMessages deletes expired messages every hour until ctx ends.
func (c *Cloud) ExpireMessages(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.core.Write(ctx, func(tx *meta.Tx) error { return tx.ExpireMessages() }); err != nil && ctx.Err() == nil {
			c.core.Log.Error("expire messages", zap.Error(err))
		}
		c.core.Wait(ctx, time.Hour)
	}
}
