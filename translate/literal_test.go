package translate

import (
	"reflect"
	"strings"
	"testing"
)

// The expected values are those of Python 3.11's ast.literal_eval.
func TestParseLiteral(t *testing.T) {
	for text, want := range map[string]any{
		"None": nil, "True": true, " False": false,
		"1": number("1"), "-2": number("-2"), "+3": number("3"), "0x1F": number("31"), "0b11": number("3"), "1_000": number("1000"),
		"1.50": number("1.5"), ".5": number("0.5"), "1e3": number("1000"), "00": number("0"), "--4": number("4"), "-(5)": number("-5"),
		"123456789012345678901234567890": number("123456789012345678901234567890"),
		`'a'`:                            "a", `"it's"`: "it's", `'a' "b"`: "ab", `u'x'`: "x", `r'\n'`: `\n`, `'\n'`: "\n", `'\x41\u00e9\101'`: "AéA",
		`'\q'`: `\q`, `'''a'b'''`: "a'b", `''`: "", `b'x'`: opaque{}, "1j": opaque{},
		`'\U0001F600'`: "😀", `'é'`: "é",
		"[]": sequence{}, "[1, 'a',]": sequence{number("1"), "a"}, "()": sequence{}, "(1,)": sequence{number("1")}, "(1)": number("1"),
		"(1, 2)": sequence{number("1"), number("2")}, "{1, 2}": sequence{number("1"), number("2")}, "((1,),)": sequence{sequence{number("1")}},
		"{}": dict{}, "{'k': 'v'}": dict{{"k", "v"}}, ` {"k":"v", 'n' : 1,} `: dict{{"k", "v"}, {"n", number("1")}},
		"{'a': {'b': None}}": dict{{"a", dict{{"b", nil}}}}, "{'a/b.c:d': '%'}": dict{{"a/b.c:d", "%"}},
	} {
		got, ok := parseLiteral(text)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v; want %#v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "x", "available", "none", "01", "1a", "0x", "1 2", "'a", `'a\`, "'a\n'", `'\x4'`, `'\N{DASH}'`, "'a' b'b'", "[1", "[1 2]", "[,]", "{,}",
		"{'k'}x", "{'k':}", "{'k' 'v'", "{1, 2: 3}", "{1: 2, 3}", "(", ")", "-'a'", "-", "f'x'", "1-2-3", "1__0", "2026-11-27T10:00:00",
		"{'k': v}", "__import__('os')", strings.Repeat("[", 100000), strings.Repeat("-", 100000) + "1",
	} {
		if got, ok := parseLiteral(text); ok {
			t.Errorf("%.40q: got %#v, want none", text, got)
		}
	}
}

func FuzzParseLiteral(f *testing.F) {
	for _, text := range []string{"{'k': ['v', (1, None)]}", `'\x41' "b"`, "-0x1F", "(1,)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := parseLiteral(text)
		if s, isText := v.(string); ok && isText && len(s) > 2*len(text) {
			t.Errorf("%q grew to %d bytes", text, len(s))
		}
	})
}
