package translate

import (
	"cmp"
	"slices"

	"cindergate/driver"
)

// Action is one action of a route whose path ends in /action, as data.
type Action struct {
	Path, Name string // such as /volumes/:id/action and os-extend
	// Since is the minor microversion that introduced the action; 0: every version has it.
	Since int
	// Policy is the policy that the caller must meet; zero: any role may.
	Policy Policy
	// Unoffered says that Cinder has the action but no backend here does. The answer is
	// 501.
	Unoffered bool
}

// otherActions are the actions that have no table of their own.
var otherActions = []Action{
	{Path: "/backups/:id/action", Name: "os-reset_status", Policy: backupResetStatus},
	{Path: "/backups/:id/action", Name: "os-force_delete", Policy: backupForceDelete},
	{Path: "/volumes/:id/action", Name: "os-force_delete", Policy: volumeAdminDelete},
	{Path: "/volumes/:id/action", Name: "os-show_image_metadata"},
	{Path: "/volumes/:id/action", Name: "os-initialize_connection", Policy: volumeConnect},
	{Path: "/volumes/:id/action", Name: "os-terminate_connection", Policy: volumeDisconnect},
	{Path: "/snapshots/:id/action", Name: "os-reset_status", Policy: snapshotResetStatus},
	{Path: "/snapshots/:id/action", Name: "os-force_delete", Policy: snapshotForceDelete},
	{Path: "/snapshots/:id/action", Name: "os-update_snapshot_status", Policy: snapshotUpdateStatus},
	{Path: "/types/:id/action", Name: "addProjectAccess", Policy: typeAddProject},
	{Path: "/types/:id/action", Name: "removeProjectAccess", Policy: typeRemoveProject},
	{Path: "/attachments/:id/action", Name: "os-complete", Since: driver.MVAttachComplete, Policy: attachmentComplete},
	{Path: "/groups/action", Name: "create-from-src", Since: driver.MVGroupSnapshot, Policy: groupCreate},
	{Path: "/groups/:id/action", Name: "delete", Since: driver.MVGroupVolume, Policy: groupDelete},
	{Path: "/groups/:id/action", Name: "reset_status", Since: driver.MVGroupReset, Policy: groupReset},
	{Path: "/group_snapshots/:id/action", Name: "reset_status", Since: driver.MVGroupSnapshotReset, Policy: groupSnapshotReset},
}

// Actions returns every action of the API, sorted by path and name.
func Actions() []Action {
	all := slices.Clone(otherActions)
	for name, a := range volumeActions {
		all = append(all, Action{Path: "/volumes/:id/action", Name: name, Since: a.since, Policy: a.policy})
	}
	for path, some := range map[string]map[string]unoffered{
		"/volumes/:id/action": unofferedVolumeActions, "/snapshots/:id/action": unofferedSnapshotActions, "/groups/:id/action": unofferedGroupActions,
	} {
		for name, a := range some {
			all = append(all, Action{Path: path, Name: name, Since: a.since, Policy: a.policy, Unoffered: true})
		}
	}
	slices.SortFunc(all, func(a, b Action) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Name, b.Name)) })
	return all
}
