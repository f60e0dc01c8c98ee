// Command chaos runs three gateways on a PostgreSQL with a standby, an object store and a load
// balancer, and breaks them while clients work. Then it compares what is there with what the
// clients were told. acceptance/chaos/run calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

type options struct {
	binary, dir     string
	postgresDir     string
	port            int
	store, storeDir string
	storePID        int
	duration        time.Duration
	clients         int
	seed            uint64
	measure         string
}

var began = time.Now()

// newRand returns random numbers that a seed repeats.
func newRand(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // no secrets
}

// say prints a line with the seconds since the start.
func say(format string, args ...any) {
	fmt.Printf("%6.1f %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "build/cindergate", "the gateway")
	flag.StringVar(&o.dir, "dir", "build/acceptance/chaos", "a directory of this run")
	flag.StringVar(&o.postgresDir, "postgres-dir", "", "a directory that the user nobody can reach, for PostgreSQL, which does not run as root")
	flag.IntVar(&o.port, "port", 19776, "of the load balancer; others follow it")
	flag.StringVar(&o.store, "store", "", "the address of the object store, whose keys are $S3_KEY and $S3_SECRET")
	flag.StringVar(&o.storeDir, "store-dir", "", "where it has its buckets")
	flag.IntVar(&o.storePID, "store-pid", 0, "its process")
	flag.DurationVar(&o.duration, "duration", time.Minute, "of the faults")
	flag.IntVar(&o.clients, "clients", 24, "that work at once")
	flag.Uint64Var(&o.seed, "seed", 0, "of the faults and operations; 0: a random one")
	flag.StringVar(&o.measure, "measure", "", "creates: creates 10,000 volumes, and reads each at another gateway")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, o options) error {
	var err error
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	for o.seed == 0 {
		o.seed = rand.Uint64() >> 32 //nolint:gosec // printed, to repeat a run
	}
	count := gateways
	if o.measure != "" {
		count = 2
	}
	w, err := newWorld(ctx, o, count)
	if err != nil {
		return err
	}
	defer w.close()
	switch o.measure {
	case "":
		return w.chaos(ctx)
	case "creates":
		return w.creates(ctx)
	}
	return fmt.Errorf("-measure: %q is not creates", o.measure)
}

// chaos lets clients work during faults, and verifies what they leave.
func (w *world) chaos(ctx context.Context) error {
	o := w.options
	say("all is up. Seed %d, %d clients, %v", o.seed, o.clients, o.duration)
	m, shared := newModel(), newAPI(w.url)
	var clients sync.WaitGroup
	working, stop := context.WithCancel(ctx)
	defer stop()
	for n := range o.clients {
		clients.Go(func() {
			c := &client{api: shared, w: w, m: m, r: newRand(o.seed, uint64(100+n))}
			for working.Err() == nil {
				c.once(ctx)
			}
		})
	}
	during, done := context.WithTimeout(ctx, o.duration)
	w.inject(during, m, o.seed)
	done()
	stop()
	say("all faults are healed")
	if err := w.unharmed(ctx); err != nil {
		m.fault("%v", err)
	}
	clients.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	say("no client works any more")
	(&client{api: shared, w: w, m: m, r: newRand(o.seed, 1<<32)}).verify(ctx)
	if err := w.exits(); err != nil {
		m.fault("%v", err)
	}
	m.report()
	fmt.Printf("chaos: seed %d, stale answers %d, wrong %d, %.0f s\n", o.seed, m.stale, len(m.faults), time.Since(began).Seconds())
	for _, text := range m.faults {
		fmt.Println("  ", text)
	}
	if len(m.faults) > 0 || m.stale > 0 {
		return fmt.Errorf("%d promises are broken", len(m.faults)+m.stale)
	}
	return nil
}
