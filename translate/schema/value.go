package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"sort"
	"strconv"
	"strings"
	"unicode"
)

// maxDepth limits the nesting of a body. Python's parser has a similar limit.
const maxDepth = 900

// ErrMalformed is the error for a body that is not exactly one JSON value.
var ErrMalformed = errors.New("malformed JSON")

// Object is a JSON object that keeps the order of its members, because error texts show it
// as the client sent it.
type Object struct {
	keys   []string
	values map[string]any
}

// Get returns a member. ok is false if there is none; null is nil, true.
func (o *Object) Get(key string) (v any, ok bool) {
	v, ok = o.values[key]
	return v, ok
}

// Keys returns the names of the members in the order of the body.
func (o *Object) Keys() []string { return o.keys }

// Len returns the number of members.
func (o *Object) Len() int { return len(o.keys) }

// Strings returns the object's string members as a map, without the others.
func (o *Object) Strings() map[string]string {
	m := make(map[string]string, len(o.keys))
	for k, v := range o.values {
		if s, ok := v.(string); ok {
			m[k] = s
		}
	}
	return m
}

// Map returns the object as plain maps and slices.
func (o *Object) Map() map[string]any {
	m := make(map[string]any, len(o.keys))
	for k, v := range o.values {
		m[k] = plain(v)
	}
	return m
}

func plain(v any) any {
	switch v := v.(type) {
	case *Object:
		return v.Map()
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	}
	return v
}

func (o *Object) set(key string, v any) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
}

// Parse parses one JSON value to nil, bool, json.Number, string, []any or *Object.
func Parse(body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	v, err := parse(dec, 0)
	if err != nil {
		return nil, ErrMalformed
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrMalformed
	}
	return v, nil
}

func parse(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, ErrMalformed
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := &Object{values: map[string]any{}}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := parse(dec, depth+1)
			if err != nil {
				return nil, err
			}
			o.set(key.(string), v)
		}
		_, err = dec.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := parse(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.Token()
		return list, err
	}
	return token, nil
}

// Repr returns v as Python's repr writes it.
func Repr(v any) string {
	var b strings.Builder
	repr(&b, v)
	return b.String()
}

// Str returns v as Python's str writes it: strings have no quotes.
func Str(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return Repr(v)
}

func repr(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case json.Number:
		b.WriteString(number(v))
	case int:
		b.WriteString(strconv.Itoa(v))
	case string:
		quote(b, v)
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			repr(b, item)
		}
		b.WriteByte(']')
	case *Object:
		b.WriteByte('{')
		for i, key := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			quote(b, key)
			b.WriteString(": ")
			repr(b, v.values[key])
		}
		b.WriteByte('}')
	}
}

// number returns integers unchanged and floats in Python's shortest form.
func number(n json.Number) string {
	s := n.String()
	switch {
	case s == "-0":
		return "0"
	case !strings.ContainsAny(s, ".eE"):
		return s
	}
	f, err := n.Float64()
	switch {
	case err != nil && f > 0:
		return "inf"
	case err != nil && f < 0:
		return "-inf"
	case f == math.Trunc(f) && math.Abs(f) < 1e16:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case math.Abs(f) >= 1e16 || math.Abs(f) < 1e-4:
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// quote writes a string literal as Python does. It uses double quotes only if the text has
// single quotes and no double ones. It escapes unprintable characters.
func quote(b *strings.Builder, s string) {
	q := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	b.WriteRune(q)
	for _, r := range s {
		switch {
		case r == q || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			b.WriteString(`\x` + hex(r, 2))
		case r < 0x10000:
			b.WriteString(`\u` + hex(r, 4))
		default:
			b.WriteString(`\U` + hex(r, 8))
		}
	}
	b.WriteRune(q)
}

func hex(r rune, width int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", width-len(s)) + s
}

// Integer parses a whole number. As in Cinder's sizes, it may be a JSON number or a string
// of digits. ok is false for anything else.
func Integer(v any) (n *big.Int, ok bool) {
	switch v := v.(type) {
	case json.Number:
		return new(big.Int).SetString(v.String(), 10)
	case string:
		return new(big.Int).SetString(strings.TrimSpace(v), 10)
	}
	return nil, false
}

func sorted(keys []string) []string {
	keys = append([]string(nil), keys...)
	sort.Strings(keys)
	return keys
}
