package meta

import "context"

// Service is a row of services: the changes that admins made to one service. Binary is the
// key.
type Service struct {
	Binary         string
	Disabled       bool
	DisabledReason string
	Frozen         bool
}

// DefaultType is a row of default_types. ProjectID is the key.
type DefaultType struct{ ProjectID, VolumeTypeID string }

var services = table[Service]{name: "services", key: func(s *Service) string { return s.Binary }, columns: []column[Service]{
	{"id", func(s *Service) any { return &s.Binary }},
	{"disabled", func(s *Service) any { return &s.Disabled }},
	{"disabled_reason", func(s *Service) any { return text{&s.DisabledReason} }},
	{"frozen", func(s *Service) any { return &s.Frozen }},
}}

var defaultTypes = table[DefaultType]{name: "default_types", key: func(t *DefaultType) string { return t.ProjectID }, columns: []column[DefaultType]{
	{"id", func(t *DefaultType) any { return &t.ProjectID }},
	{"volume_type_id", func(t *DefaultType) any { return &t.VolumeTypeID }},
}}

// Service returns a service. A service without a row is enabled.
func (tx *Tx) Service(binary string) (*Service, error) {
	s, err := services.get(tx.ctx, tx.q, binary)
	if s == nil {
		s = &Service{Binary: binary}
	}
	return s, err
}

// Services returns the services that have been changed, by their key.
func (tx *Tx) Services() (map[string]*Service, error) {
	rows, err := services.find(tx.ctx, tx.q, "")
	byKey := make(map[string]*Service, len(rows))
	for _, s := range rows {
		byKey[s.Binary] = s
	}
	return byKey, err
}

// PutService inserts or replaces a service.
func (tx *Tx) PutService(s *Service) error { return services.put(tx.ctx, tx.q, s) }

// DefaultType returns a project's default type; nil if it has none of its own.
func (tx *Tx) DefaultType(projectID string) (*DefaultType, error) {
	return defaultTypes.get(tx.ctx, tx.q, projectID)
}

// PutDefaultType inserts or replaces a project's default type.
func (tx *Tx) PutDefaultType(t *DefaultType) error { return defaultTypes.put(tx.ctx, tx.q, t) }

// RemoveDefaultType deletes a project's default type.
func (tx *Tx) RemoveDefaultType(projectID string) error {
	return defaultTypes.remove(tx.ctx, tx.q, projectID)
}

// ProjectsWithDefault counts the projects whose default type is the type.
func (tx *Tx) ProjectsWithDefault(typeID string) (int, error) {
	rows, err := defaultTypes.find(tx.ctx, tx.q, "WHERE volume_type_id = $1", typeID)
	return len(rows), err
}

// DefaultTypes returns the default types of all projects that have one of their own.
func (db *DB) DefaultTypes(ctx context.Context) ([]*DefaultType, error) {
	return defaultTypes.find(ctx, db.reader, "ORDER BY id")
}

// DefaultType is [Tx.DefaultType] outside a transaction.
func (db *DB) DefaultType(ctx context.Context, projectID string) (*DefaultType, error) {
	return defaultTypes.get(ctx, db.reader, projectID)
}
