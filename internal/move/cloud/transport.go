package cloud

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of the repetition of one request.
const (
	// patience is how long one request is repeated in all.
	patience = 5 * time.Minute
	// maxRetryAfter bounds what a Retry-After may ask for.
	maxRetryAfter = 2 * time.Minute
	firstPause    = 500 * time.Millisecond
	maxPause      = 15 * time.Second
)

// transport repeats requests that the cloud did not accept: those that it answers with 429, 413
// with Retry-After (OpenStack's rate limits), or 503, and those that no server got. Requests
// that change nothing when repeated are also repeated after a broken connection, 500, 502
// and 504.
type transport struct {
	next   http.RoundTripper
	waits  atomic.Int64                 // how often it waited
	status atomic.Pointer[func(string)] // told what it waits for
	pause  time.Duration                // before the first repetition; 0: firstPause
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	began, pause := time.Now(), t.pause
	if pause <= 0 {
		pause = firstPause
	}
	for {
		resp, err := t.next.RoundTrip(r)
		wait, again := again(r, resp, err, pause)
		if !again || time.Since(began)+wait > patience || r.Body != nil && r.GetBody == nil && r.Body != http.NoBody {
			return resp, err
		}
		if resp != nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
			_ = resp.Body.Close()
		}
		t.waits.Add(1)
		if tell := t.status.Load(); tell != nil {
			(*tell)("waiting for " + r.URL.Host + ", which refused a request")
		}
		if err := sleep(r.Context(), wait); err != nil {
			return nil, err
		}
		pause = min(2*pause, maxPause)
		r = r.Clone(r.Context())
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// again says whether to repeat a request, and after what time.
func again(r *http.Request, resp *http.Response, err error, pause time.Duration) (time.Duration, bool) {
	harmless := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodPut || r.Method == http.MethodDelete
	if err != nil {
		return pause, r.Context().Err() == nil && (harmless || errors.Is(err, syscall.ECONNREFUSED))
	}
	after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	wait := max(pause, min(time.Duration(max(after, 0))*time.Second, maxRetryAfter))
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return wait, true
	case http.StatusRequestEntityTooLarge:
		return wait, after > 0
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return wait, harmless
	}
	return 0, false
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
