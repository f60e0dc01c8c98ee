package config

import (
	"strings"
	"testing"
)

func TestPolicies(t *testing.T) {
	c, err := Load(file(t, `data: /d
policies:
  named: {Gold: "daily 02:30"}
  default: Gold
  projects: {abc: off}`), nil)
	must(t, err)
	if c.Policies.Named["gold"] != "daily 02:30" || c.Policies.Default != "Gold" {
		t.Errorf("%+v", c.Policies)
	}
	for text, key := range map[string]string{
		"policies: {default: gold}":                                  "policies.default",
		"policies: {projects: {abc: gold}}":                          "policies.projects.abc",
		"policies: {named: {off: hourly}}":                           "policies.named.off",
		"policies: {named: {gold: hourly}, projects: {abc: Silver}}": "policies.projects.abc",
	} {
		if _, err := Load(file(t, "data: /d\n"+text), nil); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
