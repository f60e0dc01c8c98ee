package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Proxies are the networks of proxies that are believed what they say of their clients.
type Proxies []netip.Prefix

// trusts tells whether an address, with or without a port, is a proxy's.
func (p Proxies) trusts(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip, err := netip.ParseAddr(strings.TrimSpace(host))
	return err == nil && slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(ip.Unmap()) })
}

// Client is the address of the client, without its port: the last one in X-Forwarded-For
// that is no proxy's, if the request comes from a proxy.
func (p Proxies) Client(r *http.Request) string {
	client := r.RemoteAddr
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for p.trusts(client) && len(forwarded) > 0 {
		last := strings.TrimSpace(forwarded[len(forwarded)-1])
		if last == "" {
			break
		}
		client, forwarded = last, forwarded[:len(forwarded)-1]
	}
	if host, _, err := net.SplitHostPort(client); err == nil {
		return host
	}
	return client
}

// hostPort is what a host may look like in a URL.
var hostPort = regexp.MustCompile(`^([0-9A-Za-z._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// BaseURL returns how a server's own URL is found, before the version: publicURL, or else
// what the client of the request used. Only the proxies' X-Forwarded-Host and -Proto are
// believed.
func BaseURL(publicURL string, proxies Proxies) func(*http.Request) string {
	if publicURL != "" {
		return func(*http.Request) string { return strings.TrimSuffix(publicURL, "/") }
	}
	return func(r *http.Request) string {
		scheme, host := "http://", r.Host
		if r.TLS != nil {
			scheme = "https://"
		}
		if len(proxies) > 0 && proxies.trusts(r.RemoteAddr) {
			switch last(r.Header.Values("X-Forwarded-Proto")) {
			case "https":
				scheme = "https://"
			case "http":
				scheme = "http://"
			}
			// Cinder takes the last of several (get_request_url of cinder/api/common.py).
			if forwarded := last(r.Header.Values("X-Forwarded-Host")); hostPort.MatchString(forwarded) {
				host = forwarded
			}
		}
		if !hostPort.MatchString(host) {
			if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
				host = at.String()
			}
		}
		return scheme + host
	}
}

// last is the last of a header's values, which commas separate as well.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	v := values[len(values)-1]
	return strings.TrimSpace(v[strings.LastIndexByte(v, ',')+1:])
}
