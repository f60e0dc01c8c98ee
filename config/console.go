package config

import (
	"net"
	"net/netip"
)

// Values of the setting ui: who may use the console.
const (
	ConsoleAuto   = "auto"
	ConsoleOff    = "off"
	ConsoleTenant = "tenant" // everybody, each in one project
	ConsoleAdmin  = "admin"  // only admins
	ConsoleAll    = "all"    // everybody; an admin sees all projects
)

// Console returns who may use the console, and never auto. auto is all if nobody but this machine
// reaches the gateway. A gateway on loopback with a public URL or trusted proxies is behind a proxy.
func (c *Config) Console() string {
	if c.UI != ConsoleAuto {
		return c.UI
	}
	if c.PublicURL == "" && len(c.HTTP.TrustedProxies) == 0 && isLoopback(c.Listen) {
		return ConsoleAll
	}
	return ConsoleOff
}

// validateWire refuses requests that are recorded and that nobody can look at.
func (c *Config) validateWire(bad func(key, format string, args ...any)) {
	if !c.UIWire {
		return
	}
	switch c.Console() {
	case ConsoleOff:
		bad("ui_wire", "needs the console: set ui to %s or %s", ConsoleAdmin, ConsoleAll)
	case ConsoleTenant:
		bad("ui_wire", "only admins see requests, and with ui %s nobody is one: set ui to %s or %s", ConsoleTenant, ConsoleAdmin, ConsoleAll)
	}
}

// isLoopback reports whether only this machine reaches an address of the form host:port.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
