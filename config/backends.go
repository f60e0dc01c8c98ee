package config

import "net/url"

// problem makes the error that a key breaks a rule.
type problem func(key, format string, args ...any)

func (c *Config) validateBackends(bad problem) {
	embedded := 0
	for name, b := range c.Backends {
		key := "backends." + name
		if b.Copies != nil {
			b.Copies.validate(name, b.Driver, bad)
			if !c.Embeds() {
				bad(key+".copies", "no backend has the driver %s: nothing would be copied", DriverEmbedded)
			}
		}
		if b.Policies != nil {
			b.Policies.validate(name, &b, bad)
		}
		switch b.Driver {
		case DriverEmbedded:
			embedded++
		case DriverCinder:
			b.Cinder.validate(key+".cinder", bad)
		case DriverVBS:
			b.VBS.validate(key+".vbs", bad)
		case DriverCBR:
			b.CBR.validate(key+".cbr", bad)
		default:
			checkOneOf(key+".driver", b.Driver, bad, DriverEmbedded, DriverCinder, DriverVBS, DriverCBR)
		}
	}
	if embedded > 1 {
		bad("backends", "only one can have the driver %s: it owns the data directory", DriverEmbedded)
	}
	if _, ok := c.Backends[c.DefaultBackend]; !ok {
		bad("default_backend", "%q is none of the backends", c.DefaultBackend)
	}
	for project, name := range c.Projects {
		if _, ok := c.Backends[name]; !ok {
			bad("projects."+project, "%q is none of the backends", name)
		}
	}
}

func (k *Keystone) validate(bad problem) {
	checkURL("keystone.url", k.URL, bad)
	for key, empty := range map[string]bool{
		"keystone.username": k.Username == "", "keystone.password": k.Password == "", "keystone.project": k.Project == "",
	} {
		if empty {
			bad(key, "must not be empty: the gateway validates tokens as this user")
		}
	}
	if k.CacheSize < 1 {
		bad("keystone.cache_size", "%d is less than 1", k.CacheSize)
	}
	if len(k.ServiceTypes) == 0 {
		bad("keystone.service_types", "must not be empty")
	}
	if k.MaxAnswer < minAnswer {
		bad("keystone.max_answer", "%d bytes is less than %d", k.MaxAnswer, minAnswer)
	}
	for key, d := range map[string]int64{
		"keystone.cache_time": int64(k.CacheTime), "keystone.reject_time": int64(k.RejectTime), "keystone.timeout": int64(k.Timeout),
	} {
		if d <= 0 {
			bad(key, "must be more than 0")
		}
	}
}

func checkURL(key, value string, bad problem) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		bad(key, "%q is not an http or https URL", value)
	}
}
