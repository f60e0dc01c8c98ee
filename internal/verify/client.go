package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of what comes from the endpoint.
const (
	maxAnswer     = 16 << 20        // bytes of an answer that is compared
	maxKept       = 64 << 10        // bytes of an answer that a report keeps
	maxRetryAfter = 2 * time.Minute // that an answer may ask for
	maxRetries    = 5
	answerTimeout = 2 * time.Minute // of one request, with its body
)

// Exchange is a request and its answer, without secrets.
type Exchange struct {
	Who     Who
	Method  string
	URL     string
	Header  http.Header // without the token
	Body    string
	Status  int // 0: there was no answer
	Reason  string
	Answer  http.Header
	Content string // of the answer, at most maxKept bytes
	Size    int    // of the whole answer, in bytes
	Began   time.Time
	Took    time.Duration
	Error   string
}

// client sends requests: at most so many in a second, with the token of a login, again when
// the cloud asks for that.
type client struct {
	http    *http.Client
	rate    float64
	secrets secrets

	mu   sync.Mutex
	next time.Time // when the next request may be sent
	sent int
}

func newClient(h *http.Client, rate float64) *client {
	if h == nil {
		h = &http.Client{}
	}
	own := *h
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{http: &own, rate: rate}
}

// turn waits until one more request may be sent.
func (c *client) turn(ctx context.Context) error {
	c.mu.Lock()
	c.sent++
	var wait time.Duration
	if c.rate > 0 {
		now := time.Now()
		if c.next.Before(now) {
			c.next = now
		}
		wait = c.next.Sub(now)
		c.next = c.next.Add(time.Duration(float64(time.Second) / c.rate))
	}
	c.mu.Unlock()
	return pause(ctx, wait)
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call is a request to be sent.
type call struct {
	who    Who
	login  *Login // nil: no token
	token  string // instead of the login's
	method string
	url    string
	header http.Header
	body   []byte
	// into, if not nil, gets the body of an answer of status 200 or 206 instead of the exchange.
	into io.Writer
	// limit bounds what into gets, in bytes.
	limit int64
}

// do sends a request and returns the exchange with the whole body of the answer. An error
// means that there was no answer.
func (c *client) do(ctx context.Context, r call) (*Exchange, []byte, error) {
	refused := ""
	for tries := 0; ; tries++ {
		x, content, token, err := c.once(ctx, r, refused)
		if err != nil {
			return x, nil, err
		}
		if x.Status == http.StatusUnauthorized && r.login != nil && refused == "" {
			if again, err := r.login.Token(ctx, token); err == nil && again != token {
				c.secrets.add(again)
				refused = token
				continue
			}
			return x, content, nil
		}
		wait := retryAfter(x, time.Now())
		if wait <= 0 || tries >= maxRetries {
			return x, content, nil
		}
		if err := pause(ctx, wait); err != nil {
			return x, nil, err
		}
	}
}

// retryAfter is how long the cloud asks to wait; 0: not at all. Cinder answers a quota that is
// used up with 413 and Retry-After: 0 (cinder/api/openstack/wsgi.py:Fault), which means that it
// is of no use to come back.
func retryAfter(x *Exchange, now time.Time) time.Duration {
	if x.Status != http.StatusTooManyRequests && x.Status != http.StatusRequestEntityTooLarge {
		return 0
	}
	text := x.Answer.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return min(time.Duration(min(n, 3600))*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(t.Sub(now), maxRetryAfter)
	}
	if x.Status == http.StatusTooManyRequests {
		return time.Second
	}
	return 0
}

func (c *client) once(ctx context.Context, r call, refused string) (*Exchange, []byte, string, error) {
	if err := c.turn(ctx); err != nil {
		return nil, nil, "", err
	}
	limit := answerTimeout
	if r.into != nil || len(r.body) > 1<<20 {
		limit *= 5
	}
	if r.method != http.MethodGet && r.method != http.MethodHead {
		// What a request makes is there, whether or not the run is interrupted: its answer says what.
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return nil, nil, "", err
	}
	if r.body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for name, values := range r.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	x := &Exchange{Who: r.who, Method: r.method, URL: c.secrets.hide(r.url), Header: c.secrets.hideHeader(req.Header), Body: c.secrets.hide(shownBody(r)), Began: time.Now()}
	token := r.token
	if r.login != nil && token == "" {
		if token, err = r.login.Token(ctx, refused); err != nil {
			x.Error = c.secrets.hide(err.Error())
			return x, nil, "", fmt.Errorf("login: %w", err)
		}
	}
	if token != "" {
		c.secrets.add(token)
		req.Header.Set("X-Auth-Token", token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		x.Took, x.Error = time.Since(x.Began), c.secrets.hide(err.Error())
		return x, nil, token, errors.New(x.Error)
	}
	defer resp.Body.Close()
	x.Status, x.Reason, x.Answer = resp.StatusCode, http.StatusText(resp.StatusCode), c.secrets.hideHeader(resp.Header)
	if r.into != nil && (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent) {
		n, err := io.Copy(r.into, io.LimitReader(resp.Body, r.limit+1))
		x.Size, x.Took = int(n), time.Since(x.Began)
		if err == nil && n > r.limit {
			err = fmt.Errorf("the answer is longer than %d bytes", r.limit)
		}
		return x, nil, token, err
	}
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	x.Took, x.Size, x.Content = time.Since(x.Began), len(content), c.secrets.hide(keep(content))
	if err == nil && len(content) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	if err != nil {
		x.Error = c.secrets.hide(err.Error())
		return x, nil, token, errors.New(x.Error)
	}
	return x, content, token, nil
}

// shownBody is what a report keeps of the body of a request.
func shownBody(r call) string {
	if r.header.Get("Content-Type") == octets {
		return fmt.Sprintf("(%d bytes)", len(r.body))
	}
	return keep(r.body)
}

// keep is what a report keeps of a body.
func keep(body []byte) string {
	if len(body) > maxKept {
		return strings.ToValidUTF8(string(body[:maxKept]), "\uFFFD") + fmt.Sprintf("… (%d bytes)", len(body))
	}
	return strings.ToValidUTF8(string(body), "\uFFFD")
}
