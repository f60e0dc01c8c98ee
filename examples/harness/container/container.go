// Package container runs `cindergate harness` in a container, with testcontainers-go. Both
// listeners of a harness are on loopback, so the container uses the network of its host.
package container

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

// Cloud is a running harness.
type Cloud struct {
	testcontainers.Container
	// Environment has the variables of OpenStack clients, such as OS_AUTH_URL, and HARNESS_URL.
	Environment map[string]string
}

// ready is the last line that a harness prints once it serves.
var ready = regexp.MustCompile(`(?m)^export HARNESS_URL=http://\S+$`)

// Ready waits until a harness serves.
func Ready() wait.Strategy {
	return wait.ForLog(ready.String()).AsRegexp().WithStartupTimeout(30 * time.Second)
}

// Run starts a harness of an image. Its clock stands still at the beginning of 2026.
func Run(ctx context.Context, image string, options ...testcontainers.ContainerCustomizer) (*Cloud, error) {
	defaults := []testcontainers.ContainerCustomizer{
		testcontainers.WithCmd("harness", "--dir", "/data", "--now", "2026-01-01T00:00:00Z"),
		testcontainers.WithHostConfigModifier(func(c *containertypes.HostConfig) { c.NetworkMode = "host" }),
		testcontainers.WithWaitStrategy(Ready()),
	}
	running, err := testcontainers.Run(ctx, image, append(defaults, options...)...)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", image, err)
	}
	log, err := running.Logs(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer log.Close()
	text, err := io.ReadAll(io.LimitReader(log, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return &Cloud{running, Environment(string(text))}, nil
}

var variable = regexp.MustCompile(`\b((?:OS|HARNESS)_[A-Z_]+)=(\S+)`)

// Environment reads the variables that a harness prints.
func Environment(text string) map[string]string {
	environment := map[string]string{}
	for _, pair := range variable.FindAllStringSubmatch(text, -1) {
		environment[pair[1]] = pair[2]
	}
	return environment
}
