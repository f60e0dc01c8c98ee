package translate

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A literal is a value in Python's notation, as Cinder's lists accept filters
// (ast.literal_eval): nil for None, bool, string, number, list or dict. No column holds
// bytes or complex numbers, so these are opaque.
type (
	number   string // decimal digits, as SQL compares them
	sequence []any  // a list, tuple or set
	dict     []pair
	pair     struct{ key, value any }
	opaque   struct{}
)

var errLiteral = errors.New("not a Python literal")

// maxLiteralDepth limits the nesting of lists and dicts.
const maxLiteralDepth = 50

// parseLiteral parses one Python literal. ok is false if s is not one.
func parseLiteral(s string) (v any, ok bool) {
	p := literalParser{rest: strings.TrimLeft(s, " \t")}
	v, err := p.value(0)
	p.space()
	return v, err == nil && p.rest == ""
}

type literalParser struct{ rest string }

func (p *literalParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\n\r\f") }

// take skips a prefix and reports whether it was there.
func (p *literalParser) take(prefix string) bool {
	rest, found := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return found
}

var (
	literalWord   = regexp.MustCompile(`^[A-Za-z_]\w*`)
	literalNumber = regexp.MustCompile(`^(0[xX](_?[0-9a-fA-F])+|0[oO](_?[0-7])+|0[bB](_?[01])+|` +
		`(\d(_?\d)*)?\.\d(_?\d)*([eE][-+]?\d(_?\d)*)?|\d(_?\d)*\.?([eE][-+]?\d(_?\d)*)?)[jJ]?`)
	literalString = regexp.MustCompile(`^([uU]|[rR]|[bB]|[bB][rR]|[rR][bB])?("""|'''|"|')`)
)

func (p *literalParser) value(depth int) (any, error) {
	if depth > maxLiteralDepth {
		return nil, errLiteral
	}
	p.space()
	switch {
	case literalString.MatchString(p.rest):
		return p.strings()
	case p.take("["):
		return p.items(depth, "]")
	case p.take("("):
		return p.tuple(depth)
	case p.take("{"):
		return p.braces(depth)
	case p.take("+"), strings.HasPrefix(p.rest, "-"):
		minus := p.take("-")
		v, err := p.value(depth + 1)
		n, isNumber := v.(number)
		if err != nil || !isNumber {
			return nil, errLiteral
		}
		if minus {
			n = number(strings.TrimPrefix("-"+string(n), "--"))
		}
		return n, nil
	}
	if word := literalWord.FindString(p.rest); word != "" {
		p.rest = p.rest[len(word):]
		switch word {
		case "None":
			return nil, nil
		case "True":
			return true, nil
		case "False":
			return false, nil
		}
		return nil, errLiteral
	}
	return p.number()
}

func (p *literalParser) number() (any, error) {
	text := literalNumber.FindString(p.rest)
	if text == "" {
		return nil, errLiteral
	}
	p.rest = p.rest[len(text):]
	if literalWord.MatchString(p.rest) {
		return nil, errLiteral
	}
	if strings.HasSuffix(strings.ToLower(text), "j") {
		return opaque{}, nil
	}
	plain := strings.ReplaceAll(text, "_", "")
	if !strings.ContainsAny(plain, ".eE") || strings.HasPrefix(strings.ToLower(plain), "0x") {
		if strings.HasPrefix(plain, "0") && strings.Trim(plain, "0123456789") == "" && strings.Trim(plain, "0") != "" {
			return nil, errLiteral // Python refuses 01
		}
		base := 0
		if strings.Trim(plain, "0123456789") == "" {
			base = 10
		}
		n, ok := new(big.Int).SetString(plain, base)
		if !ok {
			return nil, errLiteral
		}
		return number(n.String()), nil
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, errLiteral
	}
	return number(strconv.FormatFloat(f, 'g', -1, 64)), nil
}

// strings reads one or more adjacent strings and joins them.
func (p *literalParser) strings() (any, error) {
	var all strings.Builder
	isBytes := false
	for first := true; ; first = false {
		m := literalString.FindStringSubmatch(p.rest)
		if m == nil {
			break
		}
		prefix := strings.ToLower(m[1])
		if !first && strings.Contains(prefix, "b") != isBytes {
			return nil, errLiteral
		}
		isBytes = strings.Contains(prefix, "b")
		p.rest = p.rest[len(m[0]):]
		if err := p.string(&all, m[2], strings.Contains(prefix, "r")); err != nil {
			return nil, err
		}
		p.space()
	}
	if isBytes {
		return opaque{}, nil
	}
	return all.String(), nil
}

func (p *literalParser) string(to *strings.Builder, quote string, raw bool) error {
	for !p.take(quote) {
		r, size := utf8.DecodeRuneInString(p.rest)
		switch {
		case size == 0, r == '\n' && len(quote) == 1:
			return errLiteral
		case r != '\\':
			to.WriteString(p.rest[:size])
			p.rest = p.rest[size:]
		case len(p.rest) == 1:
			return errLiteral
		case raw:
			_, next := utf8.DecodeRuneInString(p.rest[1:])
			to.WriteString(p.rest[:1+next])
			p.rest = p.rest[1+next:]
		default:
			if err := p.escape(to); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	simpleEscapes = map[byte]string{
		'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
	}
	codeEscape = regexp.MustCompile(`^\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3})`)
)

func (p *literalParser) escape(to *strings.Builder) error {
	if code := codeEscape.FindString(p.rest); code != "" {
		digits, base := strings.TrimLeft(code, `\xuU`), 16
		if code[1] <= '7' {
			base = 8
		}
		n, err := strconv.ParseUint(digits, base, 32)
		if err != nil || n > utf8.MaxRune {
			return errLiteral
		}
		to.WriteRune(rune(n))
		p.rest = p.rest[len(code):]
		return nil
	}
	c := p.rest[1]
	if c == 'x' || c == 'u' || c == 'U' || c == 'N' {
		return errLiteral
	}
	plain, known := simpleEscapes[c]
	if !known {
		to.WriteByte('\\') // Python keeps the backslash of an unknown escape
		p.rest = p.rest[1:]
		return nil
	}
	to.WriteString(plain)
	p.rest = p.rest[2:]
	return nil
}

// items reads values up to the closing bracket.
func (p *literalParser) items(depth int, closing string) (sequence, error) {
	all := sequence{}
	for {
		if p.space(); p.take(closing) {
			return all, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		if p.space(); !p.take(",") {
			if p.take(closing) {
				return all, nil
			}
			return nil, errLiteral
		}
	}
}

// tuple reads a tuple, or a single value in parentheses.
func (p *literalParser) tuple(depth int) (any, error) {
	before := p.rest
	all, err := p.items(depth, ")")
	if err != nil || len(all) != 1 {
		return all, err
	}
	inside := strings.TrimRight(strings.TrimSuffix(before[:len(before)-len(p.rest)], ")"), " \t\n\r\f")
	if strings.HasSuffix(inside, ",") {
		return all, nil
	}
	return all[0], nil
}

// braces reads a dict or a set.
func (p *literalParser) braces(depth int) (any, error) {
	all := dict{}
	for first := true; ; first = false {
		before := p.rest
		if p.space(); p.take("}") {
			return all, nil
		}
		key, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.space(); !p.take(":") {
			if !first {
				return nil, errLiteral
			}
			p.rest = before
			return p.items(depth, "}")
		}
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, pair{key, value})
		if p.space(); !p.take(",") {
			if p.take("}") {
				return all, nil
			}
			return nil, errLiteral
		}
	}
}

// scalar returns a literal as SQL compares it with a column. ok is false for None and for
// values that SQL cannot compare.
func scalar(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case number:
		return string(v), true
	case bool:
		return map[bool]string{false: "0", true: "1"}[v], true
	}
	return "", false
}
