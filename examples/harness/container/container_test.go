package container

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go/wait"
)

// process stands for a container whose log is the output of a process.
type process struct {
	wait.StrategyTarget
	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(text)
}

func (p *process) Logs(context.Context) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return io.NopCloser(bytes.NewReader(bytes.Clone(p.log.Bytes()))), nil
}

func (p *process) State(context.Context) (*containertypes.State, error) {
	return &containertypes.State{Running: true, Status: "running"}, nil
}

// The strategy waits for a real harness. CINDERGATE names the program.
func TestReady(t *testing.T) {
	program := os.Getenv("CINDERGATE")
	if program == "" {
		program = "cindergate"
	}
	p := &process{}
	cmd := exec.CommandContext(t.Context(), program, "harness", "--now", "2026-01-01T00:00:00Z")
	cmd.Stdout, cmd.Stderr = p, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the test's context has interrupted it
	if err := Ready().WaitUntilReady(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	environment := Environment(p.log.String())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, environment["HARNESS_URL"]+"/clock", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || environment["OS_AUTH_URL"] == "" {
		t.Errorf("%d, %v", answer.StatusCode, environment)
	}
}
