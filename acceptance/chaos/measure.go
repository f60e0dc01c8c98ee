package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// creates creates 10,000 volumes, each at one gateway, and reads each at once at the other one.
func (w *world) creates(ctx context.Context) error {
	const count = 10000
	apis := []*api{newAPI(w.members[0].url), newAPI(w.members[1].url)}
	var stale atomic.Int64
	var work errgroup.Group
	work.SetLimit(8)
	start := time.Now()
	for n := range count {
		work.Go(func() error {
			status, raw := apis[n%2].call(ctx, http.MethodPost, "/volumes", fields{"volume": fields{"size": 1}})
			var answer struct{ Volume struct{ ID string } }
			if status != http.StatusAccepted || json.Unmarshal(raw, &answer) != nil {
				return fmt.Errorf("create: %d %s", status, raw)
			}
			switch status, raw := apis[(n+1)%2].call(ctx, http.MethodGet, "/volumes/"+answer.Volume.ID, nil); status {
			case http.StatusOK:
			case http.StatusNotFound:
				stale.Add(1)
			default:
				return fmt.Errorf("read: %d %s", status, raw)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	fmt.Printf("%d creates at one gateway, each read at once at the other one: %d stale, %.0f s, %.0f/s\n", count, stale.Load(), took.Seconds(), count/took.Seconds())
	if stale.Load() > 0 {
		return fmt.Errorf("%d reads were stale", stale.Load())
	}
	return nil
}
