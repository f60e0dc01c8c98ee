package identity

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/crypto/bcrypt"
)

// blocked is a guard of one slot, which is taken until free is called.
func blocked(t *testing.T, limits Limits) (g *guard, free func()) {
	t.Helper()
	g = newGuard(limits, clockwork.NewRealClock())
	g.free = 1
	release := make(chan struct{})
	began := make(chan struct{})
	go func() {
		_, _ = g.check(context.Background(), "first", "first", func() bool { close(began); <-release; return true })
	}()
	<-began
	return g, sync.OnceFunc(func() { close(release) })
}

// A login whose client leaves is not checked, and makes room in the queue.
func TestTheQueueEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := blocked(t, Limits{Queue: 3, PerAddress: 10, PerUser: 10})
		defer free()
		ctx, leave := context.WithCancel(t.Context())
		var checked atomic.Int32
		errs := make(chan error, 3)
		for range 3 {
			go func() {
				_, err := g.check(ctx, "a", "u", func() bool { checked.Add(1); return true })
				errs <- err
			}()
		}
		synctest.Wait()
		var busy *ErrBusy
		if _, err := g.check(t.Context(), "b", "v", func() bool { return true }); !errors.As(err, &busy) || busy.Client {
			t.Errorf("with a full queue: %v", err)
		}
		leave()
		for range 3 {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		done := make(chan error)
		go func() {
			_, err := g.check(t.Context(), "b", "v", func() bool { return true })
			done <- err
		}()
		synctest.Wait()
		free()
		if err := <-done; err != nil || checked.Load() != 0 {
			t.Errorf("%v; %d logins without a client were checked", err, checked.Load())
		}
		if len(g.present) != 0 || len(g.last) != 0 || len(g.queue) != 0 || g.free != 1 {
			t.Errorf("left: %+v", g)
		}
	})
}

// Those who flood wait for each other, not everybody for them.
func TestTurnsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := blocked(t, Limits{Queue: 100, PerAddress: 50, PerUser: 20})
		var mu sync.Mutex
		var order []string
		var wait sync.WaitGroup
		login := func(address, user string) {
			wait.Go(func() {
				_, _ = g.check(t.Context(), address, user, func() bool {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, address+"/"+user)
					return true
				})
			})
			synctest.Wait()
		}
		for range 20 {
			login("flood", "bob")
		}
		login("flood", "carol")
		login("home", "bob")
		free()
		wait.Wait()
		place := func(caller string) int {
			for i, o := range order {
				if o == caller {
					return i
				}
			}
			return -1
		}
		if home, carol := place("home/bob"), place("flood/carol"); home > 2 || carol > 3 || home < 0 || carol < 0 {
			t.Errorf("the order is %v", order)
		}
	})
}

func TestLoginsPerUserAndAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := blocked(t, Limits{Queue: 100, PerAddress: 3, PerUser: 2})
		refused := func(address, user string) bool {
			ctx, cancel := context.WithCancel(t.Context())
			errs := make(chan error, 1)
			go func() {
				_, err := g.check(ctx, address, user, func() bool { return true })
				errs <- err
			}()
			synctest.Wait()
			select {
			case err := <-errs:
				var busy *ErrBusy
				cancel()
				return errors.As(err, &busy) && busy.Client
			default:
				t.Cleanup(cancel)
				return false
			}
		}
		for i, x := range []struct {
			address, user string
			refused       bool
		}{
			{"a", "u", false}, {"a", "u", false}, {"a", "u", true}, // the user's share
			{"a", "v", false}, {"a", "w", true}, // the address's share
			{"b", "u", false}, // elsewhere the user can log in
		} {
			if got := refused(x.address, x.user); got != x.refused {
				t.Errorf("%d: %s at %s is refused: %t", i, x.user, x.address, got)
			}
		}
		free()
		synctest.Wait()
	})
}

// Guessing is slowed down where it happens.
func TestFailuresAreLimited(t *testing.T) {
	clock := clockwork.NewFakeClock()
	g := newGuard(Limits{Queue: 10, PerAddress: 10, PerUser: 10, FailuresPerUser: 3, FailuresPerAddress: 5}, clock)
	try := func(address, user string, right bool) error {
		_, err := g.check(t.Context(), address, user, func() bool { return right })
		return err
	}
	for range 3 {
		if err := try("a", "u", false); err != nil {
			t.Fatal(err)
		}
	}
	var busy *ErrBusy
	if err := try("a", "u", true); !errors.As(err, &busy) || busy.RetryAfter != 20*time.Second {
		t.Errorf("after three failures: %v, %+v", err, busy)
	}
	if err := try("b", "u", true); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	for range 2 {
		if err := try("a", "v", false); err != nil {
			t.Fatal(err)
		}
	}
	if err := try("a", "w", true); !errors.As(err, &busy) {
		t.Errorf("after five failures from the address: %v", err)
	}
	clock.Advance(20 * time.Second)
	if err := try("a", "u", true); err != nil {
		t.Errorf("later: %v", err)
	}
}

// A quick check that fails takes as long as a slow one.
func TestFailuresTakeTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Limits{Queue: 10, PerAddress: 10, PerUser: 10}, clockwork.NewRealClock())
		login := func(takes time.Duration, right bool) time.Duration {
			began := time.Now()
			if got, err := g.check(t.Context(), "a", "u", func() bool { time.Sleep(takes); return right }); err != nil || got != right {
				t.Error(got, err)
			}
			return time.Since(began)
		}
		login(time.Second, false)
		if took := login(100*time.Millisecond, false); took < 900*time.Millisecond {
			t.Errorf("the quick one takes %s", took)
		}
		if took := login(100*time.Millisecond, true); took != 100*time.Millisecond {
			t.Errorf("a right one takes %s", took)
		}
		for range 100 {
			login(100*time.Millisecond, false)
		}
		if took := login(100*time.Millisecond, false); took != 100*time.Millisecond {
			t.Errorf("long after the slow one it takes %s", took)
		}
	})
}

// Refusals say so over HTTP; a client that leaves is no answer.
func TestRefusedForBeingTooMany(t *testing.T) {
	c := newCloud(t)
	c.guard.limits.PerUser = 0
	answer, body := c.call(http.MethodPost, "/v3/auth/tokens", "", "", object{"auth": object{"identity": password("alice", "wonder")}})
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %v %v", answer.StatusCode, answer.Header, body)
	}
	c.guard.limits.PerUser, c.guard.limits.Queue, c.guard.free = 1, 0, 0
	answer, body = c.call(http.MethodPost, "/v3/auth/tokens", "", "", object{"auth": object{"identity": password("alice", "wonder")}})
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %v %v", answer.StatusCode, answer.Header, body)
	}
	c.mustLogin(password("eve", "random"), nil) // quick to check: not limited
}

// Somebody unknown is compared with somebody known's secret, and with the same one each time.
func TestUnknownUsersTakeAsLong(t *testing.T) {
	c := newCloud(t)
	var compared []string
	for _, u := range c.directory.Load().users.all {
		u.secret = Secret{slow: true, check: func(string) bool { compared = append(compared, u.name); return true }}
	}
	for range 3 {
		if status, _, _ := c.login(password("mallory", "x"), nil); status != http.StatusUnauthorized {
			t.Errorf("mallory: %d", status)
		}
		nobody := object{"methods": []string{"application_credential"}, "application_credential": object{"id": "none", "secret": "x"}}
		if status, _, _ := c.login(nobody, nil); status != http.StatusUnauthorized {
			t.Errorf("application credential: %d", status)
		}
	}
	if len(compared) != 6 || compared[0] != compared[2] || compared[0] != compared[4] {
		t.Errorf("compared with %v", compared)
	}
}

// bcrypt looks at 72 bytes only: more are never right.
func TestLongPasswordsForBcrypt(t *testing.T) {
	long := strings.Repeat("x", 72)
	hash, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	must(t, err)
	secret, err := ParseHash(string(hash))
	must(t, err)
	for password, want := range map[string]bool{long: true, long + "y": false, long + long: false, long[:71]: false} {
		if got := secret.Matches(password); got != want {
			t.Errorf("%d bytes match: %t", len(password), got)
		}
	}
	if secret := argonOf(t, long+"y"); !secret.Matches(long+"y") || secret.Matches(long) {
		t.Error("argon2id takes passwords of any length")
	}
}

func TestBadHashes(t *testing.T) {
	for _, hash := range []string{
		"", "secret", "$2b$12$...", "$2b$12$short", "$2b$31$" + strings.Repeat("a", 53), "$2b$03$" + strings.Repeat("a", 53),
		"$2x$10$" + strings.Repeat("a", 53), "$2b$10$" + strings.Repeat("!", 53), "$argon2id$v=19$m=65536,t=3,p=4$...",
	} {
		if _, err := ParseHash(hash); err == nil {
			t.Errorf("%q is accepted", hash)
		}
	}
}
