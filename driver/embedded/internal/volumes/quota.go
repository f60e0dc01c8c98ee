package volumes

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// DefaultQuotas returns Cinder's limits (cinder/quota.py quota_opts).
func DefaultQuotas() map[string]int {
	return map[string]int{
		driver.QuotaVolumes: 10, driver.QuotaPerVolumeGigabytes: -1, driver.QuotaSnapshots: 10, driver.QuotaGigabytes: 1000,
		driver.QuotaBackups: 10, driver.QuotaBackupGigabytes: 1000, driver.QuotaGroups: 10,
	}
}

// quotaText says whether an error text begins with the exception's name. Cinder's fault
// wrapper adds the name (cinder/api/middleware/fault.py), but errors of a restore bypass it
// (cinder/api/contrib/backups.py restore).
type quotaText bool

const (
	Plain    quotaText = false
	Prefixed quotaText = true
)

func (q quotaText) overLimit(exception, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if q == Prefixed {
		message = exception + ": " + message
	}
	return driver.QuotaExceeded.Errorf("%s", message)
}

// limits are the limits that apply to one project, from three sources.
type limits struct{ own, class, config map[string]int }

// limits returns a project's limits and its use.
func (vs *Volumes) limits(tx *meta.Tx, projectID string) (l limits, inUse meta.Use, err error) {
	l.config = vs.configured
	if l.own, err = tx.Limits(projectID); err != nil {
		return l, inUse, err
	}
	if l.class, err = tx.Limits(meta.AllProjects); err != nil {
		return l, inUse, err
	}
	inUse, err = tx.Use(projectID)
	return l, inUse, err
}

func (l limits) of(resource string) int {
	for _, m := range []map[string]int{l.own, l.class, l.config, DefaultQuotas()} {
		if n, ok := m[resource]; ok {
			return n
		}
	}
	return -1 // of a type
}

// over reports whether inUse + delta exceeds the limit.
func (l limits) over(resource string, inUse, delta int) bool {
	limit := l.of(resource)
	return limit >= 0 && inUse+delta > limit
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// CheckBackupQuota checks the quotas for a backup of gb GiB. more is the number of backups
// that it adds, 0 or 1. own is the part of the project's use, in GiB, that the backup
// replaces. Cinder checks the resources in alphabetical order (cinder/quota_utils.py
// process_reserve_over_quota).
func (vs *Volumes) CheckBackupQuota(tx *meta.Tx, projectID string, more, gb, own int) error {
	l, u, err := vs.limits(tx, projectID)
	if err != nil {
		return err
	}
	if l.over(driver.QuotaBackupGigabytes, u.BackupGB-own, gb) {
		return Prefixed.overLimit("VolumeBackupSizeExceedsAvailableQuota",
			"Requested backup exceeds allowed Backup gigabytes quota. Requested %dG, quota is %dG and %dG has been consumed.",
			gb, l.of(driver.QuotaBackupGigabytes), u.BackupGB)
	}
	if more > 0 && l.over(driver.QuotaBackups, u.Backups, more) {
		return Prefixed.overLimit("BackupLimitExceeded", "Maximum number of backups allowed (%d) exceeded", l.of(driver.QuotaBackups))
	}
	return nil
}

// CheckVolumeQuota checks the quota for another volume of gb GiB.
func (vs *Volumes) CheckVolumeQuota(tx *meta.Tx, projectID string, t *meta.VolumeType, gb int, text quotaText) error {
	return vs.checkQuota(tx, projectID, t, quotaRequest{volumes: 1, gb: gb, size: gb, text: text})
}

// CheckSnapshotQuota checks the quota for another snapshot of gb GiB.
func (vs *Volumes) CheckSnapshotQuota(tx *meta.Tx, projectID string, t *meta.VolumeType, gb int) error {
	return vs.checkQuota(tx, projectID, t, quotaRequest{snapshots: 1, gb: gb, text: Prefixed})
}

func (vs *Volumes) checkExtendQuota(tx *meta.Tx, projectID string, t *meta.VolumeType, more, size int) error {
	return vs.checkQuota(tx, projectID, t, quotaRequest{gb: more, size: size, text: Prefixed})
}

// CheckGroupQuota checks the quota for another group.
func (vs *Volumes) CheckGroupQuota(tx *meta.Tx, projectID string) error {
	l, u, err := vs.limits(tx, projectID)
	if err != nil {
		return err
	}
	if l.over(driver.QuotaGroups, u.Groups, 1) {
		return Prefixed.overLimit("GroupLimitExceeded", "Maximum number of groups allowed (%d) exceeded", l.of(driver.QuotaGroups))
	}
	return nil
}

type quotaRequest struct {
	volumes, snapshots, gb int // in addition to the current use
	size                   int // of the one volume; 0 if there is none
	text                   quotaText
}

func (vs *Volumes) checkQuota(tx *meta.Tx, projectID string, t *meta.VolumeType, r quotaRequest) error {
	l, u, err := vs.limits(tx, projectID)
	if err != nil {
		return err
	}
	if most := l.of(driver.QuotaPerVolumeGigabytes); most >= 0 && r.size > most {
		return Prefixed.overLimit("VolumeSizeExceedsLimit",
			"Requested volume size %dG is larger than maximum allowed limit %dG.", r.size, most)
	}
	for _, gb := range []struct {
		name  string
		inUse int
	}{
		{driver.QuotaGigabytes, sum(u.VolumeGB) + sum(u.SnapshotGB)},
		{"gigabytes_" + t.Name, u.VolumeGB[t.ID] + u.SnapshotGB[t.ID]},
	} {
		if l.over(gb.name, gb.inUse, r.gb) {
			return r.text.overLimit("VolumeSizeExceedsAvailableQuota",
				"Requested volume or snapshot exceeds allowed %s quota. Requested %dG, quota is %dG and %dG has been consumed.",
				gb.name, r.gb, l.of(gb.name), gb.inUse)
		}
	}
	for _, n := range []struct {
		name        string
		inUse, more int
	}{
		{driver.QuotaSnapshots, sum(u.Snapshots), r.snapshots},
		{"snapshots_" + t.Name, u.Snapshots[t.ID], r.snapshots},
		{driver.QuotaVolumes, sum(u.Volumes), r.volumes},
		{"volumes_" + t.Name, u.Volumes[t.ID], r.volumes},
	} {
		if n.more == 0 || !l.over(n.name, n.inUse, n.more) {
			continue
		}
		if r.snapshots > 0 {
			return r.text.overLimit("SnapshotLimitExceeded", "Maximum number of snapshots allowed (%d) exceeded", l.of(n.name))
		}
		return r.text.overLimit("VolumeLimitExceeded",
			"Maximum number of volumes allowed (%d) exceeded for quota '%s'.", l.of(n.name), n.name)
	}
	return nil
}

// Quotas returns a project's limits and use.
func (vs *Volumes) Quotas(ctx context.Context, _ driver.Caller, projectID string) ([]driver.Quota, error) {
	var found []driver.Quota
	err := vs.core.Read(ctx, func(tx *meta.Tx) (err error) {
		found, err = vs.quotas(tx, projectID)
		return err
	})
	return found, err
}

// DefaultQuotas returns the limits of a project without limits of its own.
func (vs *Volumes) DefaultQuotas(ctx context.Context, who driver.Caller) ([]driver.Quota, error) {
	return vs.Quotas(ctx, who, meta.AllProjects)
}

func (vs *Volumes) quotas(tx *meta.Tx, projectID string) ([]driver.Quota, error) {
	l, u, err := vs.limits(tx, projectID)
	if err != nil {
		return nil, err
	}
	types, err := tx.VolumeTypes()
	if err != nil {
		return nil, err
	}
	var all []driver.Quota
	add := func(resource string, inUse int) {
		all = append(all, driver.Quota{Resource: resource, Limit: l.of(resource), InUse: inUse})
	}
	add(driver.QuotaVolumes, sum(u.Volumes))
	add(driver.QuotaPerVolumeGigabytes, 0)
	add(driver.QuotaSnapshots, sum(u.Snapshots))
	add(driver.QuotaGigabytes, sum(u.VolumeGB)+sum(u.SnapshotGB))
	add(driver.QuotaBackups, u.Backups)
	add(driver.QuotaBackupGigabytes, u.BackupGB)
	for _, t := range types {
		add("volumes_"+t.Name, u.Volumes[t.ID])
		add("gigabytes_"+t.Name, u.VolumeGB[t.ID]+u.SnapshotGB[t.ID])
		add("snapshots_"+t.Name, u.Snapshots[t.ID])
	}
	add(driver.QuotaGroups, u.Groups)
	return all, nil
}

// SetQuotas sets limits of a project (cinder/api/contrib/quotas.py update).
func (vs *Volumes) SetQuotas(ctx context.Context, _ driver.Caller, projectID string, set map[string]int) ([]driver.Quota, error) {
	return vs.setQuotas(ctx, projectID, set)
}

// SetDefaultQuotas sets the limits of all projects without limits of their own.
func (vs *Volumes) SetDefaultQuotas(ctx context.Context, _ driver.Caller, set map[string]int) ([]driver.Quota, error) {
	return vs.setQuotas(ctx, meta.AllProjects, set)
}

func (vs *Volumes) setQuotas(ctx context.Context, projectID string, set map[string]int) ([]driver.Quota, error) {
	var all []driver.Quota
	err := vs.core.Write(ctx, func(tx *meta.Tx) error {
		now, err := vs.quotas(tx, projectID)
		if err != nil {
			return err
		}
		own, err := tx.Limits(projectID)
		if err != nil {
			return err
		}
		for _, resource := range slices.Sorted(maps.Keys(set)) {
			i := slices.IndexFunc(now, func(q driver.Quota) bool { return q.Resource == resource })
			if i < 0 {
				return driver.Errorf(driver.InvalidInput, "Unknown quota resources %s.", core.PythonList(resource))
			}
			if err := checkLimit(now[i], set[resource], own); err != nil {
				return err
			}
			if err := tx.SetLimit(projectID, resource, set[resource]); err != nil {
				return err
			}
		}
		all, err = vs.quotas(tx, projectID)
		return err
	})
	return all, err
}

// checkLimit refuses a limit below the current use, but only if the project already has a
// limit of its own. The first limit may be any number, because QuotaSetsController.update
// of cinder/api/contrib/quotas.py reads the quotas without defaults.
func checkLimit(now driver.Quota, limit int, own map[string]int) error {
	used := now.InUse + now.Reserve
	if _, has := own[now.Resource]; !has || limit == -1 || limit >= used || now.Resource == driver.QuotaPerVolumeGigabytes {
		return nil
	}
	return driver.Errorf(driver.InvalidInput, "Quota %s limit must be equal or greater than existing resources. "+
		"Current usage is %d and the requested limit is %d.", now.Resource, used, limit)
}

// ResetQuotas gives a project the default limits again.
func (vs *Volumes) ResetQuotas(ctx context.Context, _ driver.Caller, projectID string) error {
	return vs.core.Write(ctx, func(tx *meta.Tx) error { return tx.ResetLimits(projectID) })
}

// checkRetypeQuota checks only the limits of the new type, because the project's total use
// does not change (cinder/volume/api.py retype, reserve_vol_type_only).
func (vs *Volumes) checkRetypeQuota(tx *meta.Tx, v *meta.Volume, t *meta.VolumeType) error {
	l, u, err := vs.limits(tx, v.ProjectID)
	if err != nil {
		return err
	}
	if gb, inUse := "gigabytes_"+t.Name, u.VolumeGB[t.ID]+u.SnapshotGB[t.ID]; l.over(gb, inUse, v.Size) {
		return Prefixed.overLimit("VolumeSizeExceedsAvailableQuota",
			"Requested volume or snapshot exceeds allowed %s quota. Requested %dG, quota is %dG and %dG has been consumed.",
			gb, v.Size, l.of(gb), inUse)
	}
	if n := "volumes_" + t.Name; l.over(n, u.Volumes[t.ID], 1) {
		return Prefixed.overLimit("VolumeLimitExceeded",
			"Maximum number of volumes allowed (%d) exceeded for quota '%s'.", l.of(n), n)
	}
	return nil
}
