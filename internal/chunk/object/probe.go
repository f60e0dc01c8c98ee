package object

import (
	"bytes"
	"context"
	"crypto/md5" // #nosec G501 -- what the services compare
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cindergate/internal/chunk"
)

// probeName begins the names of objects that [Store.Probe] makes.
const probeName = ".cindergate-probe-"

// probePatience is how long each request of a probe is repeated.
const probePatience = 5 * time.Second

// Probe implements [chunk.Remote]. It goes on after an error, so that everything that is
// missing is reported at once.
func (s *Store) Probe(ctx context.Context) (findings []string, err error) {
	ctx = chunk.WithPatience(ctx, probePatience)
	container := s.container()
	if err := s.request(ctx, "head", func(ctx context.Context) error { return s.client.Head(ctx, container) }); err != nil {
		return nil, err // nothing below could succeed
	}
	name, text := probeName+rand.Text(), []byte("This object tests a backup store. It can be deleted.\n")
	var problems []error
	var ok []string
	step := func(op, done string, send func(ctx context.Context) error) bool {
		if err := s.request(ctx, op, send); err != nil {
			problems = append(problems, err)
			return false
		}
		ok = append(ok, done)
		return true
	}
	written := step("put", "written", func(ctx context.Context) error {
		return s.client.Put(ctx, container, name, bytes.NewReader(text), int64(len(text)), md5.Sum(text)) // #nosec G401 -- what the services compare
	})
	if written {
		step("get", "read", func(ctx context.Context) error { return s.readBack(ctx, name, text) })
	}
	step("list", "listed", func(ctx context.Context) error {
		var names []string
		for n, err := range s.client.List(ctx, container, name, "") {
			if err != nil {
				return err
			}
			names = append(names, n)
		}
		if written && !slices.Contains(names, name) {
			findings = append(findings, "the listing lags: it did not have the probe yet, which is no problem")
		}
		return nil
	})
	step("delete", "deleted", func(ctx context.Context) error { return s.client.Delete(ctx, container, []string{name}) })
	findings = append(findings, fmt.Sprintf("a probe in container %s was %s", container, join(ok)))
	return findings, errors.Join(problems...)
}

func join(words []string) string {
	switch n := len(words); n {
	case 0:
		return "refused"
	case 1:
		return words[0]
	default:
		text := words[0]
		for _, w := range words[1 : n-1] {
			text += ", " + w
		}
		return text + " and " + words[n-1]
	}
}

func (s *Store) readBack(ctx context.Context, name string, want []byte) error {
	r, _, _, err := s.client.Get(ctx, s.container(), name, 0, "")
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	got, err := io.ReadAll(io.LimitReader(r, int64(len(want))+1))
	if err == nil && !bytes.Equal(got, want) {
		err = &Error{Kind: Refused, Text: "it returned other bytes than were written"}
	}
	return err
}

// request sends one request of a probe, bounded by the time of a stall.
func (s *Store) request(ctx context.Context, op string, send func(context.Context) error) error {
	return s.explain(op, s.container(), s.try(ctx, op, s.container(), func(ctx context.Context) error {
		watched, w := s.watch(ctx)
		defer w.stop()
		return w.explain(send(watched))
	}))
}
