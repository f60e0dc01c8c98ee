package openstack

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"cindergate/driver"
)

// gatewayRequestID is the header for the gateway's request id when the usual headers carry
// the upstream's.
const gatewayRequestID = "X-Cindergate-Request-Id"

// Forwarding says how to forward a request to a backend that speaks the Block Storage API.
type Forwarding struct {
	// Upstream is the backend's URL without version. Version, "2" or "3", is the upstream's
	// API version.
	Upstream *url.URL
	Version  string
	// Service is the backend's service, as [Transport.To] names it. Project is the
	// caller's.
	Service, Project string
	// Base is the gateway's own URL. Links in the answer begin with it.
	Base string
	// RequestID is the gateway's request id.
	RequestID string
	// Check inspects an answer before anything is written. Forward returns its error. nil
	// accepts every answer.
	Check func(*http.Response) error
}

// Forward sends r, whose path begins with /v2/ or /v3/, to the upstream. It streams both
// bodies unchanged, except that links to the upstream become links to the gateway. It drops
// headers that must not pass. An error means that nothing has been written. Forward panics
// with [http.ErrAbortHandler] if the answer breaks off later.
func (t *Transport) Forward(w http.ResponseWriter, r *http.Request, f Forwarding) error {
	asked, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/v"), "/")
	var failed error
	proxy := httputil.ReverseProxy{
		Transport: t,
		ErrorLog:  log.New(io.Discard, "", 0), // the gateway logs broken answers itself
		// Flush at once, so that slow answers reach the client piece by piece.
		FlushInterval: -1,
		BufferPool:    &t.buffers,
		Rewrite: func(p *httputil.ProxyRequest) {
			u := *f.Upstream
			u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") + "/v" + f.Version + "/" + rest
			u.Path = strings.TrimSuffix(u.Path, "/") + "/v" + f.Version + "/" + strings.TrimPrefix(r.URL.Path, "/v"+asked+"/")
			u.RawQuery = r.URL.RawQuery
			p.Out.URL, p.Out.Host = &u, u.Host
			p.Out = target{f.Service, f.Project, true}.of(p.Out)
			keepHeaders(p.Out.Header, requestHeaders)
			p.Out.Header.Set("X-Openstack-Request-Id", f.RequestID)
			if asked != "3" || f.Version != "3" {
				p.Out.Header.Del("Openstack-Api-Version") // v2 has none
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			if f.Check != nil {
				if err := f.Check(resp); err != nil {
					return err
				}
			}
			if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
				return driver.Errorf(driver.Unavailable, "Backend %s answered in an encoding that it was not asked for.", t.name)
			}
			for _, name := range hiddenHeaders {
				resp.Header.Del(name)
			}
			// The upstream's ids replace the gateway's, which moves to its own header.
			if resp.Header.Get("X-Openstack-Request-Id") != "" || resp.Header.Get("X-Compute-Request-Id") != "" {
				w.Header().Del("X-Openstack-Request-Id")
				w.Header().Del("X-Compute-Request-Id")
			}
			resp.Header.Set(gatewayRequestID, f.RequestID)
			if asked == "2" {
				resp.Header.Del("Openstack-Api-Version")
				resp.Header.Del("Vary")
			}
			return f.relink(resp, asked)
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	proxy.ServeHTTP(w, r)
	return t.Classify(failed)
}

// buffers is a pool of buffers for copying answers.
type buffers struct{ pool sync.Pool }

// copyBuffer is the size of one buffer, in bytes.
const copyBuffer = 32 << 10

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, copyBuffer)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put(&buffer) }

// smallBody is the largest body, in bytes, that relink reads whole so that it can set
// Content-Length.
const smallBody = 64 << 10

// relink rewrites links and Location in an answer.
func (f Forwarding) relink(resp *http.Response, asked string) error {
	upstream := strings.TrimSuffix(f.Upstream.String(), "/")
	replace := []string{upstream + "/", f.Base + "/"}
	if asked != f.Version {
		replace = append([]string{upstream + "/v" + f.Version + "/", f.Base + "/v" + asked + "/"}, replace...)
	}
	if at := resp.Header.Get("Location"); at != "" {
		resp.Header.Set("Location", strings.NewReplacer(replace...).Replace(at))
	}
	if !strings.Contains(resp.Header.Get("Content-Type"), "json") || resp.ContentLength == 0 || upstream == f.Base {
		return nil
	}
	if resp.ContentLength > 0 && resp.ContentLength <= smallBody {
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		body := string(text)
		if strings.Contains(body, upstream+"/") {
			body = strings.NewReplacer(replace...).Replace(body)
		}
		resp.Body = readCloser{strings.NewReader(body), resp.Body}
		resp.ContentLength = int64(len(body))
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	resp.Body = readCloser{newReplacer(resp.Body, replace), resp.Body}
	resp.ContentLength = -1
	resp.Header.Del("Content-Length")
	return nil
}

type readCloser struct {
	io.Reader
	io.Closer
}
