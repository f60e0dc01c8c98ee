package cbr

import (
	"context"
	"net/http"
	"net/url"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// maxDescription is the largest length of a description, in characters.
const maxDescription = 255

// parameters describe a checkpoint (POST /v3/{project_id}/checkpoints). Without resources
// the checkpoint would cover the whole vault.
type parameters struct {
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Incremental *bool    `json:"incremental,omitempty"` // nil means true, the service's default
	Resources   []string `json:"resources"`
}

// CreateBackup implements driver.Driver. It returns once the checkpoint's backup has an id.
func (d *Driver) CreateBackup(ctx context.Context, caller driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
	p, err := d.translate(spec)
	if err != nil {
		return driver.Backup{}, err
	}
	if err := d.CheckSource(ctx, caller, spec); err != nil {
		return driver.Backup{}, err
	}
	vaultID, err := d.vaultFor(ctx, caller, spec.VolumeID, spec.Container)
	if err != nil {
		return driver.Backup{}, err
	}
	point, err := d.protect(ctx, caller, vaultID, p)
	if hasCode(err, notBound) && d.o.Bind {
		// Another client took the volume out of its vault a moment ago.
		if vaultID, err = d.vaultFor(ctx, caller, spec.VolumeID, spec.Container); err == nil {
			point, err = d.protect(ctx, caller, vaultID, p)
		}
	}
	if err != nil {
		return driver.Backup{}, err
	}
	for _, s := range point.Vault.Skipped {
		if s.ID == spec.VolumeID {
			return driver.Backup{}, d.cbr.Failed(caller, "The backup of volume "+s.ID, string(s.Code), s.Reason)
		}
	}
	b, err := d.made(ctx, caller, point.ID, spec.VolumeID)
	b.Status = driver.BackupCreating
	return b, err
}

// translate converts the request to CBR's parameters. It returns an error for what CBR
// cannot do.
func (d *Driver) translate(spec driver.BackupSpec) (parameters, error) {
	p := parameters{Incremental: d.o.FullBackup.Asks(spec.Incremental), Resources: []string{spec.VolumeID}}
	if spec.Name != nil && *spec.Name != "" {
		p.Name = *spec.Name
		if err := d.checkName(p.Name); err != nil {
			return p, err
		}
	}
	if spec.Description != nil {
		p.Description = *spec.Description
	}
	switch {
	case spec.SnapshotID != "":
		return p, d.cbr.Cannot("backups of snapshots: the service backs volumes up as they are")
	case spec.AvailabilityZone != "":
		return p, d.cbr.Cannot("the availability zone of a backup: its vault decides")
	case len(spec.Metadata) > 0:
		return p, d.cbr.Cannot("metadata or tags of backups: the service keeps none")
	}
	return p, otc.CheckDescription(p.Description, maxDescription, d.o.Dialect == otc.Huawei)
}

// protect makes a checkpoint. It sends the request once.
func (d *Driver) protect(ctx context.Context, caller driver.Caller, vaultID string, p parameters) (checkpoint, error) {
	var answer struct {
		Checkpoint checkpoint `json:"checkpoint"`
	}
	err := d.cbr.Call(ctx, caller, http.MethodPost, "v3", "/checkpoints", nil,
		map[string]any{"checkpoint": map[string]any{"vault_id": vaultID, "parameters": p}}, &answer)
	if err == nil && answer.Checkpoint.ID == "" {
		err = driver.Errorf(driver.Unavailable, "CBR of backend %s took the backup without naming a checkpoint.", d.o.Name)
	}
	return answer.Checkpoint, d.missingVault(err)
}

// made polls the list until it has the backup that a checkpoint makes of a volume. The
// checkpoint itself never names the backup's id.
func (d *Driver) made(ctx context.Context, caller driver.Caller, checkpointID, volumeID string) (driver.Backup, error) {
	q := url.Values{"checkpoint_id": {checkpointID}, "resource_id": {volumeID}, "resource_type": {ofVolumes}}
	var found driver.Backup
	err := d.cbr.Wait(ctx, "checkpoint "+checkpointID, func(ctx context.Context) (bool, error) {
		page, err := d.page(ctx, caller, q)
		if err != nil {
			return false, err
		}
		for i := range page.Backups.Items {
			if b := &page.Backups.Items[i]; b.ofVolume() && b.CheckpointID == checkpointID && b.ResourceID == volumeID {
				found = b.toDriver()
				return true, nil
			}
		}
		var answer struct {
			Checkpoint checkpoint `json:"checkpoint"`
		}
		if err := d.cbr.Call(ctx, caller, http.MethodGet, "v3", "/checkpoints/"+url.PathEscape(checkpointID), nil, nil, &answer); err != nil {
			return false, err
		}
		if answer.Checkpoint.Status == "error" {
			return true, d.checkpointFailed(ctx, caller, checkpointID, volumeID)
		}
		return false, nil
	})
	return found, err
}
