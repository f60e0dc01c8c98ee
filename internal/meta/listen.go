package meta

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"cindergate/internal/database"
)

// channel is the channel of PostgreSQL's NOTIFY on which processes tell each other about jobs.
// What they say is a hint: whoever misses it finds the same in the tables, only later.
const channel = "cindergate"

// The texts on the channel.
const (
	jobsChanged = "jobs"
	jobStopped  = "stop " // and the id of the job
)

// announce tells other processes something once the transaction is committed.
func (tx *Tx) announce(text string) {
	for _, known := range tx.announced {
		if known == text {
			return
		}
	}
	tx.announced = append(tx.announced, text)
}

// Listen calls changed when another process has changed jobs, and stopped with the id of a job that
// one has cancelled, until ctx ends or the connection is lost. It returns why. listening is
// called when it hears everything from then on.
func (db *DB) Listen(ctx context.Context, listening, changed func(), stopped func(jobID string)) error {
	config, err := database.PostgresConfig(db.sql.URL)
	if err != nil {
		return err
	}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	if _, err := c.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	listening()
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if id, ok := strings.CutPrefix(n.Payload, jobStopped); ok {
			stopped(id)
		} else {
			changed()
		}
	}
}
