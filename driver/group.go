package driver

import (
	"context"
	"time"
)

// Group is a generic volume group. Its volumes have certain types, and are snapshotted and
// deleted together.
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
	VolumeIDs             []string // its volumes, oldest first
	CreatedAt, UpdatedAt  time.Time
}

// GroupSpec is a request for a new group. Types are ids or names.
type GroupSpec struct {
	Name, Description *string
	GroupType         string
	VolumeTypes       []string
	AvailabilityZone  string
}

// GroupSource is a request for a new group that copies the volumes of another group or of a
// group snapshot. Exactly one of the two ids is set.
type GroupSource struct {
	Name, Description              *string
	SourceGroupID, GroupSnapshotID string
}

// GroupPatch changes a group. nil fields stay unchanged.
type GroupPatch struct {
	Name, Description         *string
	AddVolumes, RemoveVolumes []string
}

// GroupManager creates, shows, changes and deletes groups.
type GroupManager interface {
	GetGroup(ctx context.Context, caller Caller, groupID string) (Group, error)
	ListGroups(ctx context.Context, caller Caller, q Query) (Page[Group], error)
	CreateGroup(ctx context.Context, caller Caller, spec GroupSpec) (Group, error)
	CreateGroupFromSource(ctx context.Context, caller Caller, spec GroupSource) (Group, error)
	UpdateGroup(ctx context.Context, caller Caller, groupID string, patch GroupPatch) error
	// DeleteGroup starts to delete a group, and its volumes if withVolumes. Without
	// withVolumes, a group that has volumes is InvalidState.
	DeleteGroup(ctx context.Context, caller Caller, groupID string, withVolumes bool) error
	// ResetGroupStatus sets the status unconditionally.
	ResetGroupStatus(ctx context.Context, caller Caller, groupID, status string) error
}

// GroupSnapshot is a set of snapshots, one of each volume of a group, made by one request.
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

// GroupSnapshotManager creates, shows and deletes group snapshots.
type GroupSnapshotManager interface {
	GetGroupSnapshot(ctx context.Context, caller Caller, groupSnapshotID string) (GroupSnapshot, error)
	ListGroupSnapshots(ctx context.Context, caller Caller, q Query) (Page[GroupSnapshot], error)
	CreateGroupSnapshot(ctx context.Context, caller Caller, spec GroupSnapshotSpec) (GroupSnapshot, error)
	// DeleteGroupSnapshot starts to delete a group snapshot and its snapshots.
	DeleteGroupSnapshot(ctx context.Context, caller Caller, groupSnapshotID string) error
	// ResetGroupSnapshotStatus sets the status unconditionally.
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

// DefaultCGSnapshotType names the group type that always exists and that no group can have
// (cinder/volume/group_types.py DEFAULT_CGSNAPSHOT_TYPE).
const DefaultCGSnapshotType = "default_cgsnapshot_type"

// GroupTypePatch changes a group type. Fields that are not set stay unchanged.
type GroupTypePatch struct {
	Name        Optional[string]
	Description Optional[*string]
	IsPublic    Optional[bool]
	Specs       Optional[MetadataChange]
}

// GroupTypeManager creates, shows, changes and deletes group types.
type GroupTypeManager interface {
	GetGroupType(ctx context.Context, caller Caller, typeID string) (GroupType, error)
	// ListGroupTypes returns every group type that the caller may see, newest first.
	ListGroupTypes(ctx context.Context, caller Caller) ([]GroupType, error)
	// CreateGroupType creates a type. Errors: Conflict if the name is taken.
	CreateGroupType(ctx context.Context, caller Caller, spec GroupType) (GroupType, error)
	UpdateGroupType(ctx context.Context, caller Caller, typeID string, patch GroupTypePatch) (GroupType, error)
	// DeleteGroupType deletes a type that no group uses.
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

// GroupNotFound returns Cinder's GroupNotFound (cinder/exception.py).
func GroupNotFound(id string) error { return notFound("Group", id) }

// GroupSnapshotNotFound returns Cinder's GroupSnapshotNotFound (cinder/exception.py).
func GroupSnapshotNotFound(id string) error { return notFound("GroupSnapshot", id) }

// GroupTypeNotFound returns Cinder's GroupTypeNotFound (cinder/exception.py).
func GroupTypeNotFound(id string) error { return notFound("Group type", id) }

// InvalidGroup returns Cinder's InvalidGroup (cinder/exception.py).
func InvalidGroup(format string, args ...any) error {
	return Errorf(InvalidState, "Invalid Group: "+format, args...)
}
