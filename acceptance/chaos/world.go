package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// gateways is their number.
const gateways = 3

// world is all processes, and the network between them.
type world struct {
	options options
	pg      *cluster
	store   *proxy // between the gateways and the object store
	members []*gateway
	haproxy *exec.Cmd
	url     string // of the load balancer
}

// gateway is one gateway, and its network to the two servers of PostgreSQL.
type gateway struct {
	name, url, config, dir, binary string
	log                            *os.File
	links                          []*proxy

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process has ended
	killed bool
	exits  int // ends that nobody asked for
}

func (g *gateway) start() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	cmd := exec.Command(g.binary, "serve", "--config", g.config) //nolint:gosec,noctx // the program under test, which ends when it is killed
	cmd.Stdout, cmd.Stderr = g.log, g.log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	g.cmd, g.ended, g.killed = cmd, ended, false
	go func() {
		_ = cmd.Wait() // an end that nobody asked for is counted
		g.mu.Lock()
		if g.cmd == cmd && !g.killed {
			g.exits++
		}
		g.mu.Unlock()
		close(ended)
	}()
	return nil
}

// serving starts the gateway until it answers, as systemd does: while the database is away, the
// start fails.
func (g *gateway) serving(ctx context.Context) error {
	if err := g.start(); err != nil {
		return err
	}
	return poll(ctx, 2*time.Minute, g.name+" answers", func() bool {
		select {
		case <-g.ended:
			g.mu.Lock()
			g.exits--
			g.mu.Unlock()
			return g.start() != nil
		default:
			return g.answers(ctx)
		}
	})
}

func (g *gateway) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/healthcheck", nil)
	if err != nil {
		return false
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = a.Body.Close()
	return a.StatusCode == http.StatusOK
}

// signal sends a signal to the process. After SIGKILL and SIGTERM it waits for its end.
func (g *gateway) signal(s syscall.Signal) {
	g.mu.Lock()
	cmd, ended := g.cmd, g.ended
	ends := s == syscall.SIGKILL || s == syscall.SIGTERM
	g.killed = g.killed || ends
	g.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(s) // it may have ended
	if ends {
		<-ended
	}
}

// newWorld starts everything. The store already runs.
func newWorld(ctx context.Context, o options, count int) (w *world, err error) {
	w = &world{options: o, url: fmt.Sprintf("http://127.0.0.1:%d", o.port)}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.pg, err = newCluster(cmp.Or(o.postgresDir, filepath.Join(o.dir, "postgres")), o.port+30); err != nil {
		return nil, err
	}
	if err := w.pg.start(ctx); err != nil {
		return nil, err
	}
	storeURL := fmt.Sprintf("127.0.0.1:%d", o.port+20)
	if w.store, err = newProxy(ctx, storeURL, o.store); err != nil {
		return nil, err
	}
	for n := range count {
		if err := w.add(ctx, n, storeURL); err != nil {
			return nil, err
		}
	}
	for _, g := range w.members {
		if err := g.serving(ctx); err != nil {
			return nil, err
		}
	}
	return w, w.balance(ctx)
}

const gatewayConfig = `listen: 127.0.0.1:%d
data: %s
auth: noauth
log: {level: info, format: json}
http: {max_requests_per_project: 1024}
database: postgres://test@127.0.0.1:%d,127.0.0.1:%d/cindergate?sslmode=disable&target_session_attrs=read-write&connect_timeout=5
embedded: {host: %s, lease: 5s, quotas: {volumes: %d, snapshots: %d, backups: %d, gigabytes: %d, backup_gigabytes: %d}}
default_store: s3
stores: {s3: {driver: s3, s3: {endpoint: "http://%s", access_key: "%s", secret_key: "%s"}}}
`

func (w *world) add(ctx context.Context, n int, storeURL string) error {
	port := w.options.port
	name := fmt.Sprintf("g%d", n+1)
	g := &gateway{name: name, url: fmt.Sprintf("http://127.0.0.1:%d", port+1+n), binary: w.options.binary,
		config: filepath.Join(w.options.dir, name+".yaml"), dir: filepath.Join(w.options.dir, name)}
	links := port + 10 + 2*n
	for i := range 2 {
		p, err := newProxy(ctx, fmt.Sprintf("127.0.0.1:%d", links+i), fmt.Sprintf("127.0.0.1:%d", port+30+i))
		if err != nil {
			return err
		}
		g.links = append(g.links, p)
	}
	q := quotas
	if w.options.measure != "" {
		q = -1
	}
	text := fmt.Sprintf(gatewayConfig, port+1+n, g.dir, links, links+1, name, q, q, q, q, q, storeURL, os.Getenv("S3_KEY"), os.Getenv("S3_SECRET"))
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil { //nolint:gosec // below the directory of this run
		return err
	}
	var err error
	g.log, err = os.OpenFile(filepath.Join(w.options.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	w.members = append(w.members, g)
	return err
}

// The load balancer repeats only reads: whoever repeats another request may do it twice.
const balancer = `global
    maxconn 2048
defaults
    mode http
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response response-timeout
    timeout connect 1s
    timeout client 30s
    timeout server 8s
frontend volume
    bind 127.0.0.1:%d
    default_backend cindergate
backend cindergate
    balance roundrobin
    http-request disable-l7-retry unless METH_GET
    option httpchk GET /healthcheck
    http-check expect status 200
    timeout check 2s
    default-server check inter 1s fall 2 rise 1
`

func (w *world) balance(ctx context.Context) error {
	text := fmt.Sprintf(balancer, w.options.port)
	for _, g := range w.members {
		text += fmt.Sprintf("    server %s %s\n", g.name, g.url[len("http://"):])
	}
	file := filepath.Join(w.options.dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(w.options.dir, "haproxy.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	w.haproxy = exec.Command("/usr/sbin/haproxy", "-db", "-f", file) //nolint:gosec,noctx // ended by close
	w.haproxy.Stdout, w.haproxy.Stderr = log, log
	if err := w.haproxy.Start(); err != nil {
		return err
	}
	return poll(ctx, 10*time.Second, "the load balancer answers", func() bool { return (&gateway{url: w.url}).answers(ctx) })
}

// close ends all processes but the store, which the caller has started.
func (w *world) close() {
	if w.options.storePID != 0 {
		_ = syscall.Kill(w.options.storePID, syscall.SIGCONT) // a stopped process does not end
	}
	if w.haproxy != nil && w.haproxy.Process != nil {
		_ = w.haproxy.Process.Kill() // it may have ended
		_ = w.haproxy.Wait()
	}
	for _, g := range w.members {
		g.signal(syscall.SIGCONT)
		g.signal(syscall.SIGKILL)
		for _, p := range g.links {
			p.close()
		}
	}
	if w.store != nil {
		w.store.close()
	}
	if w.pg != nil {
		w.pg.stop()
	}
}

// exits returns an error if a gateway has ended on its own.
func (w *world) exits() (err error) {
	for _, g := range w.members {
		g.mu.Lock()
		if g.exits > 0 {
			err = errors.Join(err, fmt.Errorf("%s has ended %d times on its own", g.name, g.exits))
		}
		g.mu.Unlock()
	}
	return err
}
