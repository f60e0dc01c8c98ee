// Package pgtest starts a PostgreSQL server for tests: one for a test binary, and a database of its
// own for each test.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Required is the environment variable that makes a missing server a failure.
const Required = "CINDERGATE_TEST_POSTGRES"

var shared struct {
	once   sync.Once
	server *Server
	err    error
	count  atomic.Int64
}

// Main runs the tests of a package, and stops the server that they have started.
func Main(m *testing.M) {
	code := m.Run()
	if s := shared.server; s != nil {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// URL returns the URL of an empty database. It skips the test if PostgreSQL is not installed,
// unless [Required] is set. The package's TestMain must call [Main].
func URL(t testing.TB) string {
	t.Helper()
	if binaries() == "" && os.Getenv(Required) == "" {
		t.Skip("PostgreSQL is not installed: no initdb in $PATH or /usr/lib/postgresql")
	}
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "pgtest")
		if err != nil {
			shared.err = err
			return
		}
		shared.server, shared.err = Start(dir, "-c", "fsync=off")
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	name := fmt.Sprintf("test%d", shared.count.Add(1))
	if err := shared.server.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return shared.server.URL(name)
}

// Server is a running server that listens on loopback.
type Server struct {
	Dir     string // holds the cluster; removed by Stop
	Port    int
	process *exec.Cmd
	options []string
}

// Start makes a cluster in a new directory below dir and starts a server on it. options are
// further arguments of postgres.
func Start(dir string, options ...string) (*Server, error) {
	if binaries() == "" {
		return nil, errors.New("PostgreSQL is not installed")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, Port: port, options: options}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // the server refuses to run as root
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return nil, err
		}
	}
	initdb := s.command("initdb", "--pgdata", s.cluster(), "--auth", "trust", "--username", "test", "--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.Up()
}

// Up starts the server and waits until it answers.
func (s *Server) Up() error {
	s.process = s.command("postgres", "-D", s.cluster(), "-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(s.Port),
		"-c", "unix_socket_directories=", "-c", "max_connections=200")
	s.process.Args = append(s.process.Args, s.options...)
	log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := s.Exec(context.Background(), "SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			out, _ := os.ReadFile(log.Name())
			return fmt.Errorf("PostgreSQL does not answer: %w: %s", err, out)
		}
	}
}

// Down stops the server at once, as a crash would.
func (s *Server) Down() error {
	if err := s.process.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	_ = s.process.Wait() // it says how it was ended
	return nil
}

// Stop stops the server and removes its directory.
func (s *Server) Stop() error { return errors.Join(s.Down(), os.RemoveAll(s.Dir)) }

// URL returns the URL of a database of the server.
func (s *Server) URL(name string) string {
	return fmt.Sprintf("postgres://test@127.0.0.1:%d/%s?sslmode=disable", s.Port, name)
}

// Exec runs a statement in the server's first database.
func (s *Server) Exec(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}

func (s *Server) cluster() string { return filepath.Join(s.Dir, "cluster") }

// nobody is the user that the server runs as if the tests run as root.
const nobody = 65534

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(context.Background(), filepath.Join(binaries(), name), args...) //nolint:gosec // the programs of PostgreSQL; Down ends them
	c.Dir = s.Dir
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return c
}

// binaries returns the directory of initdb and postgres; "" if there is none.
var binaries = sync.OnceValue(func() string {
	if found, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(found)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
})

func freePort() (int, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
