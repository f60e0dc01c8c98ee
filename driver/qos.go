package driver

import (
	"context"
	"time"
)

// QoSSpecs are limits that several volume types may share. A backend need not enforce them.
type QoSSpecs struct {
	ID, Name             string
	Consumer             string // back-end, front-end, both
	Specs                map[string]string
	CreatedAt, UpdatedAt time.Time
}

// QoSSpecsPatch changes QoS specs. Fields that are not set stay unchanged. As in Cinder,
// the keys in Specs.Remove are deleted one by one, and a missing key stops the deletion.
type QoSSpecsPatch struct {
	Consumer Optional[string]
	Specs    MetadataChange
}

// QoSManager creates, changes and deletes QoS specs, and associates them with volume types.
// Only admins may use it.
type QoSManager interface {
	GetQoSSpecs(ctx context.Context, caller Caller, specsID string) (QoSSpecs, error)
	ListQoSSpecs(ctx context.Context, caller Caller, q Query) (Page[QoSSpecs], error)
	// CreateQoSSpecs creates specs. Errors: Conflict if the name is taken.
	CreateQoSSpecs(ctx context.Context, caller Caller, spec QoSSpecs) (QoSSpecs, error)
	UpdateQoSSpecs(ctx context.Context, caller Caller, specsID string, patch QoSSpecsPatch) error
	// DeleteQoSSpecs deletes specs. Without force, it is InvalidState if a type uses them.
	// With force, the types lose the specs first.
	DeleteQoSSpecs(ctx context.Context, caller Caller, specsID string, force bool) error
	// QoSAssociations returns the volume types that use the specs.
	QoSAssociations(ctx context.Context, caller Caller, specsID string) ([]VolumeType, error)
	AssociateQoSSpecs(ctx context.Context, caller Caller, specsID, typeID string) error
	// DisassociateQoSSpecs removes the specs from a type, or from all types if typeID is
	// "".
	DisassociateQoSSpecs(ctx context.Context, caller Caller, specsID, typeID string) error
}

// QoSSpecsColumns are the columns of QoS specs (cinder/db/sqlalchemy/models.py
// QualityOfServiceSpecs). There is no column for the name.
var QoSSpecsColumns = Columns[QoSSpecs]{
	"id":         func(s *QoSSpecs) any { return s.ID },
	"key":        func(*QoSSpecs) any { return "QoS_Specs_Name" }, // of the row whose value is the name
	"value":      func(s *QoSSpecs) any { return s.Name },
	"specs_id":   null[QoSSpecs],
	"deleted":    never[QoSSpecs],
	"created_at": func(s *QoSSpecs) any { return timeOrNil(s.CreatedAt) },
	"updated_at": func(s *QoSSpecs) any { return timeOrNil(s.UpdatedAt) },
}

// QoSSpecsNotFound returns Cinder's QoSSpecsNotFound (cinder/exception.py).
func QoSSpecsNotFound(id string) error { return Errorf(NotFound, "No such QoS spec %s.", id) }
