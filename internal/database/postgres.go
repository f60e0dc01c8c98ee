package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sys/unix"
)

const (
	// silence is how long a connection may be without an answer to what was sent before it counts
	// as lost: a server that vanishes without a word must not hold requests for minutes.
	silence = 10 * time.Second
	// connections is the size of each of the two pools of a gateway.
	connections = 8
	// idleLimit ends transactions of a client that has stopped in the middle of one: a gateway
	// that is paused must not hold the locks that the others need.
	idleLimit = "10s"
)

func openPostgres(url string) (*DB, error) {
	config, err := PostgresConfig(url)
	if err != nil {
		return nil, err
	}
	// A setting and no startup parameter, which a pooler would refuse.
	prepare := func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SET idle_in_transaction_session_timeout = '"+idleLimit+"'")
		return err
	}
	db := &DB{Shared: true, URL: url}
	db.Writer = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(prepare))
	db.Reader = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(prepare))
	db.Writer.SetMaxOpenConns(connections)
	db.Writer.SetMaxIdleConns(connections)
	db.Reader.SetMaxOpenConns(connections)
	db.Reader.SetMaxIdleConns(connections)
	return db, nil
}

// PostgresConfig is the configuration of a connection to the server that url names.
func PostgresConfig(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		var e *pgconn.ParseConfigError
		if errors.As(err, &e) {
			// The text of e has the URL, and with it a password.
			return nil, errors.New("the URL of PostgreSQL is not valid: it must be postgres://user@host:port/database?option=value")
		}
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = silence
	}
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence, Interval: silence / 5, Count: 3},
		Control: func(network, _ string, c syscall.RawConn) error {
			if !strings.HasPrefix(network, "tcp") {
				return nil
			}
			var failed error
			err := c.Control(func(fd uintptr) {
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence/time.Millisecond))
			})
			return errors.Join(err, failed)
		},
	}
	config.DialFunc = dialer.DialContext
	return config, nil
}

// PostgreSQL's error codes (PostgreSQL, appendix A).
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	diskFull             = "53100"
	untranslatable       = "22021"
	readOnlyTransaction  = "25006" // the server is a standby
	idleInTransaction    = "25P03"
	classConnection      = "08"
	classResources       = "53"
	classOperator        = "57P" // shutting down, starting up, crashed
)

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func conflictPostgres(err error) bool {
	c := code(err)
	return c == serializationFailure || c == deadlockDetected
}

func unwritablePostgres(err error) bool { return code(err) == diskFull }

func unavailablePostgres(err error) bool {
	if c := code(err); c != "" {
		return c == readOnlyTransaction || c == idleInTransaction || strings.HasPrefix(c, classConnection) ||
			strings.HasPrefix(c, classResources) || strings.HasPrefix(c, classOperator)
	}
	var refused *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &refused) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err)
}
