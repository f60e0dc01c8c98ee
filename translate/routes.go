package translate

import (
	"context"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"cindergate/driver"
)

// Route is one operation of the Block Storage API, as data: its path, its policy, and the
// interface that a backend needs for it.
type Route struct {
	Method string
	// Path is the part of the URL's path after the version and the project, such as
	// /backups/:id. The segment :id becomes [Request.ID], :key [Request.Key].
	Path      string
	Operation string // the operation's name, such as CreateBackup
	// Since is the minor microversion that introduced the route; 0: every version has it.
	// Older requests get 404.
	Since int
	// V3Only says that v2 does not have the route.
	V3Only bool
	// Policy is the policy that the caller must meet. It is zero if any role may, or if the
	// policy depends on the request, as with actions.
	Policy Policy
	// Needs is the interface that the driver must implement; without it the answer is 501.
	// nil: any driver will do.
	Needs reflect.Type
	// Own is an interface that a [driver.Passthrough] may implement so that the gateway
	// serves the route itself. nil: the gateway forwards the request of such a driver
	// unchanged.
	Own reflect.Type
	// TakesBytes says that the body is bytes of any length, which the operation reads.
	TakesBytes bool

	serve method
}

// method is an operation of a Translator.
type method func(*Translator, context.Context, Request) (Response, error)

// Of returns the operation for one backend.
func (r *Route) Of(t *Translator) Operation {
	return func(ctx context.Context, q Request) (Response, error) { return r.serve(t, ctx, q) }
}

// ServedFor reports whether the gateway serves the route for a backend. Otherwise it
// forwards the request to a [driver.Passthrough].
func (r *Route) ServedFor(d driver.Driver) bool {
	_, forwards := d.(driver.Passthrough)
	return !forwards || r.Own != nil && reflect.TypeOf(d).Implements(r.Own)
}

// Routes returns every route of the API, grouped by resource.
func Routes() []Route { return slices.Clone(routes) }

func route(verb, path string, m method) Route {
	name := runtime.FuncForPC(reflect.ValueOf(m).Pointer()).Name()
	return Route{Method: verb, Path: path, Operation: name[strings.LastIndexByte(name, '.')+1:], serve: m}
}

func get(path string, m method) Route    { return route(http.MethodGet, path, m) }
func post(path string, m method) Route   { return route(http.MethodPost, path, m) }
func put(path string, m method) Route    { return route(http.MethodPut, path, m) }
func remove(path string, m method) Route { return route(http.MethodDelete, path, m) }

// fixed returns a method that is the same for every backend.
func fixed(o Operation) method {
	return func(_ *Translator, ctx context.Context, r Request) (Response, error) { return o(ctx, r) }
}

// is returns the type of an interface of package driver.
func is[I any]() reflect.Type { return reflect.TypeFor[I]() }

func (r Route) named(operation string) Route      { r.Operation = operation; return r }
func (r Route) by(p Policy) Route                 { r.Policy = p; return r }
func (r Route) from(minor int) Route              { r.Since = minor; return r }
func (r Route) on(driver reflect.Type) Route      { r.Needs = driver; return r }
func (r Route) ownWith(driver reflect.Type) Route { r.Own = driver; return r }
func (r Route) takingBytes() Route                { r.TakesBytes = true; return r }
func (r Route) notV2() Route                      { r.V3Only = true; return r }

// section holds the settings that a group of routes has in common. A route may override
// them.
type section struct {
	needs, own reflect.Type
	since      int
}

func (s section) of(all ...Route) []Route {
	for i := range all {
		r := &all[i]
		if r.Needs == nil {
			r.Needs = s.needs
		}
		if r.Own == nil {
			r.Own = s.own
		}
		if r.Since == 0 {
			r.Since = s.since
		}
	}
	return all
}

var routes = slices.Concat(
	// Backups.
	section{own: is[driver.Driver]()}.of(
		get("/backups", (*Translator).ListBackups),
		post("/backups", (*Translator).CreateBackup).by(BackupCreate),
		get("/backups/detail", (*Translator).ListBackupsDetail),
		post("/backups/import_record", (*Translator).ImportRecord).by(backupImport).on(is[driver.RecordPorter]()),
		get("/backups/:id", (*Translator).ShowBackup),
		put("/backups/:id", (*Translator).UpdateBackup).by(backupUpdate).on(is[driver.BackupUpdater]()).from(driver.MVBackupUpdate),
		remove("/backups/:id", (*Translator).DeleteBackup).by(BackupDelete),
		post("/backups/:id/restore", (*Translator).RestoreBackup).by(BackupRestore),
		post("/backups/:id/action", (*Translator).ActOnBackup).on(is[driver.BackupAdmin]()),
		get("/backups/:id/data", (*Translator).ShowBackupData).by(backupData).on(is[driver.ContentReader]()).ownWith(is[driver.ContentReader]()),
		route(http.MethodHead, "/backups/:id/data", (*Translator).ShowBackupData).by(backupData).on(is[driver.ContentReader]()).ownWith(is[driver.ContentReader]()),
		put("/backups/:id/data", (*Translator).PutBackupData).by(backupUpload).on(is[driver.ContentWriter]()).ownWith(is[driver.ContentWriter]()).takingBytes(),
		post("/backups/upload", (*Translator).StartUpload).by(backupUpload).on(is[driver.ContentWriter]()).ownWith(is[driver.ContentWriter]()),
		get("/backups/:id/upload", (*Translator).ShowUpload).by(backupUpload).on(is[driver.ContentWriter]()).ownWith(is[driver.ContentWriter]()),
		post("/backups/:id/upload", (*Translator).CommitUpload).by(backupUpload).on(is[driver.ContentWriter]()).ownWith(is[driver.ContentWriter]()),
		remove("/backups/:id/upload", (*Translator).AbortUpload).by(backupUpload).on(is[driver.ContentWriter]()).ownWith(is[driver.ContentWriter]()),
		get("/backups/:id/export_record", (*Translator).ExportRecord).by(backupExport).on(is[driver.RecordPorter]()),
		post("/backups/:id/import_record", (*Translator).ImportRecord).by(backupImport).on(is[driver.RecordPorter]()),
	),
	// Volumes.
	section{needs: is[driver.VolumeReader]()}.of(
		get("/volumes", (*Translator).ListVolumes).on(is[driver.VolumeLister]()),
		post("/volumes", (*Translator).CreateVolume).by(volumeCreate).on(is[driver.VolumeManager]()),
		get("/volumes/detail", (*Translator).ListVolumesDetail).on(is[driver.VolumeLister]()),
		get("/volumes/summary", (*Translator).SummarizeVolumes).from(driver.MVVolumeSummary).ownWith(is[driver.VolumeSummarizer]()),
		get("/volumes/:id", (*Translator).ShowVolume),
		put("/volumes/:id", (*Translator).UpdateVolume).by(volumeUpdate).on(is[driver.VolumeManager]()),
		remove("/volumes/:id", (*Translator).DeleteVolume).by(volumeDelete).on(is[driver.VolumeManager]()),
		post("/volumes/:id/action", (*Translator).ActOnVolume).on(is[driver.VolumeManager]()),
		get("/volumes/:id/encryption", (*Translator).ShowVolumeEncryption),
		get("/volumes/:id/encryption/:key", (*Translator).ShowVolumeEncryption),
		get("/volumes/:id/metadata", volumeMetadata(metadataOf.list)).named("ListVolumeMetadata"),
		post("/volumes/:id/metadata", volumeMetadata(metadataOf.add)).named("AddVolumeMetadata").by(volumeMetadataCreate).on(is[driver.VolumeManager]()),
		put("/volumes/:id/metadata", volumeMetadata(metadataOf.replace)).named("ReplaceVolumeMetadata").by(volumeMetadataUpdate).on(is[driver.VolumeManager]()),
		get("/volumes/:id/metadata/:key", volumeMetadata(metadataOf.show)).named("ShowVolumeMetadata"),
		put("/volumes/:id/metadata/:key", volumeMetadata(metadataOf.set)).named("SetVolumeMetadata").by(volumeMetadataUpdate).on(is[driver.VolumeManager]()),
		remove("/volumes/:id/metadata/:key", volumeMetadata(metadataOf.remove)).named("RemoveVolumeMetadata").by(volumeMetadataDelete).on(is[driver.VolumeManager]()),
	),
	// Snapshots.
	section{needs: is[driver.SnapshotManager]()}.of(
		get("/snapshots", (*Translator).ListSnapshots),
		post("/snapshots", (*Translator).CreateSnapshot).by(snapshotCreate),
		get("/snapshots/detail", (*Translator).ListSnapshotsDetail),
		get("/snapshots/:id", (*Translator).ShowSnapshot),
		put("/snapshots/:id", (*Translator).UpdateSnapshot).by(snapshotUpdate),
		remove("/snapshots/:id", (*Translator).DeleteSnapshot).by(snapshotDelete),
		post("/snapshots/:id/action", (*Translator).ActOnSnapshot),
		get("/snapshots/:id/metadata", snapshotMetadata(metadataOf.list)).named("ListSnapshotMetadata"),
		post("/snapshots/:id/metadata", snapshotMetadata(metadataOf.add)).named("AddSnapshotMetadata").by(snapshotMetadataUpdate),
		put("/snapshots/:id/metadata", snapshotMetadata(metadataOf.replace)).named("ReplaceSnapshotMetadata").by(snapshotMetadataUpdate),
		get("/snapshots/:id/metadata/:key", snapshotMetadata(metadataOf.show)).named("ShowSnapshotMetadata"),
		put("/snapshots/:id/metadata/:key", snapshotMetadata(metadataOf.set)).named("SetSnapshotMetadata").by(snapshotMetadataUpdate),
		remove("/snapshots/:id/metadata/:key", snapshotMetadata(metadataOf.remove)).named("RemoveSnapshotMetadata").by(snapshotMetadataDelete),
	),
	// Volume types.
	section{needs: is[driver.TypeReader]()}.of(
		get("/types", (*Translator).ListTypes),
		post("/types", (*Translator).CreateType).by(typeCreate).on(is[driver.TypeManager]()),
		get("/types/:id", (*Translator).ShowType),
		put("/types/:id", (*Translator).UpdateType).by(typeUpdate).on(is[driver.TypeManager]()),
		remove("/types/:id", (*Translator).DeleteType).by(typeDelete).on(is[driver.TypeManager]()),
		post("/types/:id/action", (*Translator).ActOnType).on(is[driver.TypeManager]()),
		get("/types/:id/encryption", (*Translator).ShowTypeEncryption).by(encryptionGet),
		post("/types/:id/encryption", (*Translator).CreateTypeEncryption).by(encryptionCreate).on(is[driver.TypeEncrypter]()),
		get("/types/:id/encryption/:key", (*Translator).ShowTypeEncryptionMember).by(encryptionGet),
		put("/types/:id/encryption/:key", (*Translator).UpdateTypeEncryption).by(encryptionUpdate).on(is[driver.TypeEncrypter]()),
		remove("/types/:id/encryption/:key", (*Translator).DeleteTypeEncryption).by(encryptionDelete).on(is[driver.TypeEncrypter]()),
		get("/types/:id/os-volume-type-access", (*Translator).ListTypeAccess).by(typeAccessList),
		get("/types/:id/extra_specs", (*Translator).ListExtraSpecs),
		post("/types/:id/extra_specs", (*Translator).AddExtraSpecs).by(extraSpecsCreate).on(is[driver.TypeManager]()),
		get("/types/:id/extra_specs/:key", (*Translator).ShowExtraSpec),
		put("/types/:id/extra_specs/:key", (*Translator).SetExtraSpec).by(extraSpecsUpdate).on(is[driver.TypeManager]()),
		remove("/types/:id/extra_specs/:key", (*Translator).DeleteExtraSpec).by(extraSpecsDelete).on(is[driver.TypeManager]()),
	),
	section{needs: is[driver.DefaultTypeManager](), since: driver.MVDefaultTypes}.of(
		get("/default-types", (*Translator).ListDefaultTypes).by(defaultTypeList).notV2(),
		get("/default-types/:id", (*Translator).ShowDefaultType).by(defaultTypeGet).notV2(),
		put("/default-types/:id", (*Translator).SetDefaultType).by(defaultTypeSet).notV2(),
		remove("/default-types/:id", (*Translator).UnsetDefaultType).by(defaultTypeUnset).notV2(),
	),
	// QoS specs.
	section{needs: is[driver.QoSManager]()}.of(
		get("/qos-specs", (*Translator).ListQoSSpecs).by(qosList),
		post("/qos-specs", (*Translator).CreateQoSSpecs).by(qosCreate),
		get("/qos-specs/:id", (*Translator).ShowQoSSpecs).by(qosGet),
		put("/qos-specs/:id", (*Translator).UpdateQoSSpecs).by(qosUpdate),
		remove("/qos-specs/:id", (*Translator).DeleteQoSSpecs).by(qosDelete),
		put("/qos-specs/:id/delete_keys", (*Translator).DeleteQoSKeys).by(qosDelete),
		get("/qos-specs/:id/associations", (*Translator).ListQoSAssociations).by(qosList),
		get("/qos-specs/:id/associate", (*Translator).AssociateQoSSpecs).by(qosUpdate),
		get("/qos-specs/:id/disassociate", (*Translator).DisassociateQoSSpecs).by(qosUpdate),
		get("/qos-specs/:id/disassociate_all", (*Translator).DisassociateAllQoSSpecs).by(qosUpdate),
	),
	// Attachments.
	section{needs: is[driver.AttachmentManager](), since: driver.MVAttachments}.of(
		get("/attachments", (*Translator).ListAttachments),
		post("/attachments", (*Translator).CreateAttachment).by(attachmentCreate),
		get("/attachments/detail", (*Translator).ListAttachmentsDetail),
		get("/attachments/:id", (*Translator).ShowAttachment),
		put("/attachments/:id", (*Translator).UpdateAttachment).by(attachmentUpdate),
		remove("/attachments/:id", (*Translator).DeleteAttachment).by(attachmentDelete),
		post("/attachments/:id/action", (*Translator).ActOnAttachment),
	),
	// Groups.
	section{needs: is[driver.GroupTypeManager](), since: driver.MVGroupType}.of(
		get("/group_types", (*Translator).ListGroupTypes),
		post("/group_types", (*Translator).CreateGroupType).by(groupTypeCreate),
		get("/group_types/:id", (*Translator).ShowGroupType),
		put("/group_types/:id", (*Translator).UpdateGroupType).by(groupTypeUpdate),
		remove("/group_types/:id", (*Translator).DeleteGroupType).by(groupTypeDelete),
		get("/group_types/:id/group_specs", (*Translator).ListGroupSpecs).by(groupSpecsList),
		post("/group_types/:id/group_specs", (*Translator).AddGroupSpecs).by(groupSpecsCreate),
		get("/group_types/:id/group_specs/:key", (*Translator).ShowGroupSpec).by(groupSpecsGet),
		put("/group_types/:id/group_specs/:key", (*Translator).SetGroupSpec).by(groupSpecsUpdate),
		remove("/group_types/:id/group_specs/:key", (*Translator).DeleteGroupSpec).by(groupSpecsDelete),
	),
	section{needs: is[driver.GroupManager](), since: driver.MVGroupVolume}.of(
		get("/groups", (*Translator).ListGroups),
		post("/groups", (*Translator).CreateGroup).by(groupCreate),
		get("/groups/detail", (*Translator).ListGroupsDetail),
		post("/groups/action", (*Translator).ActOnGroups),
		get("/groups/:id", (*Translator).ShowGroup),
		put("/groups/:id", (*Translator).UpdateGroup).by(groupUpdate),
		post("/groups/:id/action", (*Translator).ActOnGroup),
	),
	section{needs: is[driver.GroupSnapshotManager](), since: driver.MVGroupSnapshot}.of(
		get("/group_snapshots", (*Translator).ListGroupSnapshots),
		post("/group_snapshots", (*Translator).CreateGroupSnapshot).by(groupSnapshotCreate),
		get("/group_snapshots/detail", (*Translator).ListGroupSnapshotsDetail),
		get("/group_snapshots/:id", (*Translator).ShowGroupSnapshot),
		remove("/group_snapshots/:id", (*Translator).DeleteGroupSnapshot).by(groupSnapshotDelete),
		post("/group_snapshots/:id/action", (*Translator).ActOnGroupSnapshot),
	),
	// Transfers.
	section{needs: is[driver.TransferManager]()}.of(
		get("/os-volume-transfer", (*Translator).ListTransfers),
		get("/os-volume-transfer/detail", (*Translator).ListTransfersDetail),
		post("/os-volume-transfer", (*Translator).CreateTransfer).by(transferCreate),
		get("/os-volume-transfer/:id", (*Translator).ShowTransfer),
		remove("/os-volume-transfer/:id", (*Translator).DeleteTransfer).by(transferDelete),
		post("/os-volume-transfer/:id/accept", (*Translator).AcceptTransfer).by(transferAccept),
		get("/volume-transfers", (*Translator).ListVolumeTransfers),
		get("/volume-transfers/detail", (*Translator).ListVolumeTransfersDetail),
		post("/volume-transfers", (*Translator).CreateTransfer).by(transferCreate),
		get("/volume-transfers/:id", (*Translator).ShowTransfer),
		remove("/volume-transfers/:id", (*Translator).DeleteTransfer).by(transferDelete),
		post("/volume-transfers/:id/accept", (*Translator).AcceptTransfer).by(transferAccept),
	),
	// Limits and quotas.
	section{needs: is[driver.QuotaManager]()}.of(
		get("/limits", (*Translator).ShowLimits).on(is[driver.QuotaReader]()).ownWith(is[driver.QuotaReader]()),
		get("/os-quota-sets/:id", (*Translator).ShowQuotas).by(quotaShow).on(is[driver.QuotaReader]()).ownWith(is[driver.QuotaReader]()),
		put("/os-quota-sets/:id", (*Translator).UpdateQuotas).by(quotaUpdate),
		remove("/os-quota-sets/:id", (*Translator).ResetQuotas).by(quotaDelete),
		get("/os-quota-sets/:id/defaults", (*Translator).DefaultQuotas).by(quotaShow),
		get("/os-quota-class-sets/:id", (*Translator).ShowQuotaClass).by(quotaClassGet),
		put("/os-quota-class-sets/:id", (*Translator).UpdateQuotaClass).by(quotaClassUpdate),
	),
	// Messages.
	section{needs: is[driver.MessageReader](), since: driver.MVMessages}.of(
		get("/messages", (*Translator).ListMessages),
		get("/messages/:id", (*Translator).ShowMessage),
		remove("/messages/:id", (*Translator).DeleteMessage).by(messageDelete),
	),
	// Jobs.
	section{}.of(
		get("/jobs", (*Translator).ListJobs).on(is[driver.JobLister]()).ownWith(is[driver.JobLister]()),
	),
	// The cloud as a whole.
	section{needs: is[driver.Cloud]()}.of(
		get("/os-services", (*Translator).ListServices).by(servicesList),
		put("/os-services/:id", (*Translator).UpdateService).by(servicesUpdate).on(is[driver.ServiceManager]()),
		get("/os-hosts", (*Translator).ListHosts).by(hostsManage),
		get("/os-hosts/:id", (*Translator).ShowHost).by(hostsManage).on(is[driver.ServiceManager]()),
		get("/os-availability-zone", (*Translator).ListAvailabilityZones),
		get("/scheduler-stats/get_pools", (*Translator).ListPools).by(poolsGet),
		get("/capabilities/:id", (*Translator).ShowCapabilities).by(capabilitiesShow),
	),
	// Routes whose answers are the same for every backend.
	section{}.of(
		get("/extensions", fixed(ListExtensions)).named("ListExtensions"),
		get("/extensions/:id", fixed(ShowExtension)).named("ShowExtension"),
		get("/resource_filters", fixed(ListResourceFilters)).named("ListResourceFilters").from(driver.MVResourceFilters),
	),
	// Lists that are always empty here. Clients probe them.
	section{}.of(
		get("/clusters", fixed(clusters)).named("ListClusters").by(clustersList).from(driver.MVClusterSupport),
		get("/os-volume-manage", fixed(empty("manageable-volumes", 0, &manageableList))).named("ListManageable").by(manageableList),
		get("/os-snapshot-manage", fixed(empty("manageable-snapshots", 0, &snapshotsManaged))).named("ListManageableSnapshots").by(snapshotsManaged),
		get("/manageable_volumes", fixed(empty("manageable-volumes", driver.MVManageExisting, &manageableList))).named("ListManageableVolumes").by(manageableList).from(driver.MVManageExisting),
		get("/manageable_snapshots", fixed(empty("manageable-snapshots", driver.MVManageExisting, &snapshotsManaged))).named("ListManageableSnapshots").by(snapshotsManaged).from(driver.MVManageExisting),
		get("/consistencygroups", fixed(empty("consistencygroups", 0, nil))).named("ListConsistencyGroups"),
		get("/cgsnapshots", fixed(empty("cgsnapshots", 0, nil))).named("ListConsistencyGroupSnapshots"),
		get("/clusters/detail", fixed(clusters)).named("ListClustersDetail").by(clustersList).from(driver.MVClusterSupport),
		get("/os-volume-manage/detail", fixed(empty("manageable-volumes", 0, &manageableList))).named("ListManageableDetail").by(manageableList),
		get("/os-snapshot-manage/detail", fixed(empty("manageable-snapshots", 0, &snapshotsManaged))).named("ListManageableSnapshotsDetail").by(snapshotsManaged),
		get("/manageable_volumes/detail", fixed(empty("manageable-volumes", driver.MVManageExisting, &manageableList))).named("ListManageableVolumesDetail").by(manageableList).from(driver.MVManageExisting),
		get("/manageable_snapshots/detail", fixed(empty("manageable-snapshots", driver.MVManageExisting, &snapshotsManaged))).named("ListManageableSnapshotsDetail").by(snapshotsManaged).from(driver.MVManageExisting),
		get("/consistencygroups/detail", fixed(empty("consistencygroups", 0, nil))).named("ListConsistencyGroupsDetail"),
		get("/cgsnapshots/detail", fixed(empty("cgsnapshots", 0, nil))).named("ListConsistencyGroupSnapshotsDetail"),
	),
)
