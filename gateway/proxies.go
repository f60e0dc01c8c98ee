package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Proxies are the networks of trusted proxies. The gateway believes their X-Forwarded
// headers.
type Proxies []netip.Prefix

// trusts reports whether an address, with or without a port, is that of a trusted proxy.
func (p Proxies) trusts(address string) bool {
	ip, err := netip.ParseAddr(hostOf(address))
	return err == nil && slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(ip.Unmap()) })
}

// hostOf returns an address without its port, and without the brackets of IPv6.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
}

// Client returns whom a request counts for where clients are bounded: the client's IPv4 address,
// or the network of 64 bits of its IPv6 address, all of which one subscriber has (RFC 6177). If
// the request comes from a trusted proxy, the client is the last one in X-Forwarded-For that is
// not a trusted proxy.
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
	client = hostOf(client)
	ip, err := netip.ParseAddr(client)
	if err != nil {
		return client
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, subscriberBits).Masked().String()
}

// subscriberBits is the length of the IPv6 networks that count as one client.
const subscriberBits = 64

// hostPort matches a host, with or without a port, as it may appear in a URL.
var hostPort = regexp.MustCompile(`^([0-9A-Za-z._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// BaseURL returns a function that finds a server's own URL, without the version. It is
// publicURL if set, else the URL that the client used. X-Forwarded-Host and -Proto count
// only if a trusted proxy sent them.
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
			// Cinder uses the last of several values (get_request_url of
			// cinder/api/common.py).
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

// last returns the last of a header's values. Commas separate values, too.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	v := values[len(values)-1]
	return strings.TrimSpace(v[strings.LastIndexByte(v, ',')+1:])
}
