package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// fault is a kind of fault. It breaks something, and heals it before it returns.
type fault struct {
	name string
	do   func(ctx context.Context, r *rand.Rand) error
}

// hold lets a fault last, until ctx ends.
func hold(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// The faults are in two groups. One of each group is there at a time.
func (w *world) faults() [2][]fault {
	member := func(r *rand.Rand) *gateway { return w.members[r.IntN(len(w.members))] }
	return [2][]fault{
		{
			{"kill -9 of a gateway", func(ctx context.Context, r *rand.Rand) error {
				g := member(r)
				g.signal(syscall.SIGKILL)
				hold(ctx, between(r, time.Second, 8*time.Second))
				return g.serving(context.WithoutCancel(ctx))
			}},
			{"pause of a gateway", func(ctx context.Context, r *rand.Rand) error {
				g := member(r)
				g.signal(syscall.SIGSTOP)
				hold(ctx, between(r, 7*time.Second, 12*time.Second)) // the lease is 5 s
				g.signal(syscall.SIGCONT)
				return nil
			}},
			{"partition from PostgreSQL", func(ctx context.Context, r *rand.Rand) error {
				g := member(r)
				for _, p := range g.links {
					p.set(silence)
				}
				hold(ctx, between(r, 7*time.Second, 12*time.Second))
				for _, p := range g.links {
					p.set(pass)
				}
				return nil
			}},
		},
		{
			{"restart of PostgreSQL", func(ctx context.Context, _ *rand.Rand) error {
				return w.pg.restart(context.WithoutCancel(ctx))
			}},
			{"promote of the standby", func(ctx context.Context, _ *rand.Rand) error {
				return w.pg.promote(context.WithoutCancel(ctx))
			}},
			{"store does not answer", func(ctx context.Context, r *rand.Rand) error {
				if err := syscall.Kill(w.options.storePID, syscall.SIGSTOP); err != nil {
					return err
				}
				hold(ctx, between(r, 3*time.Second, 8*time.Second))
				return syscall.Kill(w.options.storePID, syscall.SIGCONT)
			}},
			{"store refuses connections", func(ctx context.Context, r *rand.Rand) error {
				w.store.set(refuse)
				hold(ctx, between(r, 2*time.Second, 6*time.Second))
				w.store.set(pass)
				return nil
			}},
		},
	}
}

// inject causes faults until ctx ends: each kind once, in random order, and again. All are healed
// when it returns. The kinds of the first round come even if ctx ends before.
func (w *world) inject(ctx context.Context, m *model, seed uint64) {
	var groups sync.WaitGroup
	for n, kinds := range w.faults() {
		groups.Go(func() {
			r := newRand(seed, uint64(n))
			for round := 0; round == 0 || ctx.Err() == nil; round++ {
				for _, i := range r.Perm(len(kinds)) {
					if round > 0 && ctx.Err() != nil {
						return
					}
					in := ctx
					if round == 0 {
						in = context.WithoutCancel(ctx)
					}
					hold(in, between(r, time.Second, 4*time.Second))
					f := kinds[i]
					say("%s", f.name)
					if err := f.do(in, r); err != nil {
						m.fault("%s: %v", f.name, err)
						return
					}
					m.count("fault: "+f.name, "healed")
				}
			}
		})
	}
	groups.Wait()
}

// unharmed waits until everything that faults had stopped answers.
func (w *world) unharmed(ctx context.Context) error {
	for _, g := range w.members {
		if err := poll(ctx, time.Minute, g.name+" answers", func() bool { return g.answers(ctx) }); err != nil {
			return fmt.Errorf("after the faults: %w", err)
		}
	}
	return nil
}
