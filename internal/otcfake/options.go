package otcfake

import "time"

// The dialects.
const (
	OTC    = "otc"
	Huawei = "huawei"
)

// Options configure a Cloud.
type Options struct {
	// Dialect is OTC (also for "") or Huawei. Huawei has PUT of backups, a body for
	// CBR's restore and EVS v2.1; OTC has extend_param, VBS v3, and restores of CBR
	// only to the original volume.
	Dialect string
	// Auto lets every read move everything one step on.
	Auto bool
	// JobsRun lets a read of a job move that job's work one step on.
	JobsRun bool
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Region is in the catalogue; "": eu-de.
	Region string
	// Domain is the account's name and id, which users log in with; "": default.
	Domain string
	// Zones are the availability zones; nil: three of the region.
	Zones []string
	// Without are services that the region lacks: vbs, cbr, evs.
	Without []string
	// BackupsPerVolume bounds VBS's backups of a volume; 0: 20.
	BackupsPerVolume int
	// Quotas are a project's limits of volumes, gigabytes, snapshots, backups and
	// backup_gigabytes; one that is missing has none.
	Quotas map[string]int
	// RateLimit is how many requests a minute a service answers; 0: any.
	RateLimit int
	// PageCap is the most that lists of CBR give at once, whatever limit asks; 0: 1000.
	PageCap int
	// VBSType is the type of VBS in OTC's catalogue; "": vbsv2. Other clients look for
	// vbs, and the vendor's table of endpoints has volume-backup.
	VBSType string
	// VBSInVault is what new users of VBS meet: its backups land in a CBR vault, are
	// shown by both services, and those of CBR are not deleted by VBS.
	VBSInVault bool
}

func (o Options) withDefaults() Options {
	if o.Dialect == "" {
		o.Dialect = OTC
	}
	if o.Now == nil {
		o.Now = time.Now
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

// limit is a quota, -1 for none.
func (o *Options) limit(name string) int {
	if limit, ok := o.Quotas[name]; ok {
		return limit
	}
	return -1
}
