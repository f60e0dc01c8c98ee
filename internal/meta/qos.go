package meta

import (
	"context"

	"cindergate/driver"
)

// QoSSpecs is a row of qos_specs.
type QoSSpecs struct{ driver.QoSSpecs }

var qosSpecs = table[QoSSpecs]{name: "qos_specs", key: func(s *QoSSpecs) string { return s.ID }, columns: []column[QoSSpecs]{
	{"id", func(s *QoSSpecs) any { return &s.ID }},
	{"name", func(s *QoSSpecs) any { return &s.Name }},
	{"consumer", func(s *QoSSpecs) any { return &s.Consumer }},
	{"specs", func(s *QoSSpecs) any { return document[map[string]string]{&s.Specs} }},
	{"created_at", func(s *QoSSpecs) any { return micros{&s.CreatedAt} }},
	{"updated_at", func(s *QoSSpecs) any { return micros{&s.UpdatedAt} }},
}}

// QoSSpecs returns QoS specs, nil if there are none with the id.
func (tx *Tx) QoSSpecs(id string) (*QoSSpecs, error) { return qosSpecs.get(tx.ctx, tx.q, id) }

// QoSSpecsNamed returns the QoS specs of that name, nil if there are none.
func (tx *Tx) QoSSpecsNamed(name string) (*QoSSpecs, error) {
	rows, err := qosSpecs.find(tx.ctx, tx.q, "WHERE name = $1", name)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// PutQoSSpecs inserts or replaces QoS specs.
func (tx *Tx) PutQoSSpecs(s *QoSSpecs) error { return qosSpecs.put(tx.ctx, tx.q, s) }

// RemoveQoSSpecs deletes QoS specs.
func (tx *Tx) RemoveQoSSpecs(id string) error { return qosSpecs.remove(tx.ctx, tx.q, id) }

// AllQoSSpecs returns all QoS specs.
func (db *DB) AllQoSSpecs(ctx context.Context) ([]*QoSSpecs, error) {
	return qosSpecs.find(ctx, db.reader, "")
}

// QoSSpecs is [Tx.QoSSpecs] outside a transaction.
func (db *DB) QoSSpecs(ctx context.Context, id string) (*QoSSpecs, error) {
	return qosSpecs.get(ctx, db.reader, id)
}
