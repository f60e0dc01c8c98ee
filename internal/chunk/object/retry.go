package object

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"cindergate/internal/chunk"
)

// errFull is in the chain of an error of the kind [Full].
var errFull = syscall.ENOSPC

// try sends a request until it succeeds, its answer is final, ctx ends, or it has failed
// for the time of the store's patience. Between two tries it waits: for a pause that
// doubles, for what the service asked for, and for the budget of all requests.
func (s *Store) try(ctx context.Context, op, container string, send func(context.Context) error) error {
	patience := chunk.Patience(ctx, s.o.Patience)
	began, pause, renewed := time.Now(), s.o.Pause, false
	for n := 1; ; n++ {
		if err := s.pauser.wait(ctx); err != nil {
			return err
		}
		err := send(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.As(err, new(*Error)) && !errors.As(err, new(permanent)) {
			err = &Error{Kind: Transient, Text: reasonOf(err), Err: err}
		}
		if KindOf(err) == Expired && !renewed {
			renewed = true
			if renewal := s.client.Renew(ctx); renewal == nil {
				continue
			} else if kind := KindOf(renewal); kind == Transient || kind == NoTrust {
				renewed, err = false, renewal
			}
		}
		if !repeatable(err) || time.Since(began) >= patience {
			return err
		}
		if n == 1 || time.Since(began) > s.o.MaxPause {
			s.o.Log.Warn("a request to the backup store failed and is repeated", zap.String("store", s.o.Name), zap.String("operation", op),
				zap.String("container", container), zap.Int("tries", n), zap.Error(err))
		}
		if err := sleep(ctx, pause/2+rand.N(pause/2+1)); err != nil { // #nosec G404 -- spreads clients
			return err
		}
		if err := s.budget.Wait(ctx); err != nil {
			return err
		}
		pause = min(2*pause, s.o.MaxPause)
	}
}

// repeatable reports whether the same request may succeed later.
func repeatable(err error) bool {
	if errors.As(err, new(permanent)) {
		return false
	}
	kind := KindOf(err)
	return kind == Transient || kind == Throttled
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// reasonOf describes a failed request without addresses.
func reasonOf(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, errStalled):
		return "no byte moved for too long"
	case errors.As(err, &dns):
		return "its name could not be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended early"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "the connection failed"
}

// Pauser holds back requests after a service asked to slow down.
type Pauser struct {
	mu    sync.Mutex
	until time.Time
}

// maxRetryAfter bounds what a Retry-After may ask for.
const maxRetryAfter = 2 * time.Minute

// Note records what an answer asks for: the header Retry-After of 429, 498 and 503, in
// seconds (RFC 9110, 10.2.3; a date is not used by S3 or Swift).
func (p *Pauser) Note(resp *http.Response) {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, 498, http.StatusServiceUnavailable:
	default:
		return
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(min(time.Duration(seconds)*time.Second, maxRetryAfter)); until.After(p.until) {
		p.until = until
	}
}

// wait returns when requests may be sent.
func (p *Pauser) wait(ctx context.Context) error {
	p.mu.Lock()
	d := time.Until(p.until)
	p.mu.Unlock()
	if d <= 0 {
		return ctx.Err()
	}
	return sleep(ctx, d)
}
