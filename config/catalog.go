package config

import (
	"fmt"
	"strings"
)

func (i *Identity) validateCatalog(bad problem) {
	seen := map[string]bool{}
	for n, entry := range i.Catalog {
		key := fmt.Sprintf("identity.catalog[%d]", n)
		if entry.Type == "" {
			bad(key+".type", "must not be empty")
		} else if seen[entry.Type] {
			bad(key+".type", "%q is there twice", entry.Type)
		}
		seen[entry.Type] = true
		if entry.Name == "" {
			bad(key+".name", "must not be empty")
		}
		// The places for the project's id are no part of a URL yet.
		checkURL(key+".url", projectMarks.Replace(entry.URL), bad)
	}
}

var projectMarks = strings.NewReplacer("%(project_id)s", "p", "%(tenant_id)s", "p", "$(project_id)s", "p", "$(tenant_id)s", "p")
