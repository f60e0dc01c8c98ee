package identity

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jonboulle/clockwork"
	"golang.org/x/time/rate"
)

// Limits bound the cost of logins. Checking a password is slow on purpose, so anybody
// who sends passwords could keep the processors busy.
type Limits struct {
	// Queue is how many logins may wait for their password to be checked.
	Queue int
	// PerAddress is how many of them one client address may have, running ones included,
	// and PerUser how many of these may name the same user.
	PerAddress, PerUser int
	// FailuresPerAddress and FailuresPerUser are how many logins of an address may fail a
	// minute, in all and naming the same user. As many may fail at once. 0: any number.
	FailuresPerAddress, FailuresPerUser int
}

// DefaultLimits are for a zero [Limits].
var DefaultLimits = Limits{Queue: 256, PerAddress: 64, PerUser: 32, FailuresPerAddress: 120, FailuresPerUser: 30}

// ErrBusy is the error for a login that a limit refuses.
type ErrBusy struct {
	// Client tells whether the client has too many of its own, and RetryAfter when it may
	// try again.
	Client     bool
	RetryAfter time.Duration
}

func (*ErrBusy) Error() string { return "too many logins" }

// maxRemembered bounds how many clients' failures are remembered.
const maxRemembered = 10_000

// from is the claimed user and the address of a login. user "" stands for all users of
// the address.
type from struct{ address, user string }

// guard queues logins, and lets a few at a time check a password. It is safe for
// concurrent use.
type guard struct {
	limits Limits
	clock  clockwork.Clock // of the limits
	pace   clockwork.Clock // of how long checks take
	shared Store           // counts failures for all gateways; nil: there is one gateway

	mu       sync.Mutex
	free     int // how many more may be checked now
	queue    []*turn
	slowest  time.Duration // about how long the slowest kind of check takes
	served   uint64
	last     map[from]uint64                 // the number of served when those present were last
	present  map[from]int                    // in the queue or being checked
	failures *lru.Cache[from, *rate.Limiter] // what is left of the failures that are allowed
}

// turn is a login in the queue.
type turn struct {
	keys  []from
	begin chan struct{} // closed when it is its turn
}

func newGuard(limits Limits, clock clockwork.Clock) *guard {
	if limits == (Limits{}) {
		limits = DefaultLimits
	}
	failures, _ := lru.New[from, *rate.Limiter](maxRemembered) // fails only for sizes below 1
	return &guard{
		limits: limits, clock: clock, pace: clock, free: max(1, runtime.GOMAXPROCS(0)/2), // the rest is for those who are logged in
		last: map[from]uint64{}, present: map[from]int{}, failures: failures,
	}
}

// check runs check, which is slow, once it is its turn, and reports what it says. It
// returns [*ErrBusy] if a limit refuses that, and ctx's error if the client leaves first.
// Failures take as long as those of the slowest kind of hash, so that their time does not
// tell one user from another, or from nobody.
func (g *guard) check(ctx context.Context, address, user string, check func() bool) (bool, error) {
	keys := []from{{address, user}, {address: address}}
	if err := g.refusedElsewhere(ctx, keys); err != nil {
		return false, err
	}
	if err := g.enter(keys); err != nil {
		return false, err
	}
	defer g.leave(keys)
	if err := g.wait(ctx, keys); err != nil {
		return false, err
	}
	began := g.pace.Now()
	right, err := g.run(ctx, check)
	if err != nil || right {
		return right, err
	}
	wait := g.failed(keys, g.pace.Since(began))
	if g.shared != nil {
		// A client that hangs up has failed all the same.
		stored, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
		defer cancel()
		if err := g.shared.LoginFailed(stored, g.clock.Now(), g.counted(keys)...); err != nil {
			return false, err
		}
	}
	rest := g.pace.NewTimer(wait)
	defer rest.Stop()
	select {
	case <-rest.Chan():
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// refusedElsewhere returns [*ErrBusy] if too many logins have failed at all gateways together.
func (g *guard) refusedElsewhere(ctx context.Context, keys []from) error {
	if g.shared == nil {
		return nil
	}
	wait, err := g.shared.LoginsRefused(ctx, g.clock.Now(), g.counted(keys)...)
	if err == nil && wait > 0 {
		err = &ErrBusy{Client: true, RetryAfter: wait}
	}
	return err
}

// counted returns what failures are counted by, as far as they are limited.
func (g *guard) counted(keys []from) []LoginKey {
	var counted []LoginKey
	for i, perMinute := range []int{g.limits.FailuresPerUser, g.limits.FailuresPerAddress} {
		if perMinute > 0 {
			counted = append(counted, LoginKey{keys[i].address + " " + keys[i].user, perMinute})
		}
	}
	return counted
}

// run runs check in its turn, and passes the turn on.
func (g *guard) run(ctx context.Context, check func() bool) (bool, error) {
	defer g.next()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return check(), nil
}

// enter takes a place for a login.
func (g *guard) enter(keys []from) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, most := range []int{g.limits.PerUser, g.limits.PerAddress} {
		if g.present[keys[i]] >= most {
			return &ErrBusy{Client: true, RetryAfter: time.Second}
		}
		if l, ok := g.failures.Get(keys[i]); ok {
			if tokens := l.TokensAt(g.clock.Now()); tokens < 1 {
				return &ErrBusy{Client: true, RetryAfter: time.Duration((1 - tokens) / float64(l.Limit()) * float64(time.Second))}
			}
		}
	}
	for _, k := range keys {
		g.present[k]++
	}
	return nil
}

func (g *guard) leave(keys []from) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range keys {
		if g.present[k]--; g.present[k] == 0 {
			delete(g.present, k)
			delete(g.last, k)
		}
	}
}

// wait waits until it is the login's turn. The caller must call next then.
func (g *guard) wait(ctx context.Context, keys []from) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.serve(keys)
		g.mu.Unlock()
		return nil
	}
	if len(g.queue) >= g.limits.Queue {
		g.mu.Unlock()
		return &ErrBusy{RetryAfter: time.Second}
	}
	own := &turn{keys, make(chan struct{})}
	g.queue = append(g.queue, own)
	g.mu.Unlock()
	select {
	case <-own.begin:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	at := slices.Index(g.queue, own)
	if at >= 0 {
		g.queue = slices.Delete(g.queue, at, at+1)
	}
	g.mu.Unlock()
	if at < 0 { // its turn has come just now
		g.next()
	}
	return ctx.Err()
}

// serve gives a login its turn.
func (g *guard) serve(keys []from) {
	g.served++
	for _, k := range keys {
		g.last[k] = g.served
	}
}

// next passes the turn on: to the address whose last turn was longest ago, and among its
// users to the one whose last turn was longest ago.
func (g *guard) next() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.free++
		return
	}
	best := slices.MinFunc(g.queue, func(a, b *turn) int {
		return cmp.Or(cmp.Compare(g.last[a.keys[1]], g.last[b.keys[1]]), cmp.Compare(g.last[a.keys[0]], g.last[b.keys[0]]))
	})
	g.queue = slices.DeleteFunc(g.queue, func(t *turn) bool { return t == best })
	g.serve(best.keys)
	close(best.begin)
}

// failed counts a failure whose check took the given time. It returns how much longer the
// answer must wait, so that all failures take the same time.
func (g *guard) failed(keys []from, took time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slowest = max(took, g.slowest*9/10) // slowly forgets what a busy machine did
	for i, perMinute := range []int{g.limits.FailuresPerUser, g.limits.FailuresPerAddress} {
		if perMinute == 0 {
			continue // not limited
		}
		l, ok := g.failures.Get(keys[i])
		if !ok {
			l = rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)
			g.failures.Add(keys[i], l)
		}
		l.AllowN(g.clock.Now(), 1)
	}
	return g.slowest - took
}

// isBusy reports whether the error says that a limit refused a login.
func isBusy(err error) (*ErrBusy, bool) {
	var busy *ErrBusy
	return busy, errors.As(err, &busy)
}
