package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/move"
	"cindergate/internal/move/paths"
)

// createMove makes the state directory of a planned move.
func createMove(dir string, p *paths.Plan, o move.Options) (string, error) {
	request, err := json.Marshal(p.Request)
	if err != nil {
		return "", err
	}
	job := &move.Job{Volume: p.Volume}
	job.Volume.Name = firstOf(p.Request.Name, p.Volume.Name)
	j := move.Journal{ID: move.NewID(), Created: time.Now().UTC(), Request: request, Options: o, Job: job}
	if p.Write != nil {
		j.Lost = p.Write.Lost
	}
	s, err := move.Create(dir, j)
	if err != nil {
		return "", err
	}
	return j.ID, s.Close()
}

// runMoves runs moves until all have ended. It returns an error if any failed.
func runMoves(ctx context.Context, out io.Writer, dir string, ids []string, parallel int) error {
	progress := newMoveProgress(out)
	group := errgroup.Group{}
	group.SetLimit(max(parallel, 1))
	var mu sync.Mutex
	var failed []error
	for _, id := range ids {
		group.Go(func() error {
			if err := runMove(ctx, progress, dir, id); err != nil {
				mu.Lock()
				failed = append(failed, fmt.Errorf("move %s: %w (cindergate move resume %s goes on, cindergate move abort %s removes what was made)", id, err, id, id))
				mu.Unlock()
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in failed
	progress.close()
	for _, id := range ids {
		if j, err := move.Read(dir, id); err == nil && progress.bars {
			summary(out, j)
		}
	}
	return errors.Join(failed...)
}

func runMove(ctx context.Context, progress *moveProgress, dir, id string) error {
	return withMove(ctx, dir, id, func(m *move.Move) error {
		name := id
		if m.Job != nil && m.Job.Volume.Name != "" {
			name = m.Job.Volume.Name
		}
		shown := progress.add(m, name)
		err := m.Run(ctx)
		progress.ended(shown, err)
		return err
	})
}

func abortMove(ctx context.Context, dir, id string) error {
	return withMove(ctx, dir, id, func(m *move.Move) error { return m.Abort(ctx) })
}

// withMove opens a move, which no other process works on meanwhile.
func withMove(ctx context.Context, dir, id string, do func(m *move.Move) error) (err error) {
	s, err := move.Open(dir, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m, err := paths.Open(ctx, s)
	if err != nil {
		return err
	}
	return do(m)
}
