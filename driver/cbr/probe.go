package cbr

import (
	"context"
	"fmt"
	"net/url"

	"cindergate/driver"
)

// Probe implements driver.Prober. It reports the endpoints, whether the services answer,
// the vaults, and the functions that the configuration leaves out.
func (d *Driver) Probe(ctx context.Context, caller driver.Caller) ([]string, error) {
	findings, asks, err := d.Places(ctx, caller, d.cbr)
	if !asks {
		return findings, err
	}
	vaults, err := d.vaults(ctx, caller, url.Values{})
	if err != nil {
		return findings, fmt.Errorf("list vaults: %w", err)
	}
	for _, v := range vaults {
		findings = append(findings, fmt.Sprintf("vault %s (%s) is %s, with %d volumes and %d of %d GB in use",
			v.ID, v.Name, v.Billing.Status, len(v.Resources), int(v.Billing.Used)>>10, v.Billing.Size))
	}
	if d.o.Vault == "" {
		return append(findings, "vault is not set: only volumes that are in a vault can be backed up"), nil
	}
	_, found, err := d.named(ctx, caller, d.o.Vault)
	if err == nil && !found && !d.o.CreateVault {
		findings = append(findings, "vault "+d.o.Vault+" is not in the project of who asks: each project needs one of its own")
	}
	return findings, err
}
