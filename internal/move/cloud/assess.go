package cloud

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cindergate/internal/move"
)

// AssessLogin tells of a login that ends with its token.
func (c *Cloud) AssessLogin(as *move.Assessment) {
	if c.Fixed {
		as.Limits = append(as.Limits, fmt.Sprintf("cloud %s: the login is a bare token, which cannot be renewed: the move ends when it expires, and can be resumed with a new one", c.Name))
	}
}

// AssessQuotas checks that what is needed fits.
func (c *Cloud) AssessQuotas(ctx context.Context, as *move.Assessment, needs map[string]int64) error {
	have, err := c.Quotas(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{"volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes"} {
		q, ok := have[name]
		if q.Needs = needs[name]; !ok || q.Needs == 0 {
			continue
		}
		c.fits(as, q)
	}
	return nil
}

// fits notes a quota, and the problem if what is needed does not fit.
func (c *Cloud) fits(as *move.Assessment, q move.Quota) {
	as.Quotas = append(as.Quotas, q)
	if q.Limit >= 0 && q.Used+q.Needs > q.Limit {
		as.Problems = append(as.Problems, fmt.Sprintf("the quota %s of project %s in cloud %s is too small: %d of %d are used, and %d more are needed", q.Name, c.Project, c.Name, q.Used, q.Limit, q.Needs))
	}
}

// Encrypted says why an encrypted volume cannot be moved.
func Encrypted(v move.Volume) string {
	return fmt.Sprintf("volume %s is encrypted: its bytes can only be read with a key that does not travel, so it cannot be moved", v.ID)
}

// AssessVolume checks that a volume can be read.
func AssessVolume(as *move.Assessment, v move.Volume) {
	if v.Encrypted {
		as.Problems = append(as.Problems, Encrypted(v))
	}
	if v.Status != "available" && v.Status != "in-use" {
		as.Problems = append(as.Problems, fmt.Sprintf("volume %s is in the status %s: it must be available or in-use", v.ID, v.Status))
	}
}

// Place is the type and the availability zone of a volume that is made; "": the cloud's
// default.
type Place struct {
	Type string `json:"type"`
	Zone string `json:"zone"`
}

// Choose chooses what was asked for, or else the place of the volume at the source as far as
// the cloud has it.
func (c *Cloud) Choose(ctx context.Context, asked Place, v move.Volume) (p Place, lost, problems []string, err error) {
	types, err := c.Types(ctx)
	if err != nil {
		return p, nil, nil, err
	}
	zones, err := c.Zones(ctx)
	if err != nil {
		return p, nil, nil, err
	}
	choose := func(what, asked, own string, have []string) string {
		switch {
		case asked != "" && !slices.Contains(have, asked):
			problems = append(problems, fmt.Sprintf("cloud %s has no %s %q; it has %s", c.Name, what, asked, strings.Join(have, ", ")))
		case asked != "":
			return asked
		case own != "" && !slices.Contains(have, own):
			lost = append(lost, fmt.Sprintf("%s %q: cloud %s has none of that name, so its default is used", what, own, c.Name))
		default:
			return own
		}
		return ""
	}
	p.Type = choose("volume type", asked.Type, v.Type, types)
	p.Zone = choose("availability zone", asked.Zone, v.AvailabilityZone, zones)
	return p, lost, problems, nil
}
