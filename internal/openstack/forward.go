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

// gatewayRequestID tells the gateway's id of a request whose answer carries the
// upstream's under the usual names.
const gatewayRequestID = "X-Cindergate-Request-Id"

// Forwarding is how a request is handed on to a backend that speaks the Block
// Storage API.
type Forwarding struct {
	// Upstream is the backend's URL without version; Version, 2 or 3, is spoken to it.
	Upstream *url.URL
	Version  string
	// Service is the backend's service, as [Transport.To] names it, and Project the
	// caller's.
	Service, Project string
	// Base is the gateway's own URL, with which links in the answer begin.
	Base string
	// RequestID is the gateway's.
	RequestID string
	// Check looks at an answer before anything of it is written; its error is
	// Forward's. nil: every answer goes on as it is.
	Check func(*http.Response) error
}

// Forward hands on r, whose path begins with /v2/ or /v3/: bytes both ways as they
// come, except for links to the upstream, which lead to the gateway, and for headers that
// are the gateway's business. An error means that nothing has been written. It panics
// with [http.ErrAbortHandler] if the answer breaks off later.
func (t *Transport) Forward(w http.ResponseWriter, r *http.Request, f Forwarding) error {
	asked, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/v"), "/")
	var failed error
	proxy := httputil.ReverseProxy{
		Transport: t,
		ErrorLog:  log.New(io.Discard, "", 0), // the gateway logs answers that break off
		// Answers that come bit by bit go on bit by bit.
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
			// The upstream's ids, if it has any, replace the gateway's, which moves aside.
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

// buffers lends what answers are copied through.
type buffers struct{ pool sync.Pool }

// copyBuffer is the size of such a buffer, in bytes.
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

// smallBody is up to where a body is read before it is sent on, in bytes, so that
// its length can be told.
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
