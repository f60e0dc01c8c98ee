package object

import (
	"bytes"
	"context"
	"crypto/md5" // #nosec G501 -- what the services compare
	"fmt"
	"io"
	"strings"

	"cindergate/internal/chunk"
	"cindergate/internal/marker"
)

// maxMarker bounds what is read of a marker, in bytes.
const maxMarker = 256

// Claim implements [chunk.Remote]. It makes the container only if the store has never been
// used: later, a missing container is an error.
func (s *Store) Claim(ctx context.Context, newID string) (string, error) {
	if err := s.ensure(ctx, s.container()); err != nil {
		return "", err
	}
	id, err := s.marker(ctx)
	if err != nil {
		return "", err
	}
	if id != "" {
		return id, nil
	}
	text := []byte(newID + "\n")
	body := func() (io.Reader, error) { return bytes.NewReader(text), nil }
	if err := s.put(ctx, s.container(), marker.Name, body, int64(len(text)), md5.Sum(text)); err != nil { // #nosec G401 -- what the services compare
		return "", err
	}
	// Another gateway may have written its marker at the same time: the last one counts.
	return s.marker(ctx)
}

// Prepare implements [chunk.Remote] (swift.py and s3.py put_container).
func (s *Store) Prepare(ctx context.Context, container string) error {
	if container == s.container() {
		return nil
	}
	return s.ensure(ctx, container)
}

// ensure makes a container unless it exists.
func (s *Store) ensure(ctx context.Context, container string) error {
	err := s.try(ctx, "head", container, func(ctx context.Context) error { return s.client.Head(ctx, container) })
	if err != nil && KindOf(err) == NoContainer {
		err = s.try(ctx, "make", container, func(ctx context.Context) error { return s.client.Make(ctx, container) })
		return s.explain("make", container, err)
	}
	return s.explain("head", container, err)
}

// marker returns the id in the marker; "" if there is none.
func (s *Store) marker(ctx context.Context) (string, error) {
	var id string
	err := s.try(ctx, "get", s.container(), func(ctx context.Context) error {
		watched, w := s.watch(ctx)
		defer w.stop()
		r, _, _, err := s.client.Get(watched, s.container(), marker.Name, 0, "")
		if err != nil {
			return w.explain(err)
		}
		defer func() { _ = r.Close() }()
		raw, err := io.ReadAll(io.LimitReader(r, maxMarker))
		id = strings.TrimSpace(string(raw))
		return w.explain(err)
	})
	if err != nil && KindOf(err) == NoObject {
		return "", nil
	}
	return id, s.explain("get", s.container(), err)
}

// Expect implements [chunk.Remote].
func (s *Store) Expect(id string) { s.id.Store(&id) }

// Check reads the marker.
func (s *Store) Check(ctx context.Context) error {
	want := s.id.Load()
	if want == nil {
		return s.explain("head", s.container(), s.try(ctx, "head", s.container(), func(ctx context.Context) error {
			return s.client.Head(ctx, s.container())
		}))
	}
	found, err := s.marker(ctx)
	switch {
	case err != nil:
		return err
	case found == "":
		return &chunk.Failure{Text: fmt.Sprintf("Container %s of backup store %s has no object %s: it was emptied, or another store is configured.",
			s.container(), s.o.Name, marker.Name), Err: &marker.Missing{Dir: s.container(), Want: *want}}
	case found != *want:
		return &chunk.Failure{Text: fmt.Sprintf("Container %s of backup store %s is not the one that was used before: its object %s names %.64q, not %s.",
			s.container(), s.o.Name, marker.Name, found, *want), Err: &marker.Missing{Dir: s.container(), Found: found, Want: *want}}
	}
	return nil
}
