package drivertest

import (
	"slices"

	"cindergate/driver"
)

func qosSpecs(s *suite) {
	d, types := optional[driver.QoSManager](s), optional[driver.TypeManager](s)
	specs, err := d.CreateQoSSpecs(s.Context(), s.AdminCaller, driver.QoSSpecs{Name: "q", Consumer: "both", Specs: map[string]string{"a": "b"}})
	s.ok(err)
	_, err = d.CreateQoSSpecs(s.Context(), s.AdminCaller, driver.QoSSpecs{Name: "q", Consumer: "both"})
	s.want(driver.Conflict, err)
	vt, err := types.CreateVolumeType(s.Context(), s.AdminCaller, driver.VolumeType{Name: "t", IsPublic: true})
	s.ok(err)
	s.want(driver.NotFound, d.AssociateQoSSpecs(s.Context(), s.AdminCaller, specs.ID, unknown))
	s.ok(d.AssociateQoSSpecs(s.Context(), s.AdminCaller, specs.ID, vt.ID))
	with, err := d.QoSAssociations(s.Context(), s.AdminCaller, specs.ID)
	s.ok(err)
	s.equal("types with the specs", len(with), 1)
	s.want(driver.InvalidState, d.DeleteQoSSpecs(s.Context(), s.AdminCaller, specs.ID, false))
	s.want(driver.NotFound, d.UpdateQoSSpecs(s.Context(), s.AdminCaller, specs.ID,
		driver.QoSSpecsPatch{Specs: driver.MetadataChange{Remove: []string{"a", "nope"}}}))
	specs, err = d.GetQoSSpecs(s.Context(), s.AdminCaller, specs.ID)
	s.ok(err)
	s.equal("keys left", len(specs.Specs), 0)
	s.ok(d.DeleteQoSSpecs(s.Context(), s.AdminCaller, specs.ID, true))
	_, err = d.GetQoSSpecs(s.Context(), s.AdminCaller, specs.ID)
	s.want(driver.NotFound, err)
	vt, err = types.GetVolumeType(s.Context(), s.AdminCaller, vt.ID)
	s.ok(err)
	s.equal("specs of the type", vt.QoSSpecsID, "")
}

func typeEncryption(s *suite) {
	d, types := optional[driver.TypeEncrypter](s), optional[driver.TypeManager](s)
	vt, err := types.CreateVolumeType(s.Context(), s.AdminCaller, driver.VolumeType{Name: "t", IsPublic: true})
	s.ok(err)
	s.want(driver.NotFound, d.DeleteTypeEncryption(s.Context(), s.AdminCaller, vt.ID))
	_, err = d.CreateTypeEncryption(s.Context(), s.AdminCaller, vt.ID, driver.TypeEncryption{Provider: "luks", ControlLocation: "front-end"})
	s.ok(err)
	s.ok(d.UpdateTypeEncryption(s.Context(), s.AdminCaller, vt.ID, driver.TypeEncryptionPatch{KeySize: driver.Some(ptr(256))}))
	vt, err = types.GetVolumeType(s.Context(), s.AdminCaller, vt.ID)
	s.ok(err)
	s.equal("provider", vt.Encryption.Provider, "luks")
	s.equal("key size", *vt.Encryption.KeySize, 256)
	s.ok(d.DeleteTypeEncryption(s.Context(), s.AdminCaller, vt.ID))
}

// grouped makes a group of a new type with one volume in it.
func (s *suite) grouped() (driver.Group, driver.Volume) {
	s.Helper()
	groups, types := optional[driver.GroupManager](s), optional[driver.TypeManager](s)
	gt, err := optional[driver.GroupTypeManager](s).CreateGroupType(s.Context(), s.AdminCaller, driver.GroupType{Name: "gt", IsPublic: true})
	s.ok(err)
	vt, err := types.CreateVolumeType(s.Context(), s.AdminCaller, driver.VolumeType{Name: "vt", IsPublic: true})
	s.ok(err)
	g, err := groups.CreateGroup(s.Context(), s.Caller, driver.GroupSpec{Name: ptr("g"), GroupType: gt.ID, VolumeTypes: []string{vt.Name}})
	s.ok(err)
	s.Settle(s.T)
	v, err := optional[driver.VolumeManager](s).CreateVolume(s.Context(), s.Caller, driver.VolumeSpec{Size: 1, VolumeType: vt.ID, GroupID: g.ID})
	s.ok(err)
	s.Settle(s.T)
	return s.group(g.ID), v
}

func (s *suite) group(id string) driver.Group {
	s.Helper()
	g, err := optional[driver.GroupManager](s).GetGroup(s.Context(), s.Caller, id)
	s.ok(err)
	return g
}

func groupLifecycle(s *suite) {
	groups, volumes := optional[driver.GroupManager](s), optional[driver.VolumeManager](s)
	g, v := s.grouped()
	s.equal("status", g.Status, "available")
	s.equal("volumes", slices.Equal(g.VolumeIDs, []string{v.ID}), true)
	_, err := groups.GetGroup(s.Context(), s.OtherCaller, g.ID)
	s.want(driver.NotFound, err)
	s.want(driver.InvalidState, volumes.DeleteVolume(s.Context(), s.Caller, v.ID, driver.VolumeDelete{}))
	s.want(driver.InvalidState, groups.DeleteGroup(s.Context(), s.Caller, g.ID, false))
	s.want(driver.InvalidState, optional[driver.GroupTypeManager](s).DeleteGroupType(s.Context(), s.AdminCaller, g.GroupTypeID))

	s.ok(groups.UpdateGroup(s.Context(), s.Caller, g.ID, driver.GroupPatch{Name: ptr("h"), RemoveVolumes: []string{v.ID}}))
	s.Settle(s.T)
	s.equal("volumes", len(s.group(g.ID).VolumeIDs), 0)
	s.want(driver.InvalidState, groups.UpdateGroup(s.Context(), s.Caller, g.ID, driver.GroupPatch{AddVolumes: []string{unknown}}))
	s.ok(groups.UpdateGroup(s.Context(), s.Caller, g.ID, driver.GroupPatch{AddVolumes: []string{v.ID}}))
	s.Settle(s.T)

	clone, err := groups.CreateGroupFromSource(s.Context(), s.Caller, driver.GroupSource{SourceGroupID: g.ID})
	s.ok(err)
	s.equal("status", clone.Status, "creating")
	s.want(driver.InvalidState, groups.DeleteGroup(s.Context(), s.Caller, g.ID, true))
	s.Settle(s.T)
	s.equal("status", s.group(clone.ID).Status, "available")
	s.equal("volumes", len(s.group(clone.ID).VolumeIDs), 1)
	for _, id := range []string{clone.ID, g.ID} {
		s.ok(groups.DeleteGroup(s.Context(), s.Caller, id, true))
		s.Settle(s.T)
		_, err = groups.GetGroup(s.Context(), s.Caller, id)
		s.want(driver.NotFound, err)
	}
	_, err = volumes.GetVolume(s.Context(), s.Caller, v.ID)
	s.want(driver.NotFound, err)
}

func groupSnapshotLifecycle(s *suite) {
	d, groups := optional[driver.GroupSnapshotManager](s), optional[driver.GroupManager](s)
	snapshots := optional[driver.SnapshotManager](s)
	g, v := s.grouped()
	gs, err := d.CreateGroupSnapshot(s.Context(), s.Caller, driver.GroupSnapshotSpec{GroupID: g.ID})
	s.ok(err)
	s.Settle(s.T)
	gs, err = d.GetGroupSnapshot(s.Context(), s.Caller, gs.ID)
	s.ok(err)
	s.equal("status", gs.Status, "available")
	page, err := snapshots.ListSnapshots(s.Context(), s.Caller, driver.Query{Limit: -1})
	s.ok(err)
	s.equal("snapshots", len(page.Items), 1)
	part := page.Items[0]
	s.equal("volume", part.VolumeID, v.ID)
	s.equal("group snapshot", part.GroupSnapshotID, gs.ID)
	s.want(driver.InvalidState, snapshots.DeleteSnapshot(s.Context(), s.Caller, part.ID, false))
	s.want(driver.InvalidState, groups.DeleteGroup(s.Context(), s.Caller, g.ID, true))
	made, err := groups.CreateGroupFromSource(s.Context(), s.Caller, driver.GroupSource{GroupSnapshotID: gs.ID})
	s.ok(err)
	s.Settle(s.T)
	s.equal("status", s.group(made.ID).Status, "available")
	s.ok(d.DeleteGroupSnapshot(s.Context(), s.Caller, gs.ID))
	s.Settle(s.T)
	_, err = d.GetGroupSnapshot(s.Context(), s.Caller, gs.ID)
	s.want(driver.NotFound, err)
	_, err = snapshots.GetSnapshot(s.Context(), s.Caller, part.ID)
	s.want(driver.NotFound, err)
}

func groupQuota(s *suite) {
	d := optional[driver.QuotaManager](s)
	g, _ := s.grouped()
	s.equal("groups in use", s.quota(d, driver.QuotaGroups).InUse, 1)
	_, err := d.SetQuotas(s.Context(), s.AdminCaller, s.Caller.ProjectID, map[string]int{driver.QuotaGroups: 1})
	s.ok(err)
	_, err = optional[driver.GroupManager](s).CreateGroupFromSource(s.Context(), s.Caller, driver.GroupSource{SourceGroupID: g.ID})
	s.want(driver.OverLimit, err)
}
