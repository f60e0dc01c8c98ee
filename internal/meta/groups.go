package meta

import (
	"context"

	"cindergate/driver"
)

// Group is a row of volume_groups. VolumeIDs is not a column; each volume names its group.
type Group struct{ driver.Group }

// GroupSnapshot is a row of group_snapshots.
type GroupSnapshot struct{ driver.GroupSnapshot }

// GroupType is a row of group_types.
type GroupType struct{ driver.GroupType }

var groups = table[Group]{name: "volume_groups", key: func(g *Group) string { return g.ID }, columns: []column[Group]{
	{"id", func(g *Group) any { return &g.ID }},
	{"project_id", func(g *Group) any { return &g.ProjectID }},
	{"user_id", func(g *Group) any { return text{&g.UserID} }},
	{"name", func(g *Group) any { return &g.Name }},
	{"description", func(g *Group) any { return &g.Description }},
	{"status", func(g *Group) any { return &g.Status }},
	{"availability_zone", func(g *Group) any { return text{&g.AvailabilityZone} }},
	{"group_type_id", func(g *Group) any { return &g.GroupTypeID }},
	{"volume_type_ids", func(g *Group) any { return document[[]string]{&g.VolumeTypeIDs} }},
	{"group_snapshot_id", func(g *Group) any { return text{&g.GroupSnapshotID} }},
	{"source_group_id", func(g *Group) any { return text{&g.SourceGroupID} }},
	{"host", func(g *Group) any { return text{&g.Host} }},
	{"created_at", func(g *Group) any { return micros{&g.CreatedAt} }},
	{"updated_at", func(g *Group) any { return micros{&g.UpdatedAt} }},
}}

var groupSnapshots = table[GroupSnapshot]{name: "group_snapshots", key: func(s *GroupSnapshot) string { return s.ID }, columns: []column[GroupSnapshot]{
	{"id", func(s *GroupSnapshot) any { return &s.ID }},
	{"project_id", func(s *GroupSnapshot) any { return &s.ProjectID }},
	{"user_id", func(s *GroupSnapshot) any { return text{&s.UserID} }},
	{"group_id", func(s *GroupSnapshot) any { return &s.GroupID }},
	{"group_type_id", func(s *GroupSnapshot) any { return &s.GroupTypeID }},
	{"name", func(s *GroupSnapshot) any { return &s.Name }},
	{"description", func(s *GroupSnapshot) any { return &s.Description }},
	{"status", func(s *GroupSnapshot) any { return &s.Status }},
	{"created_at", func(s *GroupSnapshot) any { return micros{&s.CreatedAt} }},
	{"updated_at", func(s *GroupSnapshot) any { return micros{&s.UpdatedAt} }},
}}

var groupTypes = table[GroupType]{name: "group_types", key: func(t *GroupType) string { return t.ID }, columns: []column[GroupType]{
	{"id", func(t *GroupType) any { return &t.ID }},
	{"name", func(t *GroupType) any { return &t.Name }},
	{"description", func(t *GroupType) any { return &t.Description }},
	{"is_public", func(t *GroupType) any { return &t.IsPublic }},
	{"group_specs", func(t *GroupType) any { return document[map[string]string]{&t.Specs} }},
	{"created_at", func(t *GroupType) any { return micros{&t.CreatedAt} }},
	{"updated_at", func(t *GroupType) any { return micros{&t.UpdatedAt} }},
}}

// Group returns a group of any project, nil if there is none.
func (tx *Tx) Group(id string) (*Group, error) { return groups.get(tx.ctx, tx.q, id) }

// GroupsIn returns the groups that have one of the statuses.
func (tx *Tx) GroupsIn(statuses ...string) ([]*Group, error) {
	return inStatus(tx, &groups, "", statuses)
}

// GroupsOfType returns the groups that have the group type.
func (tx *Tx) GroupsOfType(typeID string) ([]*Group, error) {
	return groups.find(tx.ctx, tx.q, "WHERE group_type_id = $1", typeID)
}

// Groups returns the groups of all projects.
func (tx *Tx) Groups() ([]*Group, error) { return groups.find(tx.ctx, tx.q, "") }

// PutGroup inserts or replaces a group.
func (tx *Tx) PutGroup(g *Group) error { return groups.put(tx.ctx, tx.q, g) }

// TouchGroup is PutGroup with updated_at set to the transaction's time.
func (tx *Tx) TouchGroup(g *Group) error {
	g.UpdatedAt = tx.Now
	return tx.PutGroup(g)
}

// RemoveGroup deletes a group's row.
func (tx *Tx) RemoveGroup(id string) error { return groups.remove(tx.ctx, tx.q, id) }

// VolumesOfGroup returns the volumes in a group, oldest first.
func (tx *Tx) VolumesOfGroup(groupID string) ([]*Volume, error) {
	return volumes.find(tx.ctx, tx.q, "WHERE group_id = $1 ORDER BY created_at, id", groupID)
}

// GroupSnapshot returns a group snapshot of any project, nil if there is none.
func (tx *Tx) GroupSnapshot(id string) (*GroupSnapshot, error) {
	return groupSnapshots.get(tx.ctx, tx.q, id)
}

// GroupSnapshotsOf returns the group snapshots of a group.
func (tx *Tx) GroupSnapshotsOf(groupID string) ([]*GroupSnapshot, error) {
	return groupSnapshots.find(tx.ctx, tx.q, "WHERE group_id = $1", groupID)
}

// GroupSnapshotsIn returns the group snapshots that have one of the statuses.
func (tx *Tx) GroupSnapshotsIn(statuses ...string) ([]*GroupSnapshot, error) {
	return inStatus(tx, &groupSnapshots, "", statuses)
}

// PutGroupSnapshot inserts or replaces a group snapshot.
func (tx *Tx) PutGroupSnapshot(s *GroupSnapshot) error { return groupSnapshots.put(tx.ctx, tx.q, s) }

// TouchGroupSnapshot is PutGroupSnapshot with updated_at set to the transaction's time.
func (tx *Tx) TouchGroupSnapshot(s *GroupSnapshot) error {
	s.UpdatedAt = tx.Now
	return tx.PutGroupSnapshot(s)
}

// RemoveGroupSnapshot deletes a group snapshot's row.
func (tx *Tx) RemoveGroupSnapshot(id string) error { return groupSnapshots.remove(tx.ctx, tx.q, id) }

// SnapshotsOfGroupSnapshot returns the snapshots that are part of a group snapshot,
// oldest first.
func (tx *Tx) SnapshotsOfGroupSnapshot(id string) ([]*Snapshot, error) {
	return snapshots.find(tx.ctx, tx.q, "WHERE group_snapshot_id = $1 ORDER BY created_at, id", id)
}

// GroupTypes returns all group types, oldest first.
func (tx *Tx) GroupTypes() ([]*GroupType, error) {
	return groupTypes.find(tx.ctx, tx.q, "ORDER BY created_at, id")
}

// PutGroupType inserts or replaces a group type.
func (tx *Tx) PutGroupType(t *GroupType) error { return groupTypes.put(tx.ctx, tx.q, t) }

// RemoveGroupType deletes a group type.
func (tx *Tx) RemoveGroupType(id string) error { return groupTypes.remove(tx.ctx, tx.q, id) }

// Groups returns the groups of a project; "": of all projects.
func (db *DB) Groups(ctx context.Context, projectID string) ([]*Group, error) {
	return ofProject(ctx, db, &groups, projectID)
}

// Group returns a group, nil if there is none.
func (db *DB) Group(ctx context.Context, id string) (*Group, error) {
	return groups.get(ctx, db.reader, id)
}

// GroupSnapshots returns the group snapshots of a project; "": of all projects.
func (db *DB) GroupSnapshots(ctx context.Context, projectID string) ([]*GroupSnapshot, error) {
	return ofProject(ctx, db, &groupSnapshots, projectID)
}

// GroupSnapshot returns a group snapshot, nil if there is none.
func (db *DB) GroupSnapshot(ctx context.Context, id string) (*GroupSnapshot, error) {
	return groupSnapshots.get(ctx, db.reader, id)
}

// GroupTypes returns all group types, newest first.
func (db *DB) GroupTypes(ctx context.Context) ([]*GroupType, error) {
	return groupTypes.find(ctx, db.reader, "ORDER BY created_at DESC, id DESC")
}

func ofProject[T any](ctx context.Context, db *DB, t *table[T], projectID string) ([]*T, error) {
	if projectID == "" {
		return t.find(ctx, db.reader, "")
	}
	return t.find(ctx, db.reader, "WHERE project_id = $1", projectID)
}
