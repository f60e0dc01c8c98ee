package translate

import (
	"context"
	"net/http"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// volumeAction decodes one action of POST /volumes/{id}/action.
type volumeAction struct {
	policy Policy
	body   *schema.Schema // nil: any value
	status int
	since  int // microversion
	decode func(r Request, body *schema.Object) (driver.VolumeAction, error)
}

// Policies of the actions that are not in volumeActions.
var (
	volumeAdminDelete = admin("volume_extension:volume_admin_actions:force_delete")
	volumeConnect     = member("volume_extension:volume_actions:initialize_connection")
	volumeDisconnect  = member("volume_extension:volume_actions:terminate_connection")
)

func member(name string) Policy { return Policy{name, driver.Member} }
func admin(name string) Policy  { return Policy{name, driver.Admin} }

// volumeActions are the actions of cinder/api/contrib/volume_actions.py, admin_actions.py,
// volume_image_metadata.py and v3/volumes.py.
var volumeActions = map[string]volumeAction{
	"os-extend": {
		policy: member("volume:extend"), status: http.StatusAccepted,
		body: schema.Body("os-extend", schema.Members(schema.Property{Name: "new_size", Schema: schema.VolumeSize}).Require("new_size")),
		decode: func(r Request, body *schema.Object) (driver.VolumeAction, error) {
			return driver.ExtendVolume{Size: body.Integer("new_size"), Attached: r.Version.AtLeast(driver.MVExtendInUse)}, nil
		},
	},
	"os-set_bootable": {
		policy: member("volume:update"), status: http.StatusOK,
		body: schema.Body("os-set_bootable", schema.Members(schema.Property{Name: "bootable", Schema: schema.Boolean}).Require("bootable")),
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			return driver.SetVolumeBootable{Bootable: body.Flag("bootable")}, nil
		},
	},
	"os-update_readonly_flag": {
		policy: member("volume:update_readonly_flag"), status: http.StatusAccepted,
		body: schema.Body("os-update_readonly_flag", schema.Members(schema.Property{Name: "readonly", Schema: schema.Boolean}).Require("readonly")),
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			return driver.SetVolumeReadonly{Readonly: body.Flag("readonly")}, nil
		},
	},
	"os-reset_status": {
		policy: admin("volume_extension:volume_admin_actions:reset_status"), status: http.StatusAccepted,
		body: resetVolumeBody, decode: decodeResetVolume,
	},
	"os-attach": {
		policy: member("volume_extension:volume_actions:attach"), status: http.StatusAccepted,
		body: attachBody,
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			mode := body.Text("mode")
			if mode == "" {
				mode = "rw"
			}
			return driver.AttachVolume{
				ServerID: body.Text("instance_uuid"), HostName: body.Text("host_name"),
				Device: body.Text("mountpoint"), Mode: mode,
			}, nil
		},
	},
	"os-detach": {
		policy: member("volume_extension:volume_actions:detach"), status: http.StatusAccepted,
		body: schema.Body("os-detach", schema.Members(schema.Property{Name: "attachment_id", Schema: schema.NullUUID}).Nullable()),
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			if body == nil {
				return driver.DetachVolume{}, nil
			}
			return driver.DetachVolume{AttachmentID: body.Text("attachment_id")}, nil
		},
	},
	"os-force_detach": {
		policy: admin("volume_extension:volume_admin_actions:force_detach"), status: http.StatusAccepted,
		body: schema.Body("os-force_detach", schema.Members(
			schema.Property{Name: "connector", Schema: schema.Schema{Types: []string{"string", "object", "null"}}},
			schema.Property{Name: "attachment_id", Schema: schema.Schema{Types: []string{"string", "null"}}},
		)),
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			return driver.DetachVolume{AttachmentID: body.Text("attachment_id")}, nil
		},
	},
	"os-reserve":         simpleAction("reserve", driver.ReserveVolume{}),
	"os-unreserve":       simpleAction("unreserve", driver.UnreserveVolume{}),
	"os-begin_detaching": simpleAction("begin_detaching", driver.BeginDetaching{}),
	"os-roll_detaching":  simpleAction("roll_detaching", driver.RollDetaching{}),
	"os-retype": {
		policy: member("volume:retype"), status: http.StatusAccepted,
		body: schema.Body("os-retype", schema.Members(
			schema.Property{Name: "new_type", Schema: schema.String},
			schema.Property{Name: "migration_policy", Schema: schema.Schema{
				Types: []string{"string", "null"}, Enum: []any{"on-demand", "never"},
			}},
		).Require("new_type")),
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			return driver.RetypeVolume{VolumeType: body.Text("new_type"), Policy: body.Text("migration_policy")}, nil
		},
	},
	"revert": {
		policy: member("volume:revert_to_snapshot"), status: http.StatusAccepted, since: driver.MVVolumeRevert,
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			if body == nil {
				return nil, driver.Errorf(driver.InvalidInput, "Missing required element 'revert' in request body.")
			}
			return driver.RevertVolume{SnapshotID: body.Text("snapshot_id")}, nil
		},
	},
	"os-set_image_metadata": {
		policy: member("volume_extension:volume_image_metadata:set"), status: http.StatusOK,
		body: schema.Body("os-set_image_metadata", schema.Members(schema.Property{Name: "metadata", Schema: schema.Metadata}).Require("metadata")),
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			return driver.SetImageMetadata{Metadata: body.StringMap("metadata")}, nil
		},
	},
	"os-unset_image_metadata": {
		policy: member("volume_extension:volume_image_metadata:remove"), status: http.StatusOK,
		body: schema.Body("os-unset_image_metadata", schema.Members(schema.Property{Name: "key", Schema: schema.TextSet255}).Require("key")),
		decode: func(_ Request, body *schema.Object) (driver.VolumeAction, error) {
			return driver.UnsetImageMetadata{Key: body.Text("key")}, nil
		},
	},
}

func simpleAction(name string, a driver.VolumeAction) volumeAction {
	return volumeAction{
		policy: member("volume_extension:volume_actions:" + name), status: http.StatusAccepted,
		decode: func(Request, *schema.Object) (driver.VolumeAction, error) { return a, nil },
	}
}

var attachBody = schema.Body("os-attach", anyOf(schema.Members(
	schema.Property{Name: "instance_uuid", Schema: schema.UUID},
	schema.Property{Name: "mountpoint", Schema: schema.TextSet255},
	schema.Property{Name: "host_name", Schema: schema.Text255},
	schema.Property{Name: "mode", Schema: schema.Schema{Types: []string{"string"}, Enum: []any{"rw", "ro"}}},
).Require("mountpoint"), "instance_uuid", "host_name"))

// volumeStatuses are the values of VolumeStatus in cinder/objects/fields.py.
var volumeStatuses = []string{
	"creating", "available", "deleting", "error", "error_deleting", "error_managing", "managing", "attaching",
	"in-use", "detaching", "maintenance", "restoring-backup", "error_restoring", "reserved", "awaiting-transfer",
	"backing-up", "error_backing-up", "error_extending", "downloading", "uploading", "retyping", "extending",
}

var resetVolumeBody = schema.Body("os-reset_status", schema.Members(
	schema.Property{Name: "status", Schema: nullStatus("Volume status", volumeStatuses...)},
	schema.Property{Name: "attach_status", Schema: nullStatus("Volume attach status", "attached", "detached")},
	schema.Property{Name: "migration_status", Schema: nullStatus("Volume migration status",
		"migrating", "error", "success", "completing", "none", "starting")},
))

// nullStatus also accepts "" and null, which change nothing.
func nullStatus(what string, valid ...string) schema.Schema {
	strict := oneOfStatuses(what, valid...)
	return schema.Schema{Types: []string{"string", "null"}, Format: &schema.Format{Name: strict.Name, Check: func(v any) string {
		if v == "" {
			return ""
		}
		return strict.Check(v)
	}}}
}

func decodeResetVolume(_ Request, body *schema.Object) (driver.VolumeAction, error) {
	a := driver.ResetVolumeStatus{
		Status:          strings.ToLower(body.Text("status")),
		AttachStatus:    strings.ToLower(body.Text("attach_status")),
		MigrationStatus: strings.ToLower(body.Text("migration_status")),
	}
	switch {
	case a == driver.ResetVolumeStatus{}:
		return nil, driver.Errorf(driver.InvalidInput,
			"Must specify 'status', 'attach_status' or 'migration_status' for update.")
	case a.Status == driver.VolumeDeleting || a.Status == driver.VolumeErrorDeleting || a.Status == driver.VolumeDetaching:
		return nil, driver.Errorf(driver.InvalidInput, "Cannot reset-state to %s", a.Status)
	}
	return a, nil
}

// ActOnVolume serves POST /volumes/{id}/action.
func (t *Translator) ActOnVolume(ctx context.Context, r Request) (Response, error) {
	do, err := readAction(r)
	if err != nil {
		return Response{}, err
	}
	manager, err := t.volumeManager()
	if err != nil {
		return Response{}, err
	}
	switch do.name {
	case "os-force_delete":
		return t.forceDeleteVolume(ctx, r, manager)
	case "os-show_image_metadata":
		return t.showImageMetadata(ctx, r, manager)
	case "os-initialize_connection":
		return t.initializeConnection(ctx, r, do)
	case "os-terminate_connection":
		return t.terminateConnection(ctx, r)
	}
	a, known := volumeActions[do.name]
	if !known {
		return Response{}, r.refuseAction(do.name, unofferedVolumeActions, func() error { return t.volumeExists(ctx, r, r.ID) })
	}
	if a.since > 0 && !r.Version.AtLeast(a.since) {
		return Response{}, tooOld()
	}
	body := do.body.Object(do.name)
	if a.body != nil {
		if body, err = do.decode(a.body); err != nil {
			return Response{}, err
		}
	}
	if err := r.allowOn(a.policy, func() error { return t.volumeExists(ctx, r, r.ID) }); err != nil {
		return Response{}, err
	}
	change, err := a.decode(r, body)
	if err != nil {
		return Response{}, err
	}
	if err := manager.ActOnVolume(ctx, r.Caller, r.ID, change); err != nil {
		return Response{}, err
	}
	if do.name == "os-set_image_metadata" {
		return t.showImageMetadata(ctx, r, manager)
	}
	return Response{Status: a.status}, nil
}

func (t *Translator) forceDeleteVolume(ctx context.Context, r Request, manager driver.VolumeManager) (Response, error) {
	if err := r.allowOn(volumeAdminDelete, func() error { return t.volumeExists(ctx, r, r.ID) }); err != nil {
		return Response{}, err
	}
	return finish(manager.DeleteVolume(ctx, r.Caller, r.ID, driver.VolumeDelete{Force: true}))
}

func (t *Translator) showImageMetadata(ctx context.Context, r Request, volumes driver.VolumeReader) (Response, error) {
	v, err := volumes.GetVolume(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("metadata", orEmpty(v.ImageMetadata)))
}

var connectorBody = schema.Body("os-initialize_connection", schema.Members(
	schema.Property{Name: "connector", Schema: schema.Schema{Types: []string{"object", "string"}}},
).Require("connector"))

func (t *Translator) connector() (driver.VolumeConnector, error) {
	return Capability[driver.VolumeConnector](t.driver, "connecting volumes")
}

// initializeConnection returns the data that a host needs to connect to the volume.
func (t *Translator) initializeConnection(ctx context.Context, r Request, do action) (Response, error) {
	if _, err := do.decode(connectorBody); err != nil {
		return Response{}, err
	}
	connector, err := t.connector()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(volumeConnect, func() error { return t.volumeExists(ctx, r, r.ID) }); err != nil {
		return Response{}, err
	}
	c, err := connector.ConnectVolume(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("connection_info", map[string]any{"driver_volume_type": c.Type, "data": c.Data}))
}

func (t *Translator) terminateConnection(ctx context.Context, r Request) (Response, error) {
	connector, err := t.connector()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(volumeDisconnect, func() error { return t.volumeExists(ctx, r, r.ID) }); err != nil {
		return Response{}, err
	}
	return finish(connector.DisconnectVolume(ctx, r.Caller, r.ID))
}
