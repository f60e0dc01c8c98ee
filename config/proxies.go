package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Proxies are the networks of the trusted proxies; an address is a network of one.
func (h *HTTP) Proxies() ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range h.TrustedProxies {
		if address, err := netip.ParseAddr(text); err == nil {
			networks = append(networks, netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
