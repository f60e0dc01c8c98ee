package translate

import (
	"context"
	"net/http"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Bodies of /volumes/{id}/metadata and /snapshots/{id}/metadata
// (cinder/api/schemas/volume_metadata.py).
var (
	metadataBody = schema.Body("metadata", schema.Metadata)
	metaBody     = schema.Body("meta", oneMember(schema.Metadata))
)

func oneMember(s schema.Schema) schema.Schema {
	s.MinProperties, s.MaxProperties = 1, 1
	return s
}

// metadataOf reads and changes the metadata of one kind of resource.
type metadataOf struct {
	get    func(ctx context.Context, r Request) (map[string]string, error)
	change func(ctx context.Context, r Request, c driver.MetadataChange) (map[string]string, error)

	create, update, delete Policy
}

func (t *Translator) volumeMetadata() metadataOf {
	return metadataOf{
		create: volumeMetadataCreate, update: volumeMetadataUpdate, delete: volumeMetadataDelete,
		get: func(ctx context.Context, r Request) (map[string]string, error) {
			volumes, err := t.volumes()
			if err != nil {
				return nil, err
			}
			v, err := volumes.GetVolume(ctx, r.Caller, r.ID)
			return v.Metadata, err
		},
		change: func(ctx context.Context, r Request, c driver.MetadataChange) (map[string]string, error) {
			manager, err := t.volumeManager()
			if err != nil {
				return nil, err
			}
			v, err := manager.UpdateVolume(ctx, r.Caller, r.ID, driver.VolumePatch{Metadata: driver.Some(c)})
			return v.Metadata, err
		},
	}
}

func (t *Translator) snapshotMetadata() metadataOf {
	return metadataOf{
		create: snapshotMetadataUpdate, update: snapshotMetadataUpdate, delete: snapshotMetadataDelete,
		get: func(ctx context.Context, r Request) (map[string]string, error) {
			snapshots, err := t.snapshots()
			if err != nil {
				return nil, err
			}
			s, err := snapshots.GetSnapshot(ctx, r.Caller, r.ID)
			return s.Metadata, err
		},
		change: func(ctx context.Context, r Request, c driver.MetadataChange) (map[string]string, error) {
			snapshots, err := t.snapshots()
			if err != nil {
				return nil, err
			}
			s, err := snapshots.UpdateSnapshot(ctx, r.Caller, r.ID, driver.SnapshotPatch{Metadata: driver.Some(c)})
			return s.Metadata, err
		},
	}
}

// volumeMetadata returns an operation on the metadata of volumes.
func volumeMetadata(do func(metadataOf, context.Context, Request) (Response, error)) method {
	return func(t *Translator, ctx context.Context, r Request) (Response, error) {
		return do(t.volumeMetadata(), ctx, r)
	}
}

// snapshotMetadata returns an operation on the metadata of snapshots.
func snapshotMetadata(do func(metadataOf, context.Context, Request) (Response, error)) method {
	return func(t *Translator, ctx context.Context, r Request) (Response, error) {
		return do(t.snapshotMetadata(), ctx, r)
	}
}

func (m metadataOf) list(ctx context.Context, r Request) (Response, error) {
	all, err := m.get(ctx, r)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("metadata", orEmpty(all)))
}

func (m metadataOf) add(ctx context.Context, r Request) (Response, error) {
	return m.write(ctx, r, m.create, false)
}

func (m metadataOf) replace(ctx context.Context, r Request) (Response, error) {
	return m.write(ctx, r, m.update, true)
}

func (m metadataOf) allow(ctx context.Context, r Request, p Policy) error {
	return r.allowOn(p, func() error {
		_, err := m.get(ctx, r)
		return err
	})
}

func (m metadataOf) write(ctx context.Context, r Request, p Policy, replace bool) (Response, error) {
	body, err := decode(r, "metadata", metadataBody)
	if err != nil {
		return Response{}, err
	}
	if err := m.allow(ctx, r, p); err != nil {
		return Response{}, err
	}
	all, err := m.change(ctx, r, driver.MetadataChange{Replace: replace, Set: body.Strings()})
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("metadata", orEmpty(all)))
}

func (m metadataOf) show(ctx context.Context, r Request) (Response, error) {
	all, err := m.get(ctx, r)
	if err != nil {
		return Response{}, err
	}
	value, exists := all[r.Key]
	if !exists {
		return Response{}, noMetadata(r)
	}
	return ok(envelope("meta", map[string]string{r.Key: value}))
}

func (m metadataOf) set(ctx context.Context, r Request) (Response, error) {
	body, err := decode(r, "meta", metaBody)
	if err != nil {
		return Response{}, err
	}
	if err := m.allow(ctx, r, m.update); err != nil {
		return Response{}, err
	}
	set := body.Strings()
	if _, named := set[r.Key]; !named {
		return Response{}, driver.Errorf(driver.InvalidInput, "Request body and URI mismatch")
	}
	if _, err := m.change(ctx, r, driver.MetadataChange{Set: set}); err != nil {
		return Response{}, err
	}
	return ok(envelope("meta", set))
}

func (m metadataOf) remove(ctx context.Context, r Request) (Response, error) {
	if err := m.allow(ctx, r, m.delete); err != nil {
		return Response{}, err
	}
	all, err := m.get(ctx, r)
	if err != nil {
		return Response{}, err
	}
	if _, exists := all[r.Key]; !exists {
		return Response{}, noMetadata(r)
	}
	if _, err := m.change(ctx, r, driver.MetadataChange{Remove: []string{r.Key}}); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusOK}, nil
}

func noMetadata(r Request) error {
	return driver.Errorf(driver.NotFound, "Volume %s has no metadata with key %s.", r.ID, r.Key)
}
