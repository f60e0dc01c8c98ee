package otcfake

import (
	"net/http"
	"time"
	"unicode/utf8"
)

func (c *Cloud) routeCBR() {
	for _, pattern := range []string{"GET /cbr/{$}", "GET /cbr"} {
		c.open(pattern, func(k *call) answer {
			return answer{status: http.StatusMultipleChoices, body: object{"versions": []object{{
				"id": "v3", "status": "CURRENT", "links": []object{{"rel": "self", "href": k.base() + "/cbr/v3/"}},
			}}}}
		})
	}
	const root = "/cbr/v3/{project}"
	c.serve("POST "+root+"/vaults", c.createVault)
	c.serve("GET "+root+"/vaults", c.listVaults)
	c.serve("GET "+root+"/vaults/{id}", c.showVault)
	c.serve("PUT "+root+"/vaults/{id}", c.updateVault)
	c.serve("DELETE "+root+"/vaults/{id}", c.deleteVault)
	c.serve("POST "+root+"/vaults/{id}/addresources", c.addResources)
	c.serve("POST "+root+"/vaults/{id}/removeresources", c.removeResources)
	c.serve("POST "+root+"/checkpoints", c.createCheckpoint)
	c.serve("GET "+root+"/checkpoints/{id}", c.showCheckpoint)
	c.serve("GET "+root+"/backups", c.listBackups)
	c.serve("GET "+root+"/backups/{id}", c.showBackup)
	c.serve("DELETE "+root+"/backups/{id}", c.deleteBackup)
	c.serve("POST "+root+"/backups/{id}/restore", c.restoreBackup)
	c.serve("GET "+root+"/operation-logs", c.listOperations)
	c.serve("GET "+root+"/operation-logs/{id}", c.showOperation)
	if c.o.Dialect == Huawei {
		c.serve("PUT "+root+"/backups/{id}", c.renameBackup)
	}
}

// cbrTime formats a time with a zone, as OTC's CBR does, or without, as Huawei's does
// (recorded). It returns "" for the zero time.
func (c *Cloud) cbrTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if c.o.Dialect == Huawei {
		return nativeTime(t)
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000-07:00")
}

// description reports whether text can be a description of CBR. Only Huawei's reference
// refuses < and >.
func (c *Cloud) description(text string, most int) bool {
	return utf8.RuneCountInString(text) <= most && (c.o.Dialect == OTC || describable(text, most))
}

// enterpriseProject returns "0" for Huawei, and 0 as in OTC's examples.
func (c *Cloud) enterpriseProject() any { return c.number(0, c.o.Dialect == Huawei) }

// number returns n as a number or a string. text is whether it is a string without the trap
// TextNumbers.
func (c *Cloud) number(n int, text bool) any {
	if text != c.traps.TextNumbers {
		return decimal(n)
	}
	return n
}

// The types of resources, and the documented ids of their providers.
const (
	volumeResource = "OS::Cinder::Volume"
	serverResource = "OS::Nova::Server"
	volumeProvider = "d1603440-187d-4516-af25-121250c7cc97"
	serverProvider = "0daac4c5-6707-4851-97ba-169e36266b66"
)
