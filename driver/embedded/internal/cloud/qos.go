package cloud

import (
	"context"
	"maps"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// GetQoSSpecs returns QoS specs.
func (c *Cloud) GetQoSSpecs(ctx context.Context, _ driver.Caller, specsID string) (driver.QoSSpecs, error) {
	row, err := c.core.DB.QoSSpecs(ctx, specsID)
	if err != nil {
		return driver.QoSSpecs{}, core.Classify(err)
	}
	if row == nil {
		return driver.QoSSpecs{}, driver.QoSSpecsNotFound(specsID)
	}
	return row.QoSSpecs, nil
}

// ListQoSSpecs returns one page of QoS specs.
func (c *Cloud) ListQoSSpecs(ctx context.Context, _ driver.Caller, q driver.Query) (driver.Page[driver.QoSSpecs], error) {
	rows, err := c.core.DB.AllQoSSpecs(ctx)
	if err != nil {
		return driver.Page[driver.QoSSpecs]{}, core.Classify(err)
	}
	all := make([]driver.QoSSpecs, len(rows))
	for i, row := range rows {
		all[i] = row.QoSSpecs
	}
	return driver.Paginate(all, driver.QoSSpecsColumns, q, driver.QoSSpecsNotFound)
}

// CreateQoSSpecs creates QoS specs. They are stored and shown but not enforced, because
// files have no such limits.
func (c *Cloud) CreateQoSSpecs(ctx context.Context, _ driver.Caller, spec driver.QoSSpecs) (driver.QoSSpecs, error) {
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		same, err := tx.QoSSpecsNamed(spec.Name)
		if err != nil {
			return err
		}
		if same != nil {
			return driver.Errorf(driver.Conflict, "QoS Specs %s already exists.", spec.Name)
		}
		spec.ID, spec.CreatedAt = c.core.NewID(), tx.Now
		if spec.Specs == nil {
			spec.Specs = map[string]string{}
		}
		return tx.PutQoSSpecs(&meta.QoSSpecs{QoSSpecs: spec})
	})
	if err != nil {
		return driver.QoSSpecs{}, err
	}
	return spec, nil
}

// UpdateQoSSpecs changes QoS specs (cinder/volume/qos_specs.py update, delete_keys).
func (c *Cloud) UpdateQoSSpecs(ctx context.Context, _ driver.Caller, specsID string, patch driver.QoSSpecsPatch) error {
	var missing error
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		missing = nil
		s, err := ownQoSSpecs(tx, specsID)
		if err != nil {
			return err
		}
		if patch.Consumer.Set {
			s.Consumer = patch.Consumer.Value
		}
		for _, key := range patch.Specs.Remove {
			if _, ok := s.Specs[key]; !ok {
				missing = driver.Errorf(driver.NotFound, "QoS spec %s has no spec with key %s.", specsID, key)
				break
			}
			delete(s.Specs, key)
		}
		if s.Specs == nil {
			s.Specs = map[string]string{}
		}
		maps.Copy(s.Specs, patch.Specs.Set)
		s.UpdatedAt = tx.Now
		return tx.PutQoSSpecs(s)
	})
	if err == nil {
		err = missing // the keys before it are deleted nevertheless
	}
	return err
}

func ownQoSSpecs(tx *meta.Tx, specsID string) (*meta.QoSSpecs, error) {
	s, err := tx.QoSSpecs(specsID)
	if err == nil && s == nil {
		err = driver.QoSSpecsNotFound(specsID)
	}
	return s, err
}

// DeleteQoSSpecs deletes QoS specs.
func (c *Cloud) DeleteQoSSpecs(ctx context.Context, _ driver.Caller, specsID string, force bool) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		s, err := ownQoSSpecs(tx, specsID)
		if err != nil {
			return err
		}
		types, err := typesWithQoS(tx, s.ID)
		if err != nil {
			return err
		}
		if len(types) > 0 && !force {
			return driver.Errorf(driver.InvalidState, "Qos specs still in use.")
		}
		if err := giveQoS(tx, types, ""); err != nil {
			return err
		}
		return tx.RemoveQoSSpecs(s.ID)
	})
}

func typesWithQoS(tx *meta.Tx, specsID string) ([]*meta.VolumeType, error) {
	all, err := tx.VolumeTypes()
	var with []*meta.VolumeType
	for _, t := range all {
		if t.QoSSpecsID == specsID {
			with = append(with, t)
		}
	}
	return with, err
}

func giveQoS(tx *meta.Tx, types []*meta.VolumeType, specsID string) error {
	for _, t := range types {
		t.QoSSpecsID, t.UpdatedAt = specsID, tx.Now
		if err := tx.PutVolumeType(t); err != nil {
			return err
		}
	}
	return nil
}

// QoSAssociations returns the types that use the QoS specs.
func (c *Cloud) QoSAssociations(ctx context.Context, who driver.Caller, specsID string) ([]driver.VolumeType, error) {
	s, err := c.GetQoSSpecs(ctx, who, specsID)
	if err != nil {
		return nil, err
	}
	types, err := c.core.DB.VolumeTypes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	var with []driver.VolumeType
	for t := range types.All() {
		if t.QoSSpecsID == s.ID {
			with = append(with, *t)
		}
	}
	return with, nil
}

// AssociateQoSSpecs associates QoS specs with a type that has no others
// (cinder/volume/qos_specs.py associate_qos_with_type).
func (c *Cloud) AssociateQoSSpecs(ctx context.Context, _ driver.Caller, specsID, typeID string) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		s, err := ownQoSSpecs(tx, specsID)
		if err != nil {
			return err
		}
		t, err := volumes.ExistingType(tx, typeID)
		if err != nil {
			return err
		}
		if t.QoSSpecsID != "" && t.QoSSpecsID != s.ID {
			return driver.Errorf(driver.InvalidState,
				"Invalid volume type: Type %s is already associated with another qos specs: %s", t.ID, t.QoSSpecsID)
		}
		return giveQoS(tx, []*meta.VolumeType{t}, s.ID)
	})
}

// DisassociateQoSSpecs removes QoS specs from a type, or from all types.
func (c *Cloud) DisassociateQoSSpecs(ctx context.Context, _ driver.Caller, specsID, typeID string) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		s, err := ownQoSSpecs(tx, specsID)
		if err != nil {
			return err
		}
		if typeID == "" {
			types, err := typesWithQoS(tx, s.ID)
			if err != nil {
				return err
			}
			return giveQoS(tx, types, "")
		}
		t, err := volumes.ExistingType(tx, typeID)
		if err != nil || t.QoSSpecsID != s.ID {
			return err
		}
		return giveQoS(tx, []*meta.VolumeType{t}, "")
	})
}
