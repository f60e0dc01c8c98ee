package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The console is there without a setting only where nobody but this machine reaches the gateway.
func TestConsole(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       ConsoleAll,
		"listen: '[::1]:8776'":                   ConsoleAll,
		"listen: localhost:1":                    ConsoleAll,
		"listen: :8776":                          ConsoleOff,
		"listen: 0.0.0.0:8776":                   ConsoleOff,
		"listen: 10.0.0.1:8776":                  ConsoleOff,
		"listen: example.com:1":                  ConsoleOff,
		"public_url: https://volume.example.com": ConsoleOff,
		"http: {trusted_proxies: [127.0.0.1]}":   ConsoleOff,
		"ui: off":                                ConsoleOff,
		"listen: :8776\nui: tenant":              ConsoleTenant,
		"listen: :8776\nui: admin":               ConsoleAdmin,
		"public_url: https://a.example\nui: all": ConsoleAll,
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte("data: /d\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, nil)
		if err != nil || c.Console() != want {
			t.Errorf("%q: %q, %v; want %q", text, c.Console(), err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "c.yaml")
	for text, want := range map[string]string{
		"ui_wire: true": "", "ui: admin\nui_wire: true": "", "ui: off": "", "ui: tenant\nui_wire: false": "",
		"ui: off\nui_wire: true":       "ui_wire: needs the console: set ui to admin or all",
		"listen: :8776\nui_wire: true": "ui_wire: needs the console: set ui to admin or all",
		"ui: tenant\nui_wire: true":    "ui_wire: only admins see requests",
	} {
		if err := os.WriteFile(path, []byte("data: /d\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, nil); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := os.WriteFile(path, []byte("data: /d\nui: everybody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, nil); err == nil || !strings.Contains(err.Error(), "ui: \"everybody\" is none of") {
		t.Errorf("a value that is none: %v", err)
	}
}
