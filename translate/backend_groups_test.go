package translate

import "cindergate/driver"

func (b *backend) GetQoSSpecs(ctx, caller, string) (driver.QoSSpecs, error) {
	return answer[driver.QoSSpecs](b)
}
func (b *backend) ListQoSSpecs(ctx, caller, driver.Query) (driver.Page[driver.QoSSpecs], error) {
	return answer[driver.Page[driver.QoSSpecs]](b)
}
func (b *backend) CreateQoSSpecs(ctx, caller, driver.QoSSpecs) (driver.QoSSpecs, error) {
	return answer[driver.QoSSpecs](b)
}
func (b *backend) UpdateQoSSpecs(ctx, caller, string, driver.QoSSpecsPatch) error { return b.done() }
func (b *backend) DeleteQoSSpecs(ctx, caller, string, bool) error                 { return b.done() }
func (b *backend) QoSAssociations(ctx, caller, string) ([]driver.VolumeType, error) {
	return answer[[]driver.VolumeType](b)
}
func (b *backend) AssociateQoSSpecs(ctx, caller, string, string) error    { return b.done() }
func (b *backend) DisassociateQoSSpecs(ctx, caller, string, string) error { return b.done() }

func (b *backend) CreateTypeEncryption(ctx, caller, string, driver.TypeEncryption) (driver.TypeEncryption, error) {
	return answer[driver.TypeEncryption](b)
}
func (b *backend) UpdateTypeEncryption(ctx, caller, string, driver.TypeEncryptionPatch) error {
	return b.done()
}
func (b *backend) DeleteTypeEncryption(ctx, caller, string) error { return b.done() }

func (b *backend) GetGroup(ctx, caller, string) (driver.Group, error) { return answer[driver.Group](b) }
func (b *backend) ListGroups(ctx, caller, driver.Query) (driver.Page[driver.Group], error) {
	return answer[driver.Page[driver.Group]](b)
}
func (b *backend) CreateGroup(ctx, caller, driver.GroupSpec) (driver.Group, error) {
	return answer[driver.Group](b)
}
func (b *backend) CreateGroupFromSource(ctx, caller, driver.GroupSource) (driver.Group, error) {
	return answer[driver.Group](b)
}
func (b *backend) UpdateGroup(ctx, caller, string, driver.GroupPatch) error { return b.done() }
func (b *backend) DeleteGroup(ctx, caller, string, bool) error              { return b.done() }
func (b *backend) ResetGroupStatus(ctx, caller, string, string) error       { return b.done() }

func (b *backend) GetGroupSnapshot(ctx, caller, string) (driver.GroupSnapshot, error) {
	return answer[driver.GroupSnapshot](b)
}
func (b *backend) ListGroupSnapshots(ctx, caller, driver.Query) (driver.Page[driver.GroupSnapshot], error) {
	return answer[driver.Page[driver.GroupSnapshot]](b)
}
func (b *backend) CreateGroupSnapshot(ctx, caller, driver.GroupSnapshotSpec) (driver.GroupSnapshot, error) {
	return answer[driver.GroupSnapshot](b)
}
func (b *backend) DeleteGroupSnapshot(ctx, caller, string) error              { return b.done() }
func (b *backend) ResetGroupSnapshotStatus(ctx, caller, string, string) error { return b.done() }

func (b *backend) GetGroupType(ctx, caller, string) (driver.GroupType, error) {
	return answer[driver.GroupType](b)
}
func (b *backend) ListGroupTypes(ctx, caller) ([]driver.GroupType, error) {
	return answer[[]driver.GroupType](b)
}
func (b *backend) CreateGroupType(ctx, caller, driver.GroupType) (driver.GroupType, error) {
	return answer[driver.GroupType](b)
}
func (b *backend) UpdateGroupType(ctx, caller, string, driver.GroupTypePatch) (driver.GroupType, error) {
	return answer[driver.GroupType](b)
}
func (b *backend) DeleteGroupType(ctx, caller, string) error { return b.done() }

func (b *backend) GetTransfer(ctx, caller, string) (driver.Transfer, error) {
	return answer[driver.Transfer](b)
}
func (b *backend) ListTransfers(ctx, caller, driver.Query) (driver.Page[driver.Transfer], error) {
	return answer[driver.Page[driver.Transfer]](b)
}
func (b *backend) CreateTransfer(ctx, caller, driver.TransferSpec) (driver.Transfer, string, error) {
	t, err := answer[driver.Transfer](b)
	return t, "", err
}
func (b *backend) AcceptTransfer(ctx, caller, string, string) (driver.Transfer, error) {
	return answer[driver.Transfer](b)
}
func (b *backend) DeleteTransfer(ctx, caller, string) error { return b.done() }

func (b *backend) GetAttachment(ctx, caller, string) (driver.Attachment, error) {
	return answer[driver.Attachment](b)
}
func (b *backend) ListAttachments(ctx, caller, driver.Query) (driver.Page[driver.Attachment], error) {
	return answer[driver.Page[driver.Attachment]](b)
}
func (b *backend) CreateAttachment(ctx, caller, driver.AttachmentSpec) (driver.Attachment, error) {
	return answer[driver.Attachment](b)
}
func (b *backend) UpdateAttachment(ctx, caller, string, map[string]any) (driver.Attachment, error) {
	return answer[driver.Attachment](b)
}
func (b *backend) CompleteAttachment(ctx, caller, string) error { return b.done() }
func (b *backend) DeleteAttachment(ctx, caller, string) ([]driver.Attachment, error) {
	return answer[[]driver.Attachment](b)
}

func (b *backend) UpdateService(ctx, caller, string, string, driver.ServicePatch) error {
	return b.done()
}
func (b *backend) HostUse(ctx, caller, string) ([]driver.HostUse, error) {
	return answer[[]driver.HostUse](b)
}
func (b *backend) ListDefaultTypes(ctx, caller) ([]driver.DefaultType, error) {
	return answer[[]driver.DefaultType](b)
}
func (b *backend) GetDefaultType(ctx, caller, string) (driver.DefaultType, error) {
	return answer[driver.DefaultType](b)
}
func (b *backend) SetDefaultType(ctx, caller, string, string) (driver.DefaultType, error) {
	return answer[driver.DefaultType](b)
}
func (b *backend) UnsetDefaultType(ctx, caller, string) error { return b.done() }
