package config

import "strings"

// Policies are backup policies that the operator defines (docs/policies.md).
type Policies struct {
	// Named are those that volumes and types can ask for, by name: in the words of the metadata
	// cindergate:backup.
	Named map[string]string `mapstructure:"named"`
	// Default is the name of the policy of volumes that say nothing; "": none.
	Default string `mapstructure:"default"`
	// Projects are the names of the policies of projects, by id; "off": none.
	Projects map[string]string `mapstructure:"projects"`
	// Remote says how the policies of volumes at remote backends are followed; see [PolicyLogin].
	Remote RemotePolicies `mapstructure:"remote"`
}

func (p *Policies) validate(bad problem) {
	check := func(key, name string) {
		if _, known := p.Named[strings.ToLower(name)]; !known && name != "" && name != "off" {
			bad(key, "policies.named has no %q", name)
		}
	}
	for name := range p.Named {
		if name == "off" || len(name) > 255 || strings.TrimSpace(name) != name || name == "" {
			bad("policies.named."+name, "a name has 1 to 255 bytes, neither begins nor ends with a blank, and is not off")
		}
	}
	check("policies.default", p.Default)
	p.Remote.validate("policies.remote", bad)
	for project, name := range p.Projects {
		check("policies.projects."+project, name)
	}
}
