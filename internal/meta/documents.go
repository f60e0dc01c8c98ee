package meta

import (
	"cmp"
	sqldriver "database/sql/driver"
	"encoding/json"
	"time"

	"cindergate/driver"
)

// The documents in this file define their own JSON names, so that renaming a field in
// package driver does not lose stored data. Earlier versions stored the Go field names;
// these are read as well.

// translated is a value that is stored as the JSON of another type, S.
type translated[T, S any] struct {
	value *T
	to    func(T) S
	from  func(S) T
}

func (t translated[T, S]) Scan(src any) error {
	var s S
	if err := (document[S]{&s}).Scan(src); err != nil {
		return err
	}
	*t.value = t.from(s)
	return nil
}

func (t translated[T, S]) Value() (sqldriver.Value, error) {
	s := t.to(*t.value)
	return document[S]{&s}.Value()
}

// attachmentDocument is the stored form of an attachment. Connection is not stored; it is
// computed when the attachment is shown.
type attachmentDocument struct {
	ID         string         `json:"id"`
	VolumeID   string         `json:"volume_id"`
	ServerID   string         `json:"server_id,omitempty"`
	HostName   string         `json:"host_name,omitempty"`
	Device     string         `json:"device,omitempty"`
	Mode       string         `json:"mode,omitempty"`
	Status     string         `json:"status"`
	Connector  map[string]any `json:"connector,omitempty"`
	AttachedAt time.Time      `json:"attached_at,omitzero"`
	DetachedAt time.Time      `json:"detached_at,omitzero"`
}

// UnmarshalJSON reads both forms. encoding/json ignores case, so names that differ only in
// case need no code here.
func (a *attachmentDocument) UnmarshalJSON(raw []byte) error {
	type fields attachmentDocument
	var old struct {
		VolumeID, ServerID, HostName string
		AttachedAt, DetachedAt       time.Time
	}
	if err := json.Unmarshal(raw, (*fields)(a)); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &old); err != nil {
		return err
	}
	a.VolumeID, a.ServerID = cmp.Or(a.VolumeID, old.VolumeID), cmp.Or(a.ServerID, old.ServerID)
	a.HostName = cmp.Or(a.HostName, old.HostName)
	a.AttachedAt, a.DetachedAt = cmp.Or(a.AttachedAt, old.AttachedAt), cmp.Or(a.DetachedAt, old.DetachedAt)
	return nil
}

func attachments(of *[]driver.Attachment) translated[[]driver.Attachment, []attachmentDocument] {
	return translated[[]driver.Attachment, []attachmentDocument]{of,
		func(all []driver.Attachment) []attachmentDocument {
			documents := make([]attachmentDocument, len(all))
			for i, a := range all {
				documents[i] = attachmentDocument{ID: a.ID, VolumeID: a.VolumeID, ServerID: a.ServerID, HostName: a.HostName,
					Device: a.Device, Mode: a.Mode, Status: a.Status, Connector: a.Connector,
					AttachedAt: a.AttachedAt, DetachedAt: a.DetachedAt}
			}
			return documents
		},
		func(documents []attachmentDocument) []driver.Attachment {
			var all []driver.Attachment
			for _, d := range documents {
				all = append(all, driver.Attachment{ID: d.ID, VolumeID: d.VolumeID, ServerID: d.ServerID, HostName: d.HostName,
					Device: d.Device, Mode: d.Mode, Status: d.Status, Connector: d.Connector,
					AttachedAt: d.AttachedAt, DetachedAt: d.DetachedAt})
			}
			return all
		}}
}

// encryptionDocument is the stored form of a volume type's encryption.
type encryptionDocument struct {
	ID              string    `json:"id"`
	Provider        string    `json:"provider"`
	ControlLocation string    `json:"control_location"`
	Cipher          *string   `json:"cipher,omitempty"`
	KeySize         *int      `json:"key_size,omitempty"` // bits
	CreatedAt       time.Time `json:"created_at,omitzero"`
	UpdatedAt       time.Time `json:"updated_at,omitzero"`
}

// UnmarshalJSON reads both forms, like that of [attachmentDocument].
func (e *encryptionDocument) UnmarshalJSON(raw []byte) error {
	type fields encryptionDocument
	var old struct {
		ControlLocation      string
		KeySize              *int
		CreatedAt, UpdatedAt time.Time
	}
	if err := json.Unmarshal(raw, (*fields)(e)); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &old); err != nil {
		return err
	}
	e.ControlLocation, e.KeySize = cmp.Or(e.ControlLocation, old.ControlLocation), cmp.Or(e.KeySize, old.KeySize)
	e.CreatedAt, e.UpdatedAt = cmp.Or(e.CreatedAt, old.CreatedAt), cmp.Or(e.UpdatedAt, old.UpdatedAt)
	return nil
}

func encryption(of **driver.TypeEncryption) translated[*driver.TypeEncryption, *encryptionDocument] {
	return translated[*driver.TypeEncryption, *encryptionDocument]{of,
		func(e *driver.TypeEncryption) *encryptionDocument {
			if e == nil {
				return nil
			}
			return &encryptionDocument{ID: e.ID, Provider: e.Provider, ControlLocation: e.ControlLocation,
				Cipher: e.Cipher, KeySize: e.KeySize, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt}
		},
		func(d *encryptionDocument) *driver.TypeEncryption {
			if d == nil {
				return nil
			}
			return &driver.TypeEncryption{ID: d.ID, Provider: d.Provider, ControlLocation: d.ControlLocation,
				Cipher: d.Cipher, KeySize: d.KeySize, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
		}}
}
