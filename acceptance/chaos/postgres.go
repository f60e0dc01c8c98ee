package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// nobody runs PostgreSQL, which refuses to run as root.
const nobody = 65534

// node is a server of PostgreSQL, a primary or a standby.
type node struct {
	dir  string
	port int
	cmd  *exec.Cmd
}

// cluster is a primary and a standby that has every commit before the client is told.
type cluster struct {
	bin string

	mu               sync.Mutex // held while servers are stopped and started
	primary, standby *node
}

func newCluster(dir string, port int) (*cluster, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return nil, errors.New("PostgreSQL is not installed")
	}
	c := &cluster{bin: found[len(found)-1], primary: &node{dir: filepath.Join(dir, "a"), port: port}, standby: &node{dir: filepath.Join(dir, "b"), port: port + 1}}
	if err := c.own(dir); err != nil {
		return nil, err
	}
	return c, nil
}

// own makes a directory of the user that runs PostgreSQL.
func (c *cluster) own(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}

func (c *cluster) command(ctx context.Context, n *node, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, name), args...) //nolint:gosec // programs of PostgreSQL
	cmd.Dir = filepath.Dir(n.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

func (c *cluster) run(ctx context.Context, n *node, name string, args ...string) error {
	out, err := c.command(ctx, n, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// start makes both servers.
func (c *cluster) start(ctx context.Context) error {
	if err := c.run(ctx, c.primary, "initdb", "-D", c.primary.dir, "-A", "trust", "-U", "test", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8"); err != nil {
		return err
	}
	if err := c.up(ctx, c.primary); err != nil {
		return err
	}
	if _, err := c.exec(ctx, c.primary, "CREATE DATABASE cindergate"); err != nil {
		return err
	}
	return c.follow(ctx)
}

// up starts a server and waits until it answers. fsync is off: servers are killed here, but the
// machine does not lose its power.
func (c *cluster) up(ctx context.Context, n *node) error {
	n.cmd = c.command(context.WithoutCancel(ctx), n, "postgres", "-D", n.dir, "-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(n.port),
		"-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "fsync=off", "-c", "wal_keep_size=256MB", "-c", "log_min_messages=fatal")
	log, err := os.OpenFile(n.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return err
	}
	return poll(ctx, time.Minute, fmt.Sprintf("PostgreSQL answers on port %d", n.port), func() bool {
		_, err := c.exec(ctx, n, "SELECT 1")
		return err == nil
	})
}

// follow makes a new standby of the primary, and waits until commits wait for it.
func (c *cluster) follow(ctx context.Context) error {
	if err := os.RemoveAll(c.standby.dir); err != nil {
		return err
	}
	err := c.run(ctx, c.standby, "pg_basebackup", "-D", c.standby.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(c.primary.port), "-U", "test", "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if err != nil {
		return err
	}
	if err := c.up(ctx, c.standby); err != nil {
		return err
	}
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if _, err := c.exec(ctx, c.primary, statement); err != nil {
			return err
		}
	}
	return c.synchronous(ctx)
}

// synchronous waits until the standby has everything, and every commit waits for it.
func (c *cluster) synchronous(ctx context.Context) error {
	return poll(ctx, time.Minute, "the standby is synchronous", func() bool {
		n, err := c.exec(ctx, c.primary, "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND flush_lsn >= pg_current_wal_flush_lsn()")
		return err == nil && n == 1
	})
}

// restart stops the primary at once, as a crash would, and starts it again.
func (c *cluster) restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.primary.stop()
	return c.up(ctx, c.primary)
}

// promote kills the primary, makes the standby the primary, and the former primary's place that of
// a new standby.
func (c *cluster) promote(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.synchronous(ctx); err != nil {
		return err
	}
	c.primary.stop()
	c.primary, c.standby = c.standby, c.primary
	// Its commits wait for nobody until there is a new standby: follow had copied it before they did.
	if err := c.run(ctx, c.primary, "pg_ctl", "promote", "-w", "-D", c.primary.dir); err != nil {
		return err
	}
	return c.follow(ctx)
}

// stop kills a server with all its processes.
func (n *node) stop() {
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	_ = n.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
	_ = n.cmd.Wait()                          // it says how it was ended
	n.cmd = nil
}

func (c *cluster) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.standby.stop()
	c.primary.stop()
}

func (c *cluster) connect(ctx context.Context, n *node, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, fmt.Sprintf("postgres://test@127.0.0.1:%d/%s?sslmode=disable&connect_timeout=5", n.port, database))
}

// exec runs a statement in a server's first database, and returns the number in its first row.
func (c *cluster) exec(ctx context.Context, n *node, statement string) (number int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := c.connect(ctx, n, "postgres")
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if rows.Next() {
		if v, err := rows.Values(); err == nil && len(v) > 0 {
			switch v := v[0].(type) {
			case int64:
				number = v
			case int32:
				number = int64(v)
			}
		}
	}
	rows.Close()
	return number, rows.Err()
}

// texts returns the first column of what a query of the gateways' database finds.
func (c *cluster) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	c.mu.Lock()
	primary := c.primary
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := c.connect(ctx, primary, "cindergate")
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// poll waits until something is so.
func poll(ctx context.Context, limit time.Duration, what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %v until %s: %w", limit, what, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
