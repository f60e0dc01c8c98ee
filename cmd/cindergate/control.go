package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/internal/policy"
)

// controlSocket is the name of the socket, in the data directory, on which a running
// gateway takes commands of this machine's operators. Whoever may write to the socket may
// give commands: the user that the gateway runs as.
const controlSocket = "control.sock"

// maxSocketPath is the length of a socket's path that every system accepts (sun_path in
// unix(7) has 108 bytes, on BSDs 104).
const maxSocketPath = 103

// socketPath returns the path of the control socket and a function that releases it. A path
// that is too long goes by way of an open descriptor of its directory.
func socketPath(data string) (path string, release func(), err error) {
	path = filepath.Join(data, controlSocket)
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(data)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), controlSocket), func() { _ = dir.Close() }, nil
}

// control serves the control socket of a gateway that holds the lock of its data directory.
type control struct {
	server   *http.Server
	listener net.Listener
	release  func()
}

// openControl listens on the control socket. A socket that is there already is that of a
// gateway that died, unless somebody answers. d is nil without an embedded backend.
func openControl(ctx context.Context, data string, d *embedded.Driver, followed *schedules) (*control, error) {
	path, release, err := socketPath(data)
	if err != nil {
		return nil, err
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSocket != 0 {
		if other, err := (&net.Dialer{}).DialContext(ctx, "unix", path); err == nil {
			release()
			return nil, errors.Join(errors.New("control socket: another gateway answers there"), other.Close())
		}
		if err := os.Remove(path); err != nil {
			release()
			return nil, err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		release()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	mux := http.NewServeMux()
	if d != nil {
		mux.HandleFunc("POST /scrub", func(w http.ResponseWriter, r *http.Request) { controlScrub(w, r, d) })
	}
	mux.HandleFunc("POST /policy/explain", func(w http.ResponseWriter, r *http.Request) { controlExplain(w, r, d, followed) })
	return &control{server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, listener: listener, release: release}, nil
}

// controlOf opens the control socket of the embedded backend, and of what follows policies of
// remote ones. It returns nil, which does nothing, if there is neither, or if the file system has
// no sockets: the API is worth more than the commands.
func controlOf(ctx context.Context, c *config.Config, backends map[string]driver.Driver, followed *schedules, log *zap.Logger) *control {
	var own *embedded.Driver
	for _, d := range backends {
		if found, ok := d.(*embedded.Driver); ok {
			own = found
		}
	}
	if own == nil && (len(followed.all) == 0 || c.Data == "") {
		return nil
	}
	opened, err := openControl(ctx, c.Data, own, followed)
	if err != nil {
		log.Warn("the control socket cannot be opened: commands need a gateway that is stopped", zap.Error(err))
	}
	return opened
}

// serve answers until close is called.
func (c *control) serve() error {
	if c == nil {
		return nil
	}
	if err := c.server.Serve(c.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// close ends the commands that still run.
func (c *control) close() error {
	if c == nil {
		return nil
	}
	defer c.release()
	defer c.listener.Close()
	return c.server.Close()
}

// scrubLine is one line of the answer to a scrub: a backup, or the end.
type scrubLine struct {
	*embedded.Scrubbed
	Done  bool   `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}

// controlScrub runs a scrub for as long as its client listens. The body and each line of
// the answer are JSON.
func controlScrub(w http.ResponseWriter, r *http.Request, d *embedded.Driver) {
	var ask scrubRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := ask.check(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	line := func(l scrubLine) {
		// A client that has left ends the request's context, and so the scrub.
		_ = out.Encode(l)
		_ = flush.Flush()
	}
	if err := d.Scrub(r.Context(), ask.options(func(s embedded.Scrubbed) { line(scrubLine{Scrubbed: &s}) })); err != nil {
		line(scrubLine{Error: err.Error()})
		return
	}
	line(scrubLine{Done: true})
}

// errNoGateway says that no gateway runs on a data directory.
var errNoGateway = errors.New("no gateway runs on this data directory")

// ask sends a command to the gateway that runs on a data directory, and passes its answer to read.
func ask(ctx context.Context, data, command string, body any, read func(*json.Decoder) error) error {
	path, release, err := socketPath(data)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoGateway
	}
	if err != nil {
		return err
	}
	defer release()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gateway/"+command, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return errNoGateway
	}
	if err != nil {
		return fmt.Errorf("ask the running gateway: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
		return fmt.Errorf("the running gateway refuses: %s", strings.TrimSpace(string(text)))
	}
	return read(json.NewDecoder(answer.Body))
}

// askScrub asks the gateway that runs on a data directory to scrub.
func askScrub(ctx context.Context, data string, request scrubRequest, report func(embedded.Scrubbed)) error {
	return ask(ctx, data, "scrub", request, func(lines *json.Decoder) error {
		for {
			var l scrubLine
			switch err := lines.Decode(&l); {
			case err != nil:
				return fmt.Errorf("the running gateway stopped before the scrub was done: %w", err)
			case l.Error != "":
				return errors.New(l.Error)
			case l.Done:
				return nil
			case l.Scrubbed != nil:
				report(*l.Scrubbed)
			}
		}
	})
}

// explainRequest asks for the policy of a volume; with a policy, as if the volume had that one.
type explainRequest struct {
	VolumeID string `json:"volume_id"`
	Policy   string `json:"policy,omitempty"`
	Backend  string `json:"backend,omitempty"` // a remote one; "": the embedded one
}

// controlExplain answers with a [policy.Explanation].
func controlExplain(w http.ResponseWriter, r *http.Request, d *embedded.Driver, followed *schedules) {
	var request explainRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<10)).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	explained, known, err := followed.explain(r.Context(), request)
	switch {
	case known:
	case request.Backend == "" && d != nil:
		explained, err = d.PolicyOf(r.Context(), request.VolumeID, request.Policy)
	default:
		err = fmt.Errorf("it does not follow the policies of backend %q", request.Backend)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(explained)
}

// askExplain asks the gateway that runs on a data directory to explain a policy.
func askExplain(ctx context.Context, data string, request explainRequest) (*policy.Explanation, error) {
	explained := &policy.Explanation{}
	return explained, ask(ctx, data, "policy/explain", request, func(answer *json.Decoder) error { return answer.Decode(explained) })
}
