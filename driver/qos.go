package driver

import (
	"context"
	"time"
)

// QoSSpecs are limits that volume types may have in common. Whether a backend
// enforces them is its own affair.
type QoSSpecs struct {
	ID, Name             string
	Consumer             string // back-end, front-end, both
	Specs                map[string]string
	CreatedAt, UpdatedAt time.Time
}

// QoSSpecsPatch changes QoS specs; what is not set stays. Keys of Specs.Remove go
// one after the other until one is missing, as Cinder does it.
type QoSSpecsPatch struct {
	Consumer Optional[string]
	Specs    MetadataChange
}

// QoSManager makes, changes and deletes QoS specs, and gives them to volume types.
// It is for admins only.
type QoSManager interface {
	GetQoSSpecs(ctx context.Context, caller Caller, specsID string) (QoSSpecs, error)
	ListQoSSpecs(ctx context.Context, caller Caller, q Query) (Page[QoSSpecs], error)
	// CreateQoSSpecs makes specs; Conflict if the name is taken.
	CreateQoSSpecs(ctx context.Context, caller Caller, spec QoSSpecs) (QoSSpecs, error)
	UpdateQoSSpecs(ctx context.Context, caller Caller, specsID string, patch QoSSpecsPatch) error
	// DeleteQoSSpecs deletes specs; InvalidState if a type has them, unless force,
	// which takes them from the types first.
	DeleteQoSSpecs(ctx context.Context, caller Caller, specsID string, force bool) error
	// QoSAssociations are the volume types that have the specs.
	QoSAssociations(ctx context.Context, caller Caller, specsID string) ([]VolumeType, error)
	AssociateQoSSpecs(ctx context.Context, caller Caller, specsID, typeID string) error
	// DisassociateQoSSpecs takes the specs from a type, or from all for "".
	DisassociateQoSSpecs(ctx context.Context, caller Caller, specsID, typeID string) error
}

// QoSSpecsColumns are the columns of QoS specs (cinder/db/sqlalchemy/models.py
// QualityOfServiceSpecs, where a name is no column).
var QoSSpecsColumns = Columns[QoSSpecs]{
	"id":         func(s *QoSSpecs) any { return s.ID },
	"key":        func(*QoSSpecs) any { return "QoS_Specs_Name" }, // of the row whose value is the name
	"value":      func(s *QoSSpecs) any { return s.Name },
	"specs_id":   null[QoSSpecs],
	"deleted":    never[QoSSpecs],
	"created_at": func(s *QoSSpecs) any { return timeOrNil(s.CreatedAt) },
	"updated_at": func(s *QoSSpecs) any { return timeOrNil(s.UpdatedAt) },
}

// QoSSpecsNotFound is QoSSpecsNotFound of cinder/exception.py.
func QoSSpecsNotFound(id string) error { return Errorf(NotFound, "No such QoS spec %s.", id) }
