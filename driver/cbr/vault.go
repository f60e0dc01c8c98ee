package cbr

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// Error codes about a volume and its vault.
const (
	boundAlready  = "BackupService.6103"
	boundAlready2 = "BackupService.7006"
	notBound      = "BackupService.6135"
	noVault       = "BackupService.6105"
)

func hasCode(err error, codes ...string) bool {
	return slices.ContainsFunc(codes, func(code string) bool { return strings.EqualFold(otc.CodeOf(err), code) })
}

// vaultFor returns the id of the vault into which a volume is backed up. That is the vault
// that holds the volume, else the wanted one, by id or name, else the configured one. If no
// vault holds the volume, vaultFor binds it, if Options.Bind allows that.
func (d *Driver) vaultFor(ctx context.Context, caller driver.Caller, volumeID, wanted string) (string, error) {
	in, found, err := d.vaultOf(ctx, caller, volumeID)
	if err != nil || found {
		if err == nil && wanted != "" && wanted != in.ID && wanted != in.Name {
			return "", d.cbr.Cannot("another container than vault " + in.ID + ", which the volume is in: it can be in no other")
		}
		return in.ID, err
	}
	return d.bind(ctx, caller, volumeID, wanted)
}

// vaultOf returns the vault that holds a volume.
func (d *Driver) vaultOf(ctx context.Context, caller driver.Caller, volumeID string) (vault, bool, error) {
	vaults, err := d.vaults(ctx, caller, url.Values{"resource_ids": {volumeID}})
	if err != nil {
		return vault{}, false, err
	}
	for _, v := range vaults {
		if slices.ContainsFunc(v.Resources, func(r resource) bool { return r.ID == volumeID }) {
			return v, true, nil
		}
	}
	return vault{}, false, nil
}

// vaults lists the vaults for backups of volumes.
func (d *Driver) vaults(ctx context.Context, caller driver.Caller, q url.Values) ([]vault, error) {
	q.Set("object_type", "disk")
	q.Set("protect_type", "backup")
	return all[vault](ctx, d, caller, "vaults", "/vaults", q)
}

// bind puts a volume that is in no vault into one, and returns the vault's id.
func (d *Driver) bind(ctx context.Context, caller driver.Caller, volumeID, wanted string) (string, error) {
	name := wanted
	if name == "" {
		name = d.o.Vault
	}
	switch {
	case name == "":
		return "", driver.Errorf(driver.Unavailable, "Volume %s is in no vault, and backend %s is configured without one.", volumeID, d.o.Name)
	case !d.o.Bind:
		return "", driver.InvalidVolume("volume %s is in no vault, and backend %s is configured to put none into one.", volumeID, d.o.Name)
	}
	v, found, err := d.named(ctx, caller, name)
	switch {
	case err != nil:
		return "", err
	case !found && wanted != "":
		return "", driver.Errorf(driver.InvalidInput, "Invalid container: there is no vault %s.", wanted)
	case !found && d.o.CreateVault:
		return d.makeVault(ctx, caller, volumeID)
	case !found:
		return "", driver.Errorf(driver.Unavailable, "The vault %s that backend %s is configured with does not exist in this project.", name, d.o.Name)
	}
	err = d.cbr.Call(ctx, caller, http.MethodPost, "v3", "/vaults/"+url.PathEscape(v.ID)+"/addresources", nil,
		map[string]any{"resources": []resource{{volumeID, ofVolumes}}}, nil)
	return d.orBoundMeanwhile(ctx, caller, volumeID, v.ID, err)
}

// orBoundMeanwhile returns the vault's id. If another client bound the volume first, it
// returns the id of that vault.
func (d *Driver) orBoundMeanwhile(ctx context.Context, caller driver.Caller, volumeID, vaultID string, err error) (string, error) {
	if !hasCode(err, boundAlready, boundAlready2) {
		return vaultID, d.missingVault(err)
	}
	v, found, lookErr := d.vaultOf(ctx, caller, volumeID)
	if lookErr != nil {
		return "", lookErr
	}
	if !found {
		return "", err
	}
	return v.ID, nil
}

// named returns a vault by id or name.
func (d *Driver) named(ctx context.Context, caller driver.Caller, name string) (vault, bool, error) {
	key := "name"
	if otc.IsID(name) {
		key = "id"
	}
	vaults, err := d.vaults(ctx, caller, url.Values{key: {name}})
	if err != nil {
		return vault{}, false, err
	}
	at := slices.IndexFunc(vaults, func(v vault) bool { return v.ID == name || v.Name == name })
	if at < 0 {
		return vault{}, false, nil
	}
	return vaults[at], true, nil
}

// makeVault makes the configured vault with a volume in it. Concurrent requests may make
// several; later ones use the first in the list.
func (d *Driver) makeVault(ctx context.Context, caller driver.Caller, volumeID string) (string, error) {
	var answer struct {
		Vault vault `json:"vault"`
	}
	err := d.cbr.Call(ctx, caller, http.MethodPost, "v3", "/vaults", nil, map[string]any{"vault": map[string]any{
		"name": d.o.Vault, "resources": []resource{{volumeID, ofVolumes}},
		"billing": map[string]any{
			"consistent_level": "crash_consistent", "object_type": "disk", "protect_type": "backup", "size": d.o.VaultSize,
			"charging_mode": "post_paid", "cloud_type": "public",
		},
	}}, &answer)
	return d.orBoundMeanwhile(ctx, caller, volumeID, answer.Vault.ID, err)
}

// missingVault turns the error for a missing vault into Unavailable. The client did not
// choose the vault, so an operator has to act.
func (d *Driver) missingVault(err error) error {
	if !hasCode(err, noVault) {
		return err
	}
	return driver.Wrap(driver.Unavailable, errors.Join(errors.New("the vault is gone"), err),
		"A vault that backend %s needs for this does not exist.", d.o.Name)
}
