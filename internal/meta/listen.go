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

// jobStopped begins a text on the channel; the id of the job follows. All other texts are those of
// a [Wake].
const jobStopped = "stop "

// Wake says which workers may find a job.
type Wake struct {
	Queue string // "": of all queues
	Host  string // "": of any gateway
}

func (w Wake) text() string { return "jobs " + w.Queue + " " + w.Host }

func wakeOf(text string) (w Wake) {
	if parts := strings.SplitN(text, " ", 3); len(parts) == 3 {
		w = Wake{parts[1], parts[2]}
	}
	return w
}

// announce tells other processes something once the transaction is committed.
func (tx *Tx) announce(text string) {
	for _, known := range tx.announced {
		if known == text {
			return
		}
	}
	tx.announced = append(tx.announced, text)
}

// Listen calls changed when a process has queued a job or ended one that others waited for, and stopped with the id of a job that
// one has cancelled, until ctx ends or the connection is lost. It returns why. listening is
// called when it hears everything from then on.
func (db *DB) Listen(ctx context.Context, listening func(), changed func(Wake), stopped func(jobID string)) error {
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
			changed(wakeOf(n.Payload))
		}
	}
}
