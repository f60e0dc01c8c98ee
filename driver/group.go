package driver

import (
	"context"
	"time"
)

// Group is a generic volume group: volumes of certain types that are snapshotted
// and deleted together.
type Group struct {
	ID, ProjectID, UserID string
	Name, Description     *string
	Status                string
	AvailabilityZone      string
	GroupTypeID           string
	VolumeTypeIDs         []string
	GroupSnapshotID       string // source, "" if none
	SourceGroupID         string // source, "" if none
	Host                  string
	VolumeIDs             []string // of the volumes in it, oldest first
	CreatedAt, UpdatedAt  time.Time
}

// GroupSpec is a request for a new group. Types are ids or names.
type GroupSpec struct {
	Name, Description *string
	GroupType         string
	VolumeTypes       []string
	AvailabilityZone  string
}

// GroupSource is a request for a new group with the volumes of another one, or
// with volumes from a group snapshot: one of both ids is set.
type GroupSource struct {
	Name, Description              *string
	SourceGroupID, GroupSnapshotID string
}

// GroupPatch changes a group; nil stays.
type GroupPatch struct {
	Name, Description         *string
	AddVolumes, RemoveVolumes []string
}

// GroupManager makes, shows, changes and deletes groups.
type GroupManager interface {
	GetGroup(ctx context.Context, caller Caller, groupID string) (Group, error)
	ListGroups(ctx context.Context, caller Caller, q Query) (Page[Group], error)
	CreateGroup(ctx context.Context, caller Caller, spec GroupSpec) (Group, error)
	CreateGroupFromSource(ctx context.Context, caller Caller, spec GroupSource) (Group, error)
	UpdateGroup(ctx context.Context, caller Caller, groupID string, patch GroupPatch) error
	// DeleteGroup starts to delete a group, and its volumes if withVolumes; without,
	// it is InvalidState if there are any.
	DeleteGroup(ctx context.Context, caller Caller, groupID string, withVolumes bool) error
	// ResetGroupStatus sets the status without checks.
	ResetGroupStatus(ctx context.Context, caller Caller, groupID, status string) error
}

// GroupSnapshot is the snapshots of all volumes of a group, made by one request.
type GroupSnapshot struct {
	ID, ProjectID, UserID string
	GroupID, GroupTypeID  string
	Name, Description     *string
	Status                string
	CreatedAt, UpdatedAt  time.Time
}

// GroupSnapshotSpec is a request for a new group snapshot.
type GroupSnapshotSpec struct {
	GroupID           string
	Name, Description *string
}

// GroupSnapshotManager makes, shows and deletes group snapshots.
type GroupSnapshotManager interface {
	GetGroupSnapshot(ctx context.Context, caller Caller, groupSnapshotID string) (GroupSnapshot, error)
	ListGroupSnapshots(ctx context.Context, caller Caller, q Query) (Page[GroupSnapshot], error)
	CreateGroupSnapshot(ctx context.Context, caller Caller, spec GroupSnapshotSpec) (GroupSnapshot, error)
	// DeleteGroupSnapshot starts to delete a group snapshot with its snapshots.
	DeleteGroupSnapshot(ctx context.Context, caller Caller, groupSnapshotID string) error
	// ResetGroupSnapshotStatus sets the status without checks.
	ResetGroupSnapshotStatus(ctx context.Context, caller Caller, groupSnapshotID, status string) error
}

// GroupType is a group type.
type GroupType struct {
	ID, Name             string
	Description          *string
	IsPublic             bool
	Specs                map[string]string
	CreatedAt, UpdatedAt time.Time
}

// DefaultCGSnapshotType is the group type that exists from the start, and that no
// group can have (cinder/volume/group_types.py DEFAULT_CGSNAPSHOT_TYPE).
const DefaultCGSnapshotType = "default_cgsnapshot_type"

// GroupTypePatch changes a group type; what is not set stays.
type GroupTypePatch struct {
	Name        Optional[string]
	Description Optional[*string]
	IsPublic    Optional[bool]
	Specs       Optional[MetadataChange]
}

// GroupTypeManager makes, shows, changes and deletes group types.
type GroupTypeManager interface {
	GetGroupType(ctx context.Context, caller Caller, typeID string) (GroupType, error)
	// ListGroupTypes returns every group type that the caller may see, newest first.
	ListGroupTypes(ctx context.Context, caller Caller) ([]GroupType, error)
	// CreateGroupType makes a type; Conflict if the name is taken.
	CreateGroupType(ctx context.Context, caller Caller, spec GroupType) (GroupType, error)
	UpdateGroupType(ctx context.Context, caller Caller, typeID string, patch GroupTypePatch) (GroupType, error)
	// DeleteGroupType deletes a type that no group has.
	DeleteGroupType(ctx context.Context, caller Caller, typeID string) error
}

// GroupColumns are the columns of a group.
var GroupColumns = Columns[Group]{
	"id":                 func(g *Group) any { return g.ID },
	"user_id":            func(g *Group) any { return g.UserID },
	"project_id":         func(g *Group) any { return g.ProjectID },
	"host":               func(g *Group) any { return orNil(g.Host) },
	"availability_zone":  func(g *Group) any { return orNil(g.AvailabilityZone) },
	"name":               func(g *Group) any { return deref(g.Name) },
	"description":        func(g *Group) any { return deref(g.Description) },
	"status":             func(g *Group) any { return g.Status },
	"group_type_id":      func(g *Group) any { return g.GroupTypeID },
	"group_snapshot_id":  func(g *Group) any { return orNil(g.GroupSnapshotID) },
	"source_group_id":    func(g *Group) any { return orNil(g.SourceGroupID) },
	"cluster_name":       null[Group],
	"replication_status": func(*Group) any { return "disabled" },
	"deleted":            never[Group],
	"created_at":         func(g *Group) any { return timeOrNil(g.CreatedAt) },
	"updated_at":         func(g *Group) any { return timeOrNil(g.UpdatedAt) },
}

// GroupSnapshotColumns are the columns of a group snapshot.
var GroupSnapshotColumns = Columns[GroupSnapshot]{
	"id":            func(s *GroupSnapshot) any { return s.ID },
	"user_id":       func(s *GroupSnapshot) any { return s.UserID },
	"project_id":    func(s *GroupSnapshot) any { return s.ProjectID },
	"group_id":      func(s *GroupSnapshot) any { return s.GroupID },
	"group_type_id": func(s *GroupSnapshot) any { return s.GroupTypeID },
	"name":          func(s *GroupSnapshot) any { return deref(s.Name) },
	"description":   func(s *GroupSnapshot) any { return deref(s.Description) },
	"status":        func(s *GroupSnapshot) any { return s.Status },
	"deleted":       never[GroupSnapshot],
	"created_at":    func(s *GroupSnapshot) any { return timeOrNil(s.CreatedAt) },
	"updated_at":    func(s *GroupSnapshot) any { return timeOrNil(s.UpdatedAt) },
}

// GroupTypeColumns are the columns of a group type.
var GroupTypeColumns = Columns[GroupType]{
	"id":          func(t *GroupType) any { return t.ID },
	"name":        func(t *GroupType) any { return t.Name },
	"description": func(t *GroupType) any { return deref(t.Description) },
	"is_public":   func(t *GroupType) any { return t.IsPublic },
	"created_at":  func(t *GroupType) any { return timeOrNil(t.CreatedAt) },
	"updated_at":  func(t *GroupType) any { return timeOrNil(t.UpdatedAt) },
}

// GroupNotFound is GroupNotFound of cinder/exception.py.
func GroupNotFound(id string) error { return notFound("Group", id) }

// GroupSnapshotNotFound is GroupSnapshotNotFound of cinder/exception.py.
func GroupSnapshotNotFound(id string) error { return notFound("GroupSnapshot", id) }

// GroupTypeNotFound is GroupTypeNotFound of cinder/exception.py.
func GroupTypeNotFound(id string) error { return notFound("Group type", id) }

// InvalidGroup is InvalidGroup of cinder/exception.py.
func InvalidGroup(format string, args ...any) error {
	return Errorf(InvalidState, "Invalid Group: "+format, args...)
}
