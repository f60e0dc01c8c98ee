package config

import (
	"slices"
	"time"
)

// Dialects of backends on Huawei's services.
const (
	DialectOTC    = "otc"
	DialectHuawei = "huawei"
)

// None as the URL of a service disables that service.
const None = "none"

// OTC is what backends on Open Telekom Cloud and Huawei Cloud have in common.
type OTC struct {
	// Dialect is otc or huawei.
	Dialect string `mapstructure:"dialect"`
	// URL is the endpoint of the backup service; "" takes it from the catalogue.
	URL string `mapstructure:"url"`
	// EVSURL is the endpoint of EVS, which has the volumes; none disables it.
	EVSURL string `mapstructure:"evs_url"`
	// IdentityURL is the identity service that has the catalogue, with /v3; "" is the
	// keystone section's. Region is which endpoints of it, "" the first.
	IdentityURL string `mapstructure:"identity_url"`
	Region      string `mapstructure:"region"`
	// FullBackup says when backups are full: always, on-request (unless the client asks
	// for incremental) or never.
	FullBackup string `mapstructure:"full_backup"`
	// RestoreVolumeType is the type of a volume made of a backup whose volume is gone.
	RestoreVolumeType string `mapstructure:"restore_volume_type"`
	// IDTimeout bounds the wait for the id of something new.
	IDTimeout  time.Duration `mapstructure:"id_timeout"`
	Connection `mapstructure:",squash"`
}

// idTimeout is the default of id_timeout: less than clients wait.
const idTimeout = "45s"

func (o *OTC) complete(keystone *Keystone) {
	setDefault(&o.Dialect, DialectOTC)
	setDefault(&o.IdentityURL, keystone.URL)
	setDefault(&o.FullBackup, "on-request")
}

func (o *OTC) validate(key string, bad problem) {
	checkOneOf(key+".dialect", o.Dialect, bad, DialectOTC, DialectHuawei)
	checkOneOf(key+".full_backup", o.FullBackup, bad, "always", "on-request", "never")
	if o.IdentityURL != "" {
		checkURL(key+".identity_url", o.IdentityURL, bad)
	}
	o.endpoint(key+".url", o.URL, bad)
	o.endpoint(key+".evs_url", o.EVSURL, bad, None)
	checkTime(key+".id_timeout", o.IDTimeout, bad)
	o.Connection.validate(key, bad)
}

func (o *OTC) endpoint(key, url string, bad problem, words ...string) {
	switch {
	case slices.Contains(words, url):
	case url != "":
		checkURL(key, url, bad)
	case o.IdentityURL == "":
		bad(key, "must not be empty where neither identity_url nor keystone.url names a catalogue")
	}
}

// VBS is a backend with the driver vbs.
type VBS struct {
	OTC `mapstructure:",squash"`
	// Native is the version of the native API that backups are read by: v2, or v3, which
	// only otc has.
	Native string `mapstructure:"native"`
}

func (v *VBS) complete(keystone *Keystone) {
	v.OTC.complete(keystone)
	setDefault(&v.Native, "v2")
}

func (v *VBS) validate(key string, bad problem) {
	v.OTC.validate(key, bad)
	checkOneOf(key+".native", v.Native, bad, "v2", "v3")
	if v.Dialect == DialectHuawei {
		if v.Native == "v3" {
			bad(key+".native", "v3 is of dialect %s only", DialectOTC)
		}
		if v.FullBackup == "always" {
			bad(key+".full_backup", "always is of dialect %s only: Huawei's VBS decides itself", DialectOTC)
		}
	}
}

// setDefault fills in what is not set.
func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}
