package otcfake

import (
	"time"

	"github.com/google/uuid"
)

// The dialects.
const (
	OTC    = "otc"
	Huawei = "huawei"
)

// Options configure a Cloud.
type Options struct {
	// Dialect is OTC (also for "") or Huawei. Only Huawei has PUT of backups, a body in the
	// answer to CBR's restore, and EVS v2.1. Only OTC has extend_param and VBS v3, and its
	// CBR restores to the original volume only.
	Dialect string
	// Auto makes every read advance all tasks by one step.
	Auto bool
	// JobsRun makes a read of a job advance that job's work by one step.
	JobsRun bool
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// NewID makes the UUIDs of what the cloud makes; nil: random ones.
	NewID func() string
	// Region is the region in the catalogue; "" means eu-de.
	Region string
	// Domain is the account's name and id for logins; "" means default.
	Domain string
	// Zones are the availability zones; nil means three of the region.
	Zones []string
	// Without names services that the region lacks: vbs, cbr, evs.
	Without []string
	// BackupsPerVolume is VBS's limit of backups per volume; 0 means 20.
	BackupsPerVolume int
	// Quotas are a project's limits of volumes, gigabytes, snapshots, backups and
	// backup_gigabytes. A missing one means no limit.
	Quotas map[string]int
	// RateLimit is the number of requests per minute that a service answers; 0 means no
	// limit.
	RateLimit int
	// PageCap is the largest page of CBR's lists, whatever the limit parameter; 0 means
	// 1000.
	PageCap int
	// VBSType is the type of VBS in OTC's catalogue; "" means vbsv2. Other clients look for
	// vbs, and the vendor's table of endpoints has volume-backup.
	VBSType string
	// VBSInVault is the behaviour for new users of VBS: VBS's backups go into a CBR vault,
	// both services show all backups, and VBS does not delete those of CBR.
	VBSInVault bool
}

func (o Options) withDefaults() Options {
	if o.Dialect == "" {
		o.Dialect = OTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.Region == "" {
		o.Region = "eu-de"
	}
	if o.Domain == "" {
		o.Domain = "default"
	}
	if o.Zones == nil {
		for _, zone := range []string{"01", "02", "03"} {
			o.Zones = append(o.Zones, o.Region+"-"+zone)
		}
	}
	if o.PageCap == 0 {
		o.PageCap = maxPage
	}
	if o.VBSType == "" {
		o.VBSType = "vbsv2"
	}
	if o.BackupsPerVolume == 0 {
		o.BackupsPerVolume = 20
	}
	return o
}

// limit returns a quota, -1 for no limit.
func (o *Options) limit(name string) int {
	if limit, ok := o.Quotas[name]; ok {
		return limit
	}
	return -1
}
