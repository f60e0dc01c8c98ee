package openstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"
)

// ErrAnswerTooLarge is the error for an answer that is larger than the gateway reads.
type ErrAnswerTooLarge struct{ Limit int64 }

func (e *ErrAnswerTooLarge) Error() string {
	return fmt.Sprintf("the answer has more than %d bytes", e.Limit)
}

// errAnswerSlow is the error for an answer whose body did not arrive in time.
var errAnswerSlow = errors.New("the body of the answer did not arrive in time")

// answerBody is the body of an answer. Read fails once the body is too large or too slow.
type answerBody struct {
	io.ReadCloser
	limit, left int64 // left is -1 if the size has no limit
	streamed    bool  // time bounds each read, not the whole body
	time        time.Duration
	timer       clockwork.Timer
	slow        atomic.Bool
	cancel      context.CancelFunc
}

// bound limits the size and time of an answer's body. cancel ends the request.
func (t *Transport) bound(resp *http.Response, streamed bool, cancel context.CancelFunc) {
	if resp.Body == nil || resp.Body == http.NoBody {
		cancel()
		return
	}
	b := &answerBody{ReadCloser: resp.Body, limit: t.maxAnswer, left: t.maxAnswer, streamed: streamed, time: t.answerTime, cancel: cancel}
	if streamed {
		b.left = -1
	}
	b.timer = t.clock.AfterFunc(b.time, func() {
		b.slow.Store(true)
		cancel()
	})
	resp.Body = b
}

func (b *answerBody) Read(p []byte) (int, error) {
	if b.left >= 0 && int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one byte more shows whether the body is too large
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case b.left >= 0 && int64(n) > b.left:
		n = int(b.left)
		b.left = 0
		return n, &ErrAnswerTooLarge{b.limit}
	case b.left >= 0:
		b.left -= int64(n)
	}
	if err != nil && !errors.Is(err, io.EOF) && b.slow.Load() {
		return n, errAnswerSlow
	}
	if b.streamed && n > 0 && err == nil {
		b.timer.Reset(b.time)
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}
