package translate

import (
	"cmp"
	"slices"

	"cindergate/driver"
)

// Action is one action of a route whose path ends in /action, as data.
type Action struct {
	Path, Name string // of the route, such as /volumes/:id/action; and such as os-extend
	// Since is the minor microversion that introduced it, 0 for all.
	Since int
	// Policy is what the caller must meet; zero: every role will do.
	Policy Policy
	// Unoffered: Cinder has it, and no backend here: it is 501.
	Unoffered bool
}

// otherActions are those that no table of their own lists.
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

// Actions returns every action of the API, by path and name.
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
