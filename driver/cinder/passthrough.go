package cinder

import (
	"context"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"

	"cindergate/driver"
)

// gatewayRequestID tells the gateway's id of a request whose answer carries the
// upstream's under the usual names.
const gatewayRequestID = "X-Cindergate-Request-Id"

// Forward implements driver.Passthrough: bytes both ways as they come, except for
// links to the upstream, which lead to the gateway.
func (d *Driver) Forward(w http.ResponseWriter, r *http.Request, who driver.Caller, base string) error {
	v, err := d.version(r.Context())
	if err != nil {
		return err
	}
	asked, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/v"), "/")
	spoken := strconv.Itoa(v.major)
	var failed error
	proxy := httputil.ReverseProxy{
		Transport: d.http,
		// Answers that come bit by bit go on bit by bit.
		FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			u := *d.base
			u.RawPath = strings.TrimSuffix(d.base.EscapedPath(), "/") + "/v" + spoken + "/" + rest
			u.Path = strings.TrimSuffix(d.base.Path, "/") + "/v" + spoken + "/" + strings.TrimPrefix(r.URL.Path, "/v"+asked+"/")
			u.RawQuery = r.URL.RawQuery
			p.Out.URL, p.Out.Host = &u, u.Host
			p.Out.Header.Set("X-Openstack-Request-Id", who.RequestID)
			if asked != "3" || spoken != "3" {
				p.Out.Header.Del("Openstack-Api-Version") // v2 has none
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			// The upstream's ids replace the gateway's, which moves aside.
			for _, name := range []string{"X-Openstack-Request-Id", "X-Compute-Request-Id"} {
				w.Header().Del(name)
			}
			resp.Header.Set(gatewayRequestID, who.RequestID)
			if asked == "2" {
				resp.Header.Del("Openstack-Api-Version")
				resp.Header.Del("Vary")
			}
			return d.relink(resp, asked, spoken, base)
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	proxy.ServeHTTP(w, r)
	return d.http.Classify(failed)
}

// smallBody is up to where a body is read before it is sent on, in bytes, so that
// its length can be told.
const smallBody = 64 << 10

// relink rewrites links and Location in an answer.
func (d *Driver) relink(resp *http.Response, asked, spoken, base string) error {
	upstream := d.base.String()
	replace := []string{upstream + "/", base + "/"}
	if asked != spoken {
		replace = append([]string{upstream + "/v" + spoken + "/", base + "/v" + asked + "/"}, replace...)
	}
	if at := resp.Header.Get("Location"); at != "" {
		resp.Header.Set("Location", strings.NewReplacer(replace...).Replace(at))
	}
	if !strings.Contains(resp.Header.Get("Content-Type"), "json") || resp.ContentLength == 0 || upstream == base {
		return nil
	}
	if resp.ContentLength > 0 && resp.ContentLength <= smallBody {
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		body := strings.NewReplacer(replace...).Replace(string(text))
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

// MaxMicroversion implements driver.Versioner.
func (d *Driver) MaxMicroversion(ctx context.Context) (int, error) {
	v, err := d.version(ctx)
	return v.minor, err
}

var _ driver.Versioner = (*Driver)(nil)
