package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/labstack/echo/v4"

	"cindergate/translate"
)

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// keepBuffer is the largest buffer that is returned to the pool, in bytes.
const keepBuffer = 1 << 20

// writeJSON writes an answer. If body is nil, the answer has none.
func writeJSON(c echo.Context, status int, body any) error {
	h := c.Response().Header()
	h.Set("Content-Type", "application/json")
	if body == nil {
		h.Set("Content-Length", "0")
		c.Response().WriteHeader(status)
		return nil
	}
	buffer := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= keepBuffer {
			buffers.Put(buffer)
		}
	}()
	var err error
	if *buffer, err = encode((*buffer)[:0], body); err != nil {
		return err
	}
	h.Set("Content-Length", strconv.Itoa(len(*buffer)))
	c.Response().WriteHeader(status)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	_, err = c.Response().Write(*buffer)
	return err
}

func encode(dst []byte, body any) ([]byte, error) {
	if a, ok := body.(translate.Appender); ok {
		return a.AppendJSON(dst), nil
	}
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(body)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
