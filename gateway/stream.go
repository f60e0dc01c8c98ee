package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"cindergate/translate"
)

// writeStream writes a stream, or the part of it that the request asks for (Range, If-Range,
// If-None-Match; RFC 9110). An answer that cannot be completed is cut off.
func (s *Server) writeStream(c echo.Context, stream translate.Stream) error {
	h := c.Response().Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("ETag", `"`+stream.Tag+`"`)
	content := &seekable{ctx: c.Request().Context(), stream: stream}
	defer content.stop()
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, content)
	if err := content.err; err != nil && content.ctx.Err() == nil {
		s.Log.Error("the content of a backup cannot be read", zap.String("request_id", callOf(c).requestID), zap.Error(err))
		panic(http.ErrAbortHandler)
	}
	return nil
}

// seekable is a stream as an [io.ReadSeeker]. Each seek begins a new copy of the rest.
type seekable struct {
	ctx    context.Context //nolint:containedctx // of the one request that it serves
	stream translate.Stream
	at     int64
	pipe   *io.PipeReader // of the running copy; nil: none
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of the stream
}

func (s *seekable) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.stream.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	if offset != s.at {
		s.stop()
	}
	s.at = offset
	return offset, nil
}

func (s *seekable) Read(p []byte) (int, error) {
	if s.at >= s.stream.Size {
		return 0, io.EOF
	}
	if s.pipe == nil {
		s.start()
	}
	n, err := s.pipe.Read(p)
	s.at += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *seekable) start() {
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(s.ctx)
	done, from := make(chan struct{}), s.at
	s.pipe, s.cancel, s.done = r, cancel, done
	go func() {
		defer close(done)
		w.CloseWithError(s.stream.Copy(ctx, w, from, s.stream.Size))
	}()
}

// stop ends the running copy and waits for it.
func (s *seekable) stop() {
	if s.pipe == nil {
		return
	}
	s.cancel()
	_ = s.pipe.Close()
	<-s.done
	s.pipe = nil
}
