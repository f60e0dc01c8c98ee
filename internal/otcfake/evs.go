package otcfake

import (
	"net/http"
	"slices"
)

func (c *Cloud) routeEVS() {
	for _, pattern := range []string{"GET /evs/{$}", "GET /evs"} {
		c.open(pattern, func(k *call) answer {
			versions := []object{}
			for _, v := range []struct{ id, status, latest string }{
				{"v1.0", "SUPPORTED", ""}, {"v2.0", "SUPPORTED", ""}, {"v3.0", "CURRENT", "3.50"},
			} {
				least := ""
				if v.latest != "" {
					least = "3.0"
				}
				versions = append(versions, object{
					"id": v.id, "status": v.status, "version": v.latest, "min_version": least, "updated": "2016-11-01T00:00:00Z",
					"links": []object{{"rel": "self", "href": k.base() + "/evs/" + v.id[:2] + "/"}},
				})
			}
			return answer{status: http.StatusMultipleChoices, body: object{"versions": versions}}
		})
	}
	c.serve("GET /evs/v1/{project}/jobs/{id}", c.showJob("evs"))
	c.serve("POST /evs/v2/{project}/cloudvolumes", c.createCloudVolume(false))
	if c.o.Dialect == Huawei {
		c.serve("POST /evs/v2.1/{project}/cloudvolumes", c.createCloudVolume(true))
		c.serve("GET /evs/v2/{project}/cloudvolumes/{id}", c.showCloudVolume)
	} else {
		c.serve("GET /evs/v2/{project}/os-vendor-volumes/{id}", c.showCloudVolume)
	}
	for _, version := range []string{"v2", "v3"} {
		root := "/evs/" + version + "/{project}"
		c.serve("GET "+root+"/os-quota-sets/{id}", c.evsQuotas)
		c.serve("GET "+root+"/limits", c.evsLimits)
		c.serve("GET "+root+"/types", func(*call) answer { return ok(object{"volume_types": c.types()}) })
		c.serve("GET "+root+"/types/{id}", c.evsType)
		c.serve("GET "+root+"/os-availability-zone", func(*call) answer {
			zones := []object{}
			for _, zone := range c.o.Zones {
				zones = append(zones, object{"zoneName": zone, "zoneState": object{"available": true}})
			}
			return ok(object{"availabilityZoneInfo": zones})
		})
	}
}

// typeNames returns the disk types. Huawei has two more than OTC.
func (c *Cloud) typeNames() []string {
	names := []string{"SSD", "SAS", "SATA", "GPSSD", "ESSD"}
	if c.o.Dialect == Huawei {
		names = append(names, "GPSSD2", "ESSD2")
	}
	return names
}

func (c *Cloud) types() []object {
	all := []object{}
	for i, name := range c.typeNames() {
		all = append(all, object{
			"id": "6c81c680-df58-4512-81e7-ecf66d16063" + decimal(i), "name": name, "description": nil, "is_public": true,
			"extra_specs": object{"volume_backend_name": name, "availability-zone": c.o.Zones[0]}, "qos_specs_id": nil,
		})
	}
	return all
}

func (c *Cloud) evsType(k *call) answer {
	for _, t := range c.types() {
		if t["id"] == k.id() || t["name"] == k.id() {
			return ok(object{"volume_type": t})
		}
	}
	return native(notFound, "The volume type could not be found.")
}

// use returns a project's use of each quota.
func (c *Cloud) use(projectID string) map[string]int {
	use := map[string]int{"volumes": 0, "gigabytes": 0, "snapshots": 0}
	for _, v := range of(c.volumes, projectID) {
		use["volumes"]++
		use["gigabytes"] += v.SizeGiB
	}
	for _, s := range of(c.snapshots, projectID) {
		use["snapshots"]++
		use["gigabytes"] += s.SizeGiB
	}
	use["backups"], use["backup_gigabytes"] = c.backupUse(projectID)
	return use
}

func (c *Cloud) evsQuotas(k *call) answer {
	if k.id() != k.project {
		return native(forbidden, "The quotas are another project's.")
	}
	set := object{"id": k.project, "per_volume_gigabytes": object{"reserved": 0, "limit": -1, "in_use": 0}}
	for name, n := range c.use(k.project) {
		set[name] = object{"reserved": 0, "limit": c.o.limit(name), "in_use": n}
	}
	if k.query("usage") != "True" && k.query("usage") != "true" {
		for name, value := range set {
			if quota, isQuota := value.(object); isQuota {
				set[name] = quota["limit"]
			}
		}
	}
	return ok(object{"quota_set": set})
}

func (c *Cloud) evsLimits(k *call) answer {
	use := c.use(k.project)
	return ok(object{"limits": object{"rate": []object{}, "absolute": object{
		"maxTotalVolumes": c.o.limit("volumes"), "maxTotalVolumeGigabytes": c.o.limit("gigabytes"), "maxTotalSnapshots": c.o.limit("snapshots"),
		"maxTotalBackups": c.o.limit("backups"), "maxTotalBackupGigabytes": c.o.limit("backup_gigabytes"),
		"totalVolumesUsed": use["volumes"], "totalGigabytesUsed": use["gigabytes"], "totalSnapshotsUsed": use["snapshots"],
		"totalBackupsUsed": use["backups"], "totalBackupGigabytesUsed": use["backup_gigabytes"],
	}}})
}

// roomFor returns the code for volumes beyond the quota, "" if there is room.
func (c *Cloud) roomFor(projectID string, volumes, sizeGiB int) string {
	use := c.use(projectID)
	if limit := c.o.limit("volumes"); limit >= 0 && use["volumes"]+volumes > limit {
		return "EVS.1034"
	}
	if limit := c.o.limit("gigabytes"); limit >= 0 && use["gigabytes"]+sizeGiB > limit {
		return "EVS.1042"
	}
	return ""
}

func (c *Cloud) isZone(name string) bool { return slices.Contains(c.o.Zones, name) }
