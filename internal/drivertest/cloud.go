package drivertest

import (
	"slices"

	"cindergate/driver"
)

func (s *suite) quota(d driver.QuotaManager, resource string) driver.Quota {
	s.Helper()
	all, err := d.Quotas(s.Context(), s.AdminCaller, s.Caller.ProjectID)
	s.ok(err)
	at := slices.IndexFunc(all, func(q driver.Quota) bool { return q.Resource == resource })
	if at < 0 {
		s.Fatalf("no quota %s", resource)
	}
	return all[at]
}

func quotas(s *suite) {
	d := optional[driver.QuotaManager](s)
	s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 2)})
	s.equal("backups in use", s.quota(d, driver.QuotaBackups).InUse, 1)
	s.equal("backup gigabytes in use", s.quota(d, driver.QuotaBackupGigabytes).InUse, 2)
	_, err := d.SetQuotas(s.Context(), s.AdminCaller, s.Caller.ProjectID, map[string]int{driver.QuotaBackups: 5})
	s.ok(err)
	s.equal("limit", s.quota(d, driver.QuotaBackups).Limit, 5)
	_, err = d.SetQuotas(s.Context(), s.AdminCaller, s.Caller.ProjectID, map[string]int{driver.QuotaBackups: 0})
	s.want(driver.InvalidInput, err)
	s.equal("limit", s.quota(d, driver.QuotaBackups).Limit, 5)
	_, err = d.SetQuotas(s.Context(), s.AdminCaller, s.Caller.ProjectID, map[string]int{"nonsense": 1})
	s.want(driver.InvalidInput, err)
	s.ok(d.ResetQuotas(s.Context(), s.AdminCaller, s.Caller.ProjectID))
	defaults, err := d.DefaultQuotas(s.Context(), s.AdminCaller)
	s.ok(err)
	at := slices.IndexFunc(defaults, func(q driver.Quota) bool { return q.Resource == driver.QuotaBackups })
	s.equal("limit", s.quota(d, driver.QuotaBackups).Limit, defaults[at].Limit)
}

func quotaIsEnforced(s *suite) {
	d := optional[driver.QuotaManager](s)
	volume := s.Volume(s.T, 1)
	b := s.made(driver.BackupSpec{VolumeID: volume})
	_, err := d.SetQuotas(s.Context(), s.AdminCaller, s.Caller.ProjectID, map[string]int{driver.QuotaBackups: 1, driver.QuotaVolumes: 1})
	s.ok(err)
	_, err = s.Driver.CreateBackup(s.Context(), s.Caller, driver.BackupSpec{VolumeID: volume})
	s.want(driver.OverLimit, err)
	_, err = s.Driver.RestoreBackup(s.Context(), s.Caller, b.ID, driver.RestoreTarget{})
	s.want(driver.OverLimit, err)
	s.available(b.ID)
	s.ok(s.Driver.DeleteBackup(s.Context(), s.Caller, b.ID))
	s.Settle(s.T)
	s.made(driver.BackupSpec{VolumeID: volume}) // the deleted backup no longer counts
}

func volumeTypes(s *suite) {
	d := optional[driver.TypeManager](s)
	first, err := d.DefaultVolumeType(s.Context(), s.Caller)
	s.ok(err)
	secret, err := d.CreateVolumeType(s.Context(), s.AdminCaller, driver.VolumeType{Name: "secret", ExtraSpecs: map[string]string{"a": "b"}})
	s.ok(err)
	_, err = d.GetVolumeType(s.Context(), s.Caller, secret.ID)
	s.want(driver.NotFound, err)
	_, err = d.UpdateVolumeType(s.Context(), s.AdminCaller, secret.ID, driver.VolumeTypePatch{AddProject: s.Caller.ProjectID})
	s.ok(err)
	got, err := d.GetVolumeType(s.Context(), s.Caller, secret.ID)
	s.ok(err)
	s.equal("extra spec", got.ExtraSpecs["a"], "b")
	s.ok(d.DeleteVolumeType(s.Context(), s.AdminCaller, secret.ID))
	all, err := d.ListVolumeTypes(s.Context(), s.AdminCaller)
	s.ok(err)
	s.equal("number of types", len(all), 1)
	s.equal("type", all[0].ID, first.ID)
}

func cloudIsShown(s *suite) {
	d := optional[driver.Cloud](s)
	services, err := d.Services(s.Context(), s.AdminCaller)
	s.ok(err)
	if !slices.ContainsFunc(services, func(v driver.Service) bool { return v.Binary == "cinder-backup" }) {
		s.Fatal("no cinder-backup")
	}
	zones, err := d.AvailabilityZones(s.Context(), s.Caller)
	s.ok(err)
	if len(zones) == 0 {
		s.Fatal("no availability zone")
	}
	_, err = d.Pools(s.Context(), s.AdminCaller)
	s.ok(err)
}

func healthy(s *suite) { s.ok(optional[driver.Checker](s).Check(s.Context())) }
