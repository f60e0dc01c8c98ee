package schema

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// TestRepr expects the results of repr(json.loads(text)) in Python 3.11.
func TestRepr(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`null`, `None`},
		{`true`, `True`},
		{`false`, `False`},
		{`0`, `0`},
		{`-0`, `0`},
		{`1`, `1`},
		{`-1`, `-1`},
		{`123456789012345678901234567890`, `123456789012345678901234567890`},
		{`1.0`, `1.0`},
		{`-1.5`, `-1.5`},
		{`0.1`, `0.1`},
		{`1e5`, `100000.0`},
		{`1E5`, `100000.0`},
		{`1e15`, `1000000000000000.0`},
		{`1e16`, `1e+16`},
		{`1.5e300`, `1.5e+300`},
		{`1e-4`, `0.0001`},
		{`1e-5`, `1e-05`},
		{`0.00012`, `0.00012`},
		{`123456789.125`, `123456789.125`},
		{`1e400`, `inf`},
		{`-1e400`, `-inf`},
		{`-0.0`, `-0.0`},
		{`""`, `''`},
		{`"abc"`, `'abc'`},
		{`"it's"`, `"it's"`},
		{`"say \"x\""`, `'say "x"'`},
		{`"it's \"x\""`, `'it\'s "x"'`},
		{`"a\\b"`, `'a\\b'`},
		{`"a\nb\rc\td"`, `'a\nb\rc\td'`},
		{`"\u0000\u001f\u007f"`, `'\x00\x1f\x7f'`},
		{`"\u00ad\u00a0é"`, "'\\xad\\xa0\u00e9'"},
		{`"€\u2028\ue000\ufeff"`, "'\u20ac\\u2028\\ue000\\ufeff'"},
		{`"😀\udbff\udffd"`, "'\U0001f600\\U0010fffd'"},
		{`[]`, `[]`},
		{`[1,"a",null]`, `[1, 'a', None]`},
		{`{}`, `{}`},
		{`{"b":1,"a":{"x":[]}}`, `{'b': 1, 'a': {'x': []}}`},
		{`{"a":1,"b":2,"a":3}`, `{'a': 3, 'b': 2}`},
		{`{"it's":true}`, `{"it's": True}`},
		{`"\u0378"`, `'\u0378'`},
		{`"\u3000"`, `'\u3000'`},
	} {
		if got := Repr(parsed(t, c.text)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
	if got := Str(parsed(t, `"it's"`)); got != "it's" {
		t.Errorf("str: got %s", got)
	}
}

func TestParse(t *testing.T) {
	o := parsed(t, ` {"b": 1, "a": null, "b": "x"} `).(*Object)
	if b, ok := o.Get("b"); !ok || b != "x" {
		t.Errorf("of a repeated member the last counts, got %v", b)
	}
	if a, ok := o.Get("a"); !ok || a != nil {
		t.Errorf("null is there: got %v, %v", a, ok)
	}
	if _, ok := o.Get("c"); ok {
		t.Error("c is not there")
	}
	if got := strings.Join(o.Keys(), ""); got != "ba" || o.Len() != 2 {
		t.Errorf("order: %s", got)
	}
	if got := o.Strings(); len(got) != 1 || got["b"] != "x" {
		t.Errorf("strings: %v", got)
	}
	for _, text := range []string{
		"", " ", "{", "[1,]", "{}{}", "nul", "'x'", `{"a" 1}`, `{1: 2}`, "[1] x", "\x00",
		strings.Repeat("[", 100000), strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
	} {
		if v, err := Parse([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.20q is %v, %v", text, v, err)
		}
	}
}

// TestDecodeBase64 expects the results of base64.b64decode in Python 3.11.
func TestDecodeBase64(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "eA==": "x", "eHg=": "xx", "eHh4": "xxx", "!!!": "", "!!!!": "", "=": "", "====": "",
		"eA==junk": "x", "e A = =": "x", "eA=!=": "x", "eHg=eA==": "xx", "eA==eHg=": "x", "e\nA=\n=": "x",
	} {
		if got, ok := DecodeBase64(text); !ok || string(got) != want {
			t.Errorf("%q: got %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{"e", "eA", "eA=", "e===", "eH=g", "eHg", "eHh4e", "notbase64"} {
		if got, ok := DecodeBase64(text); ok {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestIsUUID(t *testing.T) {
	for text, want := range map[string]bool{
		"11111111-2222-4333-8444-555555555555":          true,
		"11111111222243338444555555555555":              true,
		"{11111111-2222-4333-8444-555555555555}":        true,
		"urn:uuid:11111111-2222-4333-8444-555555555555": true,
		"AAAAAAAA-2222-4333-8444-555555555555":          true,
		"1-1-1-1111111222243338444555555555555":         false,
		"11111111-2222-4333-8444-55555555555":           false,
		"11111111-2222-4333-8444-5555555555555":         false,
		"g1111111-2222-4333-8444-555555555555":          false,
		"":                                              false,
		" 11111111-2222-4333-8444-555555555555":         false,
		"../../etc/passwd":                              false,
	} {
		if got := IsUUID(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestBooleans(t *testing.T) {
	for _, v := range booleans {
		if err := Boolean.Check(v); err != nil {
			t.Errorf("%v: %v", v, err)
		}
		want := v == true || strings.Contains(" 1 on yes y t true ", " "+strings.ToLower(Str(v))+" ")
		if True(v) != want {
			t.Errorf("%v is %v", v, True(v))
		}
	}
	for _, v := range []any{"", "maybe", "tRuE", "2", nil, json.Number("1"), []any{}, &Object{}} {
		if Boolean.Check(v) == nil {
			t.Errorf("%v passes", v)
		}
	}
	for text, want := range map[string][2]bool{
		" TRUE ": {true, true}, "t": {true, true}, "Off": {false, true}, "N": {false, true}, "": {false, false}, "2": {false, false},
	} {
		if value, ok := ParseBool(text); value != want[0] || ok != want[1] {
			t.Errorf("%q: got %v, %v", text, value, ok)
		}
	}
}

// Rules apply in the order of Python's jsonschema. The first rule that fails gives the
// text.
func TestFirstFailure(t *testing.T) {
	rules := Body("r", Members(
		Property{"id", UUID}, Property{"size", VolumeSize}, Property{"meta", NullMetadata}, Property{"name", Name},
		Property{"text", TextSet255}, Property{"flags", Schema{Types: []string{"array"}, MinItems: 1, Items: &Boolean}},
	).Require("id"))
	const id = `"id": "11111111222243338444555555555555"`
	const field = "Invalid input for field/attribute "
	for text, want := range map[string]string{
		`{"r": {` + id + `}}`: "",
		`{"r": {` + id + `, "size": "10", "meta": null, "name": "n", "flags": [true, "off"]}}`: "",
		`1`:                                   "1 is not of type 'object'",
		`{}`:                                  "'r' is a required property",
		`{"r": 1, "s": 2}`:                    field + "r. Value: 1. 1 is not of type 'object'",
		`{"r": {` + id + `}, "s": 2}`:         "Additional properties are not allowed ('s' was unexpected)",
		`{"r": {` + id + `}, "t": 1, "s": 2}`: "Additional properties are not allowed ('s', 't' were unexpected)",
		`{"r": {"x": 1}}`:                     field + "r. Value: {'x': 1}. 'id' is a required property",
		`{"r": {"x": 1, "id": "x"}}`:          field + "id. Value: x. 'x' is not a 'uuid'",
		`{"r": {` + id + `, "size": 0}}`:      field + "size. Value: 0. 0 is less than the minimum of 1",
		`{"r": {` + id + `, "size": 2147483648}}`: field + "size. Value: 2147483648. 2147483648 is greater than the maximum of 2147483647",
		`{"r": {` + id + `, "size": "x"}}`:        field + "size. Value: x. 'x' does not match '^[0-9]+$'",
		`{"r": {` + id + `, "size": 1.5}}`:        field + "size. Value: 1.5. 1.5 is not of type 'integer', 'string'",
		`{"r": {` + id + `, "size": true}}`:       field + "size. Value: True. True is not of type 'integer', 'string'",
		`{"r": {` + id + `, "text": ""}}`:         field + "text. Value: . '' is too short",
		`{"r": {` + id + `, "flags": []}}`:        field + "flags. Value: []. [] is too short",
		`{"r": {` + id + `, "flags": [true, 1]}}`: field + "1. Value: 1. 1 is not of type 'boolean', 'string'",
		`{"r": {` + id + `, "meta": {"%": "v", "a b:c/d.e-f_0": "v"}}}`: field + "meta. Value: {'%': 'v', 'a b:c/d.e-f_0': 'v'}. " +
			"'%' does not match any of the regexes: '^[a-zA-Z0-9-_:. /]{1,255}$'",
		`{"r": {` + id + `, "meta": {"%": "v", "": "v"}}}`: field + "meta. Value: {'%': 'v', '': 'v'}. " +
			"'', '%' do not match any of the regexes: '^[a-zA-Z0-9-_:. /]{1,255}$'",
		`{"r": {` + id + `, "name": "  "}}`: "An invalid 'name' value was provided. The 'name' can not be empty.",
	} {
		got := ""
		if err := rules.Check(parsed(t, text)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

// Lengths count characters. Descriptions must be printable.
func TestTexts(t *testing.T) {
	for _, c := range []struct {
		schema Schema
		text   string
		ok     bool
	}{
		{NullText, strings.Repeat("é", 255), true},
		{NullText, strings.Repeat("é", 256), false},
		{NullText, "", true},
		{NullText, "a\nb", true},
		{NullTextSet, "", false},
		{Description, "tab\there", false},
		{Description, "a\nb", false},
		{Description, "déjà vu 中文 – €", true},
		{Description, "soft\u00adhyphen", false},
		{Description, "", true},
	} {
		if err := c.schema.Check(c.text); (err == nil) != c.ok {
			t.Errorf("%.20q: %v", c.text, err)
		}
	}
}
