package chunked

import (
	"bytes"
	"encoding/json"
	"io"
	"time"
)

// text generates JSON text while it is read, because the metadata and digests of a large
// volume do not fit in memory. next appends a piece to b; at the end it appends nothing.
type text struct {
	next func(b []byte) ([]byte, error)
	buf  []byte
	rest []byte
}

func (t *text) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		var err error
		t.buf, err = t.next(t.buf[:0])
		if err != nil {
			return 0, err
		}
		if len(t.buf) == 0 {
			return 0, io.EOF
		}
		t.rest = t.buf
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// quote returns v as JSON, without escaping HTML characters.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "null" // strings and pointers to them always encode
	}
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

// pythonTime formats a time as str() of an aware datetime does. created_at is stored so
// (cinder/backup/chunkeddriver.py _write_metadata).
func pythonTime(t time.Time) string {
	t = t.UTC()
	if t.Nanosecond() < 1000 {
		return t.Format("2006-01-02 15:04:05+00:00")
	}
	return t.Format("2006-01-02 15:04:05.000000+00:00")
}
