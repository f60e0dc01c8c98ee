package translate

import (
	"context"

	"cindergate/driver"
)

type extension struct {
	Name        string     `json:"name"`
	Alias       string     `json:"alias"`
	Description string     `json:"description"`
	Updated     string     `json:"updated"`
	Links       []struct{} `json:"links"`
}

var none = []struct{}{}

// extensions are Cinder's extensions that the gateway serves, in Cinder's words.
var extensions = []extension{
	{"VolumeImageMetadata", "os-vol-image-meta", "Show image metadata associated with the volume.", "2012-12-07T00:00:00+00:00", none},
	{"UsedLimits", "os-used-limits", "Provide data on limited resources that are being used.", "2013-10-03T00:00:00+00:00", none},
	{"AdminActions", "os-admin-actions", "Enable admin actions.", "2012-08-25T00:00:00+00:00", none},
	{"TypesExtraSpecs", "os-types-extra-specs", "Type extra specs support.", "2011-08-24T00:00:00+00:00", none},
	{"VolumeTypeEncryption", "encryption", "Encryption support for volume types.", "2013-07-01T00:00:00+00:00", none},
	{"VolumeEncryptionMetadata", "os-volume-encryption-metadata", "Volume encryption metadata retrieval support.", "2013-07-10T00:00:00+00:00", none},
	{"SnapshotActions", "os-snapshot-actions", "Enable snapshot manager actions.", "2013-07-16T00:00:00+00:00", none},
	{"Backups", "backups", "Backups support.", "2012-12-12T00:00:00+00:00", none},
	{"Quotas", "os-quota-sets", "Quota management support.", "2011-08-08T00:00:00+00:00", none},
	{"VolumeActions", "os-volume-actions", "Enable volume actions.", "2012-05-31T00:00:00+00:00", none},
	{"QuotaClasses", "os-quota-class-sets", "Quota classes management support.", "2012-03-12T00:00:00+00:00", none},
	{"AvailabilityZones", "os-availability-zone", "Describe Availability Zones.", "2013-06-27T00:00:00+00:00", none},
	{"VolumeTypeAccess", "os-volume-type-access", "Volume type access support.", "2014-06-26T00:00:00Z", none},
	{"Services", "os-services", "Services support.", "2012-10-28T00:00:00-00:00", none},
	{"Hosts", "os-hosts", "Admin-only host administration.", "2011-06-29T00:00:00+00:00", none},
	{"TypesManage", "os-types-manage", "Types manage support.", "2011-08-24T00:00:00+00:00", none},
	{"ExtendedSnapshotAttributes", "os-extended-snapshot-attributes", "Extended SnapshotAttributes support.", "2012-06-19T00:00:00+00:00", none},
	{"Qos_specs_manage", "qos-specs", "QoS specs support.", "2013-08-02T00:00:00+00:00", none},
	{"VolumeHostAttribute", "os-vol-host-attr", "Expose host as an attribute of a volume.", "2011-11-03T00:00:00+00:00", none},
	{"Scheduler_stats", "scheduler-stats", "Scheduler stats support.", "2014-09-07T00:00:00+00:00", none},
	{"VolumeMigStatusAttribute", "os-vol-mig-status-attr", "Expose migration_status as an attribute of a volume.", "2013-08-08T00:00:00+00:00", none},
	{"VolumeTransfer", "os-volume-transfer", "Volume transfer management support.", "2013-05-29T00:00:00+00:00", none},
	{"VolumeTenantAttribute", "os-vol-tenant-attr", "Expose the internal project_id as an attribute of a volume.", "2011-11-03T00:00:00+00:00", none},
	{"SchedulerHints", "OS-SCH-HNT", "Pass arbitrary key/value pairs to the scheduler.", "2013-04-18T00:00:00+00:00", none},
	{"ExtendedServices", "os-extended-services", "Extended services support.", "2014-01-10T00:00:00-00:00", none},
	{"Capabilities", "capabilities", "Capabilities support.", "2015-08-31T00:00:00+00:00", none},
}

// ListExtensions serves GET /extensions.
func ListExtensions(context.Context, Request) (Response, error) {
	return ok(envelope("extensions", extensions))
}

// ShowExtension serves GET /extensions/{alias}.
func ShowExtension(_ context.Context, r Request) (Response, error) {
	for _, e := range extensions {
		if e.Alias == r.ID {
			return ok(envelope("extension", e))
		}
	}
	return Response{}, driver.Errorf(driver.NotFound, "The resource could not be found.")
}
