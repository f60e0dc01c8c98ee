package drivertest

import "cindergate/driver"

func transfer(s *suite) {
	d, volumes := optional[driver.TransferManager](s), optional[driver.VolumeReader](s)
	id := s.Volume(s.T, 1)
	t, key, err := d.CreateTransfer(s.Context(), s.Caller, driver.TransferSpec{VolumeID: id})
	s.ok(err)
	v, err := volumes.GetVolume(s.Context(), s.Caller, id)
	s.ok(err)
	s.equal("status", v.Status, "awaiting-transfer")
	_, _, err = d.CreateTransfer(s.Context(), s.Caller, driver.TransferSpec{VolumeID: id})
	s.want(driver.InvalidState, err)
	_, err = d.GetTransfer(s.Context(), s.OtherCaller, t.ID)
	s.want(driver.NotFound, err)
	_, err = d.AcceptTransfer(s.Context(), s.OtherCaller, t.ID, "0123456789abcdef")
	s.want(driver.InvalidInput, err)
	if quotas, ok := s.Driver.(driver.QuotaManager); ok {
		_, err = quotas.SetQuotas(s.Context(), s.AdminCaller, s.OtherCaller.ProjectID, map[string]int{driver.QuotaVolumes: 0})
		s.ok(err)
		_, err = d.AcceptTransfer(s.Context(), s.OtherCaller, t.ID, key)
		s.want(driver.OverLimit, err)
		s.ok(quotas.ResetQuotas(s.Context(), s.AdminCaller, s.OtherCaller.ProjectID))
	}
	_, err = d.AcceptTransfer(s.Context(), s.OtherCaller, t.ID, key)
	s.ok(err)
	v, err = volumes.GetVolume(s.Context(), s.OtherCaller, id)
	s.ok(err)
	s.equal("status", v.Status, "available")
	s.equal("project", v.ProjectID, s.OtherCaller.ProjectID)
	s.equal("user", v.UserID, s.OtherCaller.UserID)
	_, err = volumes.GetVolume(s.Context(), s.Caller, id)
	s.want(driver.NotFound, err)
	_, err = d.AcceptTransfer(s.Context(), s.OtherCaller, t.ID, key)
	s.want(driver.NotFound, err)
}

func transferWithdrawn(s *suite) {
	d, volumes := optional[driver.TransferManager](s), optional[driver.VolumeReader](s)
	id := s.Volume(s.T, 1)
	t, _, err := d.CreateTransfer(s.Context(), s.Caller, driver.TransferSpec{VolumeID: id})
	s.ok(err)
	s.want(driver.NotFound, d.DeleteTransfer(s.Context(), s.OtherCaller, t.ID))
	s.ok(d.DeleteTransfer(s.Context(), s.Caller, t.ID))
	v, err := volumes.GetVolume(s.Context(), s.Caller, id)
	s.ok(err)
	s.equal("status", v.Status, "available")
}

func attachmentLifecycle(s *suite) {
	d, volumes := optional[driver.AttachmentManager](s), optional[driver.VolumeReader](s)
	id := s.Volume(s.T, 1)
	status := func(want string) {
		s.Helper()
		v, err := volumes.GetVolume(s.Context(), s.Caller, id)
		s.ok(err)
		s.equal("status", v.Status, want)
	}
	a, err := d.CreateAttachment(s.Context(), s.Caller, driver.AttachmentSpec{VolumeID: id})
	s.ok(err)
	s.equal("attachment", a.Status, "reserved")
	status("reserved")
	_, err = d.CreateAttachment(s.Context(), s.Caller, driver.AttachmentSpec{VolumeID: id})
	s.want(driver.InvalidState, err)
	_, err = d.GetAttachment(s.Context(), s.OtherCaller, a.ID)
	s.want(driver.NotFound, err)
	_, err = d.UpdateAttachment(s.Context(), s.Caller, a.ID, map[string]any{"host": "h", "mountpoint": "/dev/vdb"})
	s.ok(err)
	status("attaching")
	s.ok(d.CompleteAttachment(s.Context(), s.Caller, a.ID))
	status("in-use")
	a, err = d.GetAttachment(s.Context(), s.Caller, a.ID)
	s.ok(err)
	s.equal("attachment", a.Status, "attached")
	s.equal("device", a.Device, "/dev/vdb")
	b := s.create(driver.BackupSpec{VolumeID: id, Force: true})
	left, err := d.DeleteAttachment(s.Context(), s.Caller, a.ID)
	s.ok(err)
	s.equal("attachments left", len(left), 0)
	s.Settle(s.T)
	s.available(b.ID)
	status("available") // although it was in-use when the backup began
}

func services(s *suite) {
	d, cloud := optional[driver.ServiceManager](s), optional[driver.Cloud](s)
	all, err := cloud.Services(s.Context(), s.AdminCaller)
	s.ok(err)
	host := all[len(all)-1]
	s.want(driver.NotFound, d.UpdateService(s.Context(), s.AdminCaller, "nope", host.Binary, driver.ServicePatch{}))
	s.ok(d.UpdateService(s.Context(), s.AdminCaller, host.Host, host.Binary,
		driver.ServicePatch{Disabled: driver.Some(true), DisabledReason: driver.Some("why")}))
	all, err = cloud.Services(s.Context(), s.AdminCaller)
	s.ok(err)
	s.equal("disabled", all[len(all)-1].Disabled, true)
	s.equal("reason", all[len(all)-1].DisabledReason, "why")
}

func defaultTypes(s *suite) {
	d, types := optional[driver.DefaultTypeManager](s), optional[driver.TypeManager](s)
	first, err := types.DefaultVolumeType(s.Context(), s.Caller)
	s.ok(err)
	vt, err := types.CreateVolumeType(s.Context(), s.AdminCaller, driver.VolumeType{Name: "t", IsPublic: true})
	s.ok(err)
	_, err = d.SetDefaultType(s.Context(), s.AdminCaller, s.Caller.ProjectID, "nope")
	s.want(driver.InvalidInput, err)
	_, err = d.SetDefaultType(s.Context(), s.AdminCaller, s.Caller.ProjectID, "t")
	s.ok(err)
	now, err := types.DefaultVolumeType(s.Context(), s.Caller)
	s.ok(err)
	s.equal("default", now.ID, vt.ID)
	s.want(driver.InvalidState, types.DeleteVolumeType(s.Context(), s.AdminCaller, vt.ID))
	now, err = types.DefaultVolumeType(s.Context(), s.OtherCaller)
	s.ok(err)
	s.equal("default of others", now.ID, first.ID)
	s.ok(d.UnsetDefaultType(s.Context(), s.AdminCaller, s.Caller.ProjectID))
	_, err = d.GetDefaultType(s.Context(), s.AdminCaller, s.Caller.ProjectID)
	s.want(driver.NotFound, err)
}
