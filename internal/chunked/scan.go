package chunked

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// scanner reads a JSON object piece by piece. encoding/json would keep all of it in memory;
// the digests of a TiB are 2 GiB of text. For any text, scanner keeps at most the largest
// value that it was asked to decode.
type scanner struct{ r *bufio.Reader }

func newScanner(r io.Reader) *scanner { return &scanner{bufio.NewReaderSize(r, 64<<10)} }

var (
	errSyntax  = errors.New("malformed JSON")
	errTooLong = errors.New("a JSON value is too long")
)

// next skips white space and returns the next byte without consuming it.
func (s *scanner) next() (byte, error) {
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return 0, early(err)
		}
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return b, s.r.UnreadByte()
	}
}

// early turns the end of the input into an error. scanner never expects the end.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errSyntax, io.ErrUnexpectedEOF)
	}
	return err
}

// expect consumes the next byte, which must be want.
func (s *scanner) expect(want byte) error {
	b, err := s.next()
	if err != nil {
		return err
	}
	if b != want {
		return fmt.Errorf("%w: %q where %q should be", errSyntax, b, want)
	}
	_, err = s.r.Discard(1)
	return err
}

// more consumes the separator before the next element of an object or array. It returns
// false at the end of the object or array.
func (s *scanner) more(first bool, end byte) (bool, error) {
	b, err := s.next()
	if err != nil {
		return false, err
	}
	switch {
	case b == end:
		_, err := s.r.Discard(1)
		return false, err
	case first:
		return true, nil
	}
	if err := s.expect(','); err != nil {
		return false, err
	}
	// An element must follow the comma.
	b, err = s.next()
	if err == nil && b == end {
		err = fmt.Errorf("%w: comma before %q", errSyntax, end)
	}
	return true, err
}

// key consumes a member's name and colon.
func (s *scanner) key() (string, error) {
	var name string
	if err := s.decode(&name, 4<<10); err != nil {
		return "", err
	}
	return name, s.expect(':')
}

// decode decodes a value of at most limit bytes.
func (s *scanner) decode(to any, limit int) error {
	raw, err := s.value(limit)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// value returns a value's text. It only finds the end of the value; encoding/json checks
// the content.
func (s *scanner) value(limit int) ([]byte, error) {
	if _, err := s.next(); err != nil {
		return nil, err
	}
	var raw []byte
	depth, quoted := 0, false
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return nil, early(err)
		}
		if !quoted && depth == 0 && len(raw) > 0 && bytes.IndexByte([]byte(",:]} \t\r\n"), b) >= 0 {
			return raw, s.r.UnreadByte()
		}
		if len(raw) >= limit {
			return nil, errTooLong
		}
		raw = append(raw, b)
		switch {
		case quoted && b == '\\':
			if b, err = s.r.ReadByte(); err != nil {
				return nil, early(err)
			}
			raw = append(raw, b)
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		default:
			continue
		}
		if !quoted && depth <= 0 {
			return raw, nil
		}
	}
}

// end checks that only white space follows.
func (s *scanner) end() error {
	switch b, err := s.next(); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%w: %q after the end", errSyntax, b)
	}
}
