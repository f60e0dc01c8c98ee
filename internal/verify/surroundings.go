package verify

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

var surroundingCases = []Case{
	{
		Name: "limits", Capability: "limits", Level: ReadOnly,
		Rule:   "The limits of a project have those of backups and what is used of them.",
		Source: "cinder/api/v3/limits.py:LimitsController.index, cinder/api/contrib/used_limits.py",
		Run: func(x *X) {
			a := x.get("/limits").is(http.StatusOK)
			a.list("limits.rate")
			for _, k := range []string{"maxTotalBackups", "maxTotalBackupGigabytes", "totalBackupsUsed", "totalBackupGigabytesUsed"} {
				a.number("limits.absolute." + k)
			}
		},
	},
	{
		Name: "limits-of-volumes", Capability: "limits", Level: ReadOnly,
		Rule:   "The limits of a project have those of volumes and snapshots and what is used of them.",
		Source: "cinder/api/views/limits.py:ViewBuilder._build_absolute_limits, cinder/api/contrib/used_limits.py",
		Run: func(x *X) {
			a := x.get("/limits").is(http.StatusOK)
			for _, k := range []string{"maxTotalVolumes", "maxTotalVolumeGigabytes", "maxTotalSnapshots", "totalVolumesUsed", "totalGigabytesUsed", "totalSnapshotsUsed"} {
				a.number("limits.absolute." + k)
			}
		},
	},
	{
		Name: "quota-set", Capability: "quota sets", Level: ReadOnly,
		Rule:   "The quotas of the own project have backups and backup_gigabytes.",
		Source: "cinder/api/contrib/quotas.py:QuotaSetsController.show",
		Run: func(x *X) {
			a := x.get("/os-quota-sets/" + x.project()).is(http.StatusOK)
			for _, k := range []string{"volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes", "per_volume_gigabytes"} {
				a.number("quota_set." + k)
			}
			a.equal("quota_set.id", x.project())
		},
	},
	{
		Name: "quota-set-usage", Capability: "quota sets", Level: ReadOnly,
		Rule:   "With usage=True each quota has limit, in_use and reserved.",
		Source: "cinder/api/contrib/quotas.py:QuotaSetsController._get_quotas",
		Run: func(x *X) {
			a := x.get("/os-quota-sets/" + x.project() + "?usage=True").is(http.StatusOK)
			for _, k := range []string{"limit", "in_use", "reserved"} {
				a.number("quota_set.backups." + k)
			}
		},
	},
	{
		Name: "quota-set-defaults", Capability: "quota sets", Level: ReadOnly,
		Rule:   "The default quotas can be read.",
		Source: "cinder/api/contrib/quotas.py:QuotaSetsController.defaults",
		Run: func(x *X) {
			x.get("/os-quota-sets/" + x.project() + "/defaults").is(http.StatusOK).number("quota_set.backups")
		},
	},
	{
		Name: "quota-set-of-others", Capability: "quota sets", Level: ReadOnly, Member: true,
		Rule:   "A member may not see the quotas of another project: it is 403.",
		Source: "cinder/quota_utils.py, cinder/context.py:authorize_project_context",
		Run: func(x *X) {
			x.get("/os-quota-sets/00000000000000000000000000000000").fault(http.StatusForbidden)
		},
	},
	{
		Name: "availability-zones", Capability: "availability zones", Level: ReadOnly,
		Rule:   "Each availability zone has a name and says whether it is available.",
		Source: "cinder/api/views/availability_zones.py:ViewBuilder.list",
		Run: func(x *X) {
			a := x.get("/os-availability-zone").is(http.StatusOK)
			for i := range a.list("availabilityZoneInfo") {
				zone := "availabilityZoneInfo." + strconv.Itoa(i)
				a.str(zone + ".zoneName")
				a.boolean(zone + ".zoneState.available")
			}
			x.expect(len(a.list("availabilityZoneInfo")) > 0, a, "at least one zone", "none")
		},
	},
	{
		Name: "types", Capability: "volume types", Level: ReadOnly,
		Rule:   "Each volume type has an id, a name and says whether it is public.",
		Source: "cinder/api/views/types.py:ViewBuilder.show",
		Run: func(x *X) {
			a := x.get("/types").is(http.StatusOK)
			for i := range a.list("volume_types") {
				kind := "volume_types." + strconv.Itoa(i)
				a.str(kind + ".id")
				a.str(kind + ".name")
				a.boolean(kind + ".is_public")
			}
		},
	},
	{
		Name: "type-unknown", Capability: "volume types", Level: ReadOnly,
		Rule:   "A volume type that does not exist is 404.",
		Source: "cinder/exception.py:VolumeTypeNotFound",
		Run:    refusesGet("/types/"+nowhere, http.StatusNotFound, nowhere),
	},
	{
		Name: "resource-filters", Capability: "resource filters", Level: ReadOnly, From: "3.33",
		Rule:   "The filters of backups are listed; name, status and volume_id are among them.",
		Source: "cinder/api/v3/resource_filters.py:ResourceFiltersController.index, etc/cinder/resource_filters.json",
		Run: func(x *X) {
			a := x.get("/resource_filters?resource=backup").is(http.StatusOK)
			a.equal("resource_filters.0.resource", "backup")
			for _, f := range []string{"name", "status", "volume_id"} {
				if !slices.ContainsFunc(a.list("resource_filters.0.filters"), func(v any) bool { return v == f }) {
					a.fail("the filter "+f, "%s", show(a.value("resource_filters.0.filters")))
				}
			}
		},
	},
	{
		Name: "resource-filters-all", Capability: "resource filters", Level: ReadOnly, From: "3.33",
		Rule:   "Without a resource the filters of all are listed, volumes and snapshots among them.",
		Source: "cinder/api/common.py:get_enabled_resource_filters",
		Run: func(x *X) {
			a := x.get("/resource_filters").is(http.StatusOK)
			for _, r := range []string{"backup", "volume", "snapshot"} {
				if !slices.Contains(a.column("resource_filters", "resource"), strconv.Quote(r)) {
					a.fail("the filters of "+r, "%v", a.column("resource_filters", "resource"))
				}
			}
		},
	},
	{
		Name: "messages", Capability: "messages", Level: ReadOnly, From: "3.3",
		Rule:   "The list of messages says why an operation failed.",
		Source: "cinder/api/v3/messages.py:MessagesController.index",
		Run:    func(x *X) { x.get("/messages?limit=1").is(http.StatusOK).list("messages") },
	},
	{
		Name: "message-unknown", Capability: "messages", Level: ReadOnly, From: "3.3",
		Rule:   "A message that does not exist is 404.",
		Source: "cinder/exception.py:MessageNotFound",
		Run:    refusesGet("/messages/"+nowhere, http.StatusNotFound, nowhere),
	},
	{
		Name: "services-of-members", Capability: "faults", Level: ReadOnly, Member: true,
		Rule:   "A member may not list the services: it is 403, and the message names the policy.",
		Source: "cinder/policies/services.py:GET_ALL_POLICY, cinder/context.py:RequestContext.authorize",
		Run:    refusesGet("/os-services", http.StatusForbidden, "policy"),
	},
	{
		Name: "services", Capability: "services", Level: Admin, Needs: []Who{Boss},
		Rule:   "An admin sees cinder-backup among the services, with its state.",
		Source: "cinder/api/contrib/services.py:ServiceController.index",
		Run: func(x *X) {
			a := x.get("/os-services?binary=cinder-backup", by(Boss)).is(http.StatusOK)
			x.expect(len(a.list("services")) > 0, a, "at least one cinder-backup", "none")
			for _, k := range []string{"binary", "host", "zone", "status", "state"} {
				a.str("services.0." + k)
			}
			a.equal("services.0.binary", "cinder-backup")
		},
	},
}

var quotaCases = []Case{
	{
		Name: "limits-count-backups", Capability: "limits", Level: Tenant,
		Rule:   "A backup counts in totalBackupsUsed, and its size in totalBackupGigabytesUsed.",
		Source: "cinder/backup/api.py:API.create (reserve_opts)",
		Run: func(x *X) {
			x.full()
			a := x.get("/limits").is(http.StatusOK)
			n, g := a.number("limits.absolute.totalBackupsUsed"), a.number("limits.absolute.totalBackupGigabytesUsed")
			x.expect(n >= 1 && g >= n, a, "at least one backup, and at least 1 GiB for each", fmt.Sprintf("%v backups, %v GiB", n, g))
		},
	},
	{
		Name: "limits-count-volumes", Capability: "limits", Level: Tenant,
		Rule:   "A volume counts in totalVolumesUsed.",
		Source: "cinder/volume/flows/api/create_volume.py:QuotaReserveTask",
		Run: func(x *X) {
			x.volume()
			a := x.get("/limits").is(http.StatusOK)
			x.expect(a.number("limits.absolute.totalVolumesUsed") >= 1, a, "totalVolumesUsed of at least 1", show(a.value("limits.absolute.totalVolumesUsed")))
		},
	},
	{
		Name: "quota-set-counts-backups", Capability: "quota sets", Level: Tenant,
		Rule:   "A backup counts in the usage of the quota backups.",
		Source: "cinder/backup/api.py:API.create (reserve_opts)",
		Run: func(x *X) {
			x.full()
			a := x.get("/os-quota-sets/" + x.project() + "?usage=True").is(http.StatusOK)
			x.expect(a.number("quota_set.backups.in_use") >= 1, a, "in_use of at least 1", show(a.value("quota_set.backups.in_use")))
			x.expect(a.number("quota_set.backup_gigabytes.in_use") >= 1, a, "in_use of at least 1 GiB", show(a.value("quota_set.backup_gigabytes.in_use")))
		},
	},
}
