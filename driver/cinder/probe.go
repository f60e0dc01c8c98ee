package cinder

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"cindergate/driver"
)

var _ driver.Prober = (*Driver)(nil)

// Probe implements driver.Prober. It reports the versions and, for an admin, whether a
// backup service is up.
func (d *Driver) Probe(ctx context.Context, caller driver.Caller) ([]string, error) {
	v, err := d.discover(ctx)
	if err != nil {
		return nil, err
	}
	findings := []string{"speaks v2 only"}
	if v.major == 3 {
		findings = []string{fmt.Sprintf("speaks v3, microversions to 3.%d", v.minor)}
	}
	if !caller.IsAdmin() {
		return append(findings, "who asks is no admin there: services not looked at"), nil
	}
	var answer struct {
		Services []struct{ Binary, Host, Status, State string }
	}
	if err := d.call(ctx, caller, http.MethodGet, "/os-services?binary=cinder-backup", nil, &answer, http.StatusOK); err != nil {
		return findings, err
	}
	up := 0
	for _, s := range answer.Services {
		findings = append(findings, fmt.Sprintf("%s on %s is %s and %s", s.Binary, s.Host, s.Status, s.State))
		if s.Status == "enabled" && s.State == "up" {
			up++
		}
	}
	if up == 0 {
		return findings, errors.New("no cinder-backup is up: backups will end in error")
	}
	return findings, nil
}
