package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/gateway"
	"cindergate/internal/console"
	"cindergate/internal/console/sessions"
	"cindergate/internal/openstack"
	"cindergate/internal/wire"
)

// consoleHistory is the file, in the data directory, of how full the disks were.
const consoleHistory = "console-space.json"

// consoleParts are what the console shows besides the Block Storage API.
type consoleParts struct {
	auth     gateway.Authenticator
	backends map[string]driver.Driver
	followed *schedules
	base     func(*http.Request) string
	client   func(*http.Request) string
	api      func() *gateway.Server // once it is made
	wire     *wire.Recorder         // nil: requests are not recorded
	sessions *sessions.DB           // nil: they are in memory
}

// openSessions opens what keeps the sessions of the console, where gateways share a database; nil: there is
// none, or no console.
func openSessions(ctx context.Context, c *config.Config) (*sessions.DB, error) {
	if c.Database == "" || c.Console() == config.ConsoleOff {
		return nil, nil
	}
	kept, err := sessions.Open(ctx, c.Database.Reveal())
	if err != nil {
		return nil, fmt.Errorf("the console's sessions: %w", err)
	}
	return kept, nil
}

// openConsole makes the console that the configuration asks for; nil: none.
func openConsole(c *config.Config, p consoleParts, log *zap.Logger) (*console.Console, error) {
	mode := c.Console()
	if mode == config.ConsoleOff {
		return nil, nil
	}
	o := console.Options{
		API:    http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.api().ServeHTTP(w, r) }),
		Caller: p.auth.Authenticate, Mode: console.Mode(mode), Client: p.client, Log: log, Wire: p.wire,
		Secure: func(r *http.Request) bool { return strings.HasPrefix(p.base(r), "https://") },
		Health: func(ctx context.Context) (map[string]string, error) { return p.api().Health(ctx) },
		Stores: func(ctx context.Context) (map[string]string, error) { return p.api().StoreHealth(ctx) },
		Explainer: func(projectID string) driver.PolicyExplainer {
			name, ok := c.Projects[projectID]
			if !ok {
				name = c.DefaultBackend
			}
			return explainerOf(name, p.backends[name], p.followed)
		},
	}
	if p.sessions != nil {
		o.Sessions = p.sessions
	}
	if at, err := url.Parse(c.PublicURL); err == nil && c.PublicURL != "" {
		o.Origins = []string{at.Scheme + "://" + at.Host}
	}
	switch c.Auth {
	case "embedded":
		o.IdentityURL = "http://console.invalid/identity/v3"
	case "keystone":
		k := &c.Keystone
		transport, err := openstack.NewTransport(openstack.Options{
			Name: "keystone", CAFile: k.CAFile, AnswerTimeout: k.Timeout, MaxAnswer: k.MaxAnswer, Wrap: watched,
		})
		if err != nil {
			return nil, err
		}
		o.IdentityURL, o.IdentityTransport = k.URL, transport
	}
	if c.Embeds() {
		o.Spaces = func(context.Context) []console.Space { return spacesOf(c) }
		o.HistoryFile = filepath.Join(c.Data, consoleHistory)
	}
	return console.New(o)
}

// openWire makes the record of requests, if the configuration asks for it.
func openWire(c *config.Config) (*wire.Recorder, gateway.Inspector) {
	if !c.UIWire {
		return nil, nil
	}
	r := wire.NewRecorder(nil)
	return r, r
}

// withConsole adds the console to the handlers of path prefixes.
func withConsole(mounts map[string]http.Handler, pages *console.Console) map[string]http.Handler {
	if pages == nil {
		return mounts
	}
	all := maps.Clone(mounts)
	if all == nil {
		all = map[string]http.Handler{}
	}
	all[console.Prefix] = pages
	return all
}

// spacesOf returns how full the disks are that hold volumes, and backups in directories. A disk that
// does not answer is left out.
func spacesOf(c *config.Config) []console.Space {
	places := map[string]string{"data directory": c.Data}
	if c.Embedded.SharedVolumes != "" {
		places["shared volumes"] = c.Embedded.SharedVolumes
	}
	for name, store := range c.Stores {
		if store.Driver == config.StoreDir {
			places["store "+name] = store.Dir.Path
		}
	}
	var all []console.Space
	for _, name := range slices.Sorted(maps.Keys(places)) {
		var fs unix.Statfs_t
		if unix.Statfs(places[name], &fs) != nil {
			continue
		}
		free := int64(fs.Bavail) * fs.Bsize
		used := (int64(fs.Blocks) - int64(fs.Bfree)) * fs.Bsize
		all = append(all, console.Space{Name: name, Used: used, Total: used + free})
	}
	return all
}
