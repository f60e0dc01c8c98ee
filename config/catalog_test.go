package config

import (
	"strings"
	"testing"
)

// Every mistake in the catalogue is reported with its key.
func TestCatalogIsChecked(t *testing.T) {
	_, err := Load(file(t, `data: /d
identity:
  catalog:
    - {type: object-store, name: swift, url: "https://swift.example.com/v1/AUTH_$(tenant_id)s"}
    - {name: x, url: "http://x"}
    - {type: object-store, url: "http://x"}
    - {type: dns, name: designate, url: "ftp://%(project_id)s"}
    - {type: share, name: manila, url: "http://manila/%(other)s"}
`), nil)
	for _, want := range []string{
		"identity.catalog[1].type: must not be empty", `identity.catalog[2].type: "object-store" is there twice`,
		"identity.catalog[2].name: must not be empty", "identity.catalog[3].url:", "identity.catalog[4].url:",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "catalog[0]") {
		t.Errorf("%v", err)
	}
}
