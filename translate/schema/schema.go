// Package schema checks request bodies by Cinder's JSON schemas (cinder/api/schemas), and
// reports errors in Cinder's words.
//
// It applies the rules in the order of Python's jsonschema, and shows values in Python's
// notation. Clients show these texts to their users.
package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Schema describes a JSON value. A zero field allows anything.
type Schema struct {
	Types                []string // null, boolean, integer, number, string, array, object
	Format               *Format
	MinLength, MaxLength int // characters; MaxLength 0: no limit
	Pattern              *Pattern
	Enum                 []any
	Minimum, Maximum     *int64
	OneOf                []Schema
	AnyOfRequired        []string // at least one of these members is required
	OneOfRequired        []string // exactly one of these members is required
	Properties           []Property
	PatternProperties    *PatternProperties
	Required             []string
	Closed               bool // allows no members but Properties
	MinProperties        int
	MaxProperties        int // 0: no limit
	MinItems             int
	UniqueItems          bool
	Items                *Schema
}

// Property is a named member.
type Property struct {
	Name string
	Schema
}

// PatternProperties is the schema of the members whose names match Pattern. No other
// members are allowed.
type PatternProperties struct {
	Pattern Pattern
	Schema  Schema
}

// Pattern is a regular expression together with its notation in Python.
type Pattern struct {
	*regexp.Regexp
	Source string
}

// MustPattern compiles an expression whose notation is the same in Go and Python.
func MustPattern(source string) Pattern { return Pattern{regexp.MustCompile(source), source} }

// Format is a named check of a value. Check returns "" if v is valid, "!" for the standard
// error text (`'x' is not a 'uuid'`), and otherwise a text of its own.
type Format struct {
	Name  string
	Check func(v any) string
}

// Error says why a body is invalid, in Cinder's words.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// general selects the standard text of a failed format.
const general = "!"

// Check returns an [*Error] for the first rule that v breaks, or nil.
func (s *Schema) Check(v any) error {
	if f := s.check(nil, v); f != nil {
		return f.err()
	}
	return nil
}

// failure is the first rule that a value breaks.
type failure struct {
	path    []string
	value   any
	message string
	whole   bool // message is the whole text of the error
}

// err makes the error text as _SchemaValidator.validate of
// cinder/api/validation/validators.py does.
func (f *failure) err() error {
	if f.whole || len(f.path) == 0 {
		return &Error{f.message}
	}
	return &Error{fmt.Sprintf("Invalid input for field/attribute %s. Value: %s. %s",
		f.path[len(f.path)-1], Str(f.value), f.message)}
}

func (s *Schema) check(path []string, v any) *failure {
	fail := func(format string, args ...any) *failure {
		return &failure{path: path, value: v, message: fmt.Sprintf(format, args...)}
	}
	if len(s.Types) > 0 && !isAny(v, s.Types) {
		quoted := make([]string, len(s.Types))
		for i, t := range s.Types {
			quoted[i] = "'" + t + "'"
		}
		return fail("%s is not of type %s", Repr(v), strings.Join(quoted, ", "))
	}
	if len(s.OneOf) > 0 && !s.matchesOne(v) {
		return fail("%s is not valid under any of the given schemas", Repr(v))
	}
	if s.Format != nil {
		switch text := s.Format.Check(v); text {
		case "":
		case general:
			return fail("%s is not a '%s'", Repr(v), s.Format.Name)
		default:
			return &failure{message: text, whole: true}
		}
	}
	if f := s.checkScalar(v, fail); f != nil {
		return f
	}
	if o, ok := v.(*Object); ok {
		return s.checkObject(path, o, fail)
	}
	if list, ok := v.([]any); ok {
		return s.checkArray(path, list, fail)
	}
	return nil
}

func (s *Schema) checkArray(path []string, list []any, fail failing) *failure {
	if len(list) < s.MinItems {
		return fail("%s is too short", Repr(list))
	}
	seen := map[string]bool{}
	for i, item := range list {
		if s.Items != nil {
			if f := s.Items.check(append(path, fmt.Sprint(i)), item); f != nil {
				return f
			}
		}
		seen[Repr(item)] = true
	}
	if s.UniqueItems && len(seen) < len(list) {
		return fail("%s has non-unique elements", Repr(list))
	}
	return nil
}

func (s *Schema) matchesOne(v any) bool {
	n := 0
	for i := range s.OneOf {
		if s.OneOf[i].check(nil, v) == nil {
			n++
		}
	}
	return n == 1
}

type failing func(format string, args ...any) *failure

func (s *Schema) checkScalar(v any, fail failing) *failure {
	if text, ok := v.(string); ok {
		switch n := utf8.RuneCountInString(text); {
		case n < s.MinLength:
			return fail("%s is too short", Repr(v))
		case s.MaxLength > 0 && n > s.MaxLength:
			return fail("%s is too long", Repr(v))
		case s.Pattern != nil && !s.Pattern.MatchString(text):
			return fail("%s does not match %s", Repr(v), Repr(s.Pattern.Source))
		}
	}
	if s.Minimum != nil || s.Maximum != nil {
		if n, ok := Integer(v); ok {
			if s.Minimum != nil && n.Cmp(big.NewInt(*s.Minimum)) < 0 {
				return fail("%s is less than the minimum of %d", n, *s.Minimum)
			}
			if s.Maximum != nil && n.Cmp(big.NewInt(*s.Maximum)) > 0 {
				return fail("%s is greater than the maximum of %d", n, *s.Maximum)
			}
		}
	}
	if s.Enum != nil {
		for _, allowed := range s.Enum {
			if allowed == v {
				return nil
			}
		}
		return fail("%s is not one of %s", Repr(v), Repr(s.Enum))
	}
	return nil
}

func (s *Schema) checkObject(path []string, o *Object, fail failing) *failure {
	for i := range s.Properties {
		p := &s.Properties[i]
		if member, ok := o.Get(p.Name); ok {
			if f := p.check(append(path, p.Name), member); f != nil {
				return f
			}
		}
	}
	if f := s.checkPatternProperties(path, o, fail); f != nil {
		return f
	}
	for _, name := range s.Required {
		if _, ok := o.Get(name); !ok {
			return fail("'%s' is a required property", name)
		}
	}
	if f := s.checkOneOfRequired(o, fail); f != nil {
		return f
	}
	if s.Closed {
		if extra := s.unknown(o); len(extra) > 0 {
			verb := "was"
			if len(extra) > 1 {
				verb = "were"
			}
			return fail("Additional properties are not allowed (%s %s unexpected)", quoteAll(extra), verb)
		}
	}
	if len(s.AnyOfRequired) > 0 && !hasAny(o, s.AnyOfRequired) {
		return fail("%s is not valid under any of the given schemas", Repr(o))
	}
	if o.Len() < s.MinProperties {
		return fail("%s does not have enough properties", Repr(o))
	}
	if s.MaxProperties > 0 && o.Len() > s.MaxProperties {
		return fail("%s has too many properties", Repr(o))
	}
	return nil
}

func (s *Schema) checkPatternProperties(path []string, o *Object, fail failing) *failure {
	if s.PatternProperties == nil {
		return nil
	}
	var odd []string
	for _, key := range o.Keys() {
		if !s.PatternProperties.Pattern.MatchString(key) {
			odd = append(odd, key)
			continue
		}
		member, _ := o.Get(key)
		if f := s.PatternProperties.Schema.check(append(path, key), member); f != nil {
			return f
		}
	}
	if len(odd) == 0 {
		return nil
	}
	verb := "does"
	if len(odd) > 1 {
		verb = "do"
	}
	return fail("%s %s not match any of the regexes: %s", quoteAll(sorted(odd)), verb,
		Repr(s.PatternProperties.Pattern.Source))
}

// checkOneOfRequired lists the valid alternatives in Python's order: the first one comes
// last.
func (s *Schema) checkOneOfRequired(o *Object, fail failing) *failure {
	if len(s.OneOfRequired) == 0 {
		return nil
	}
	var first string
	var held []string
	for _, name := range s.OneOfRequired {
		if _, ok := o.Get(name); !ok {
			continue
		}
		if text := fmt.Sprintf("{'required': ['%s']}", name); first == "" {
			first = text
		} else {
			held = append(held, text)
		}
	}
	switch {
	case first == "":
		return fail("%s is not valid under any of the given schemas", Repr(o))
	case len(held) > 0:
		return fail("%s is valid under each of %s", Repr(o), strings.Join(append(held, first), ", "))
	}
	return nil
}

func (s *Schema) unknown(o *Object) []string {
	var extra []string
	for _, key := range o.Keys() {
		if !s.has(key) {
			extra = append(extra, key)
		}
	}
	return sorted(extra)
}

func (s *Schema) has(name string) bool {
	for i := range s.Properties {
		if s.Properties[i].Name == name {
			return true
		}
	}
	return false
}

func hasAny(o *Object, names []string) bool {
	for _, name := range names {
		if _, ok := o.Get(name); ok {
			return true
		}
	}
	return false
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = Repr(name)
	}
	return strings.Join(quoted, ", ")
}

func isAny(v any, types []string) bool {
	for _, t := range types {
		if is(v, t) {
			return true
		}
	}
	return false
}

func is(v any, t string) bool {
	switch v := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case []any:
		return t == "array"
	case *Object:
		return t == "object"
	case json.Number:
		return t == "number" || t == "integer" && !strings.ContainsAny(v.String(), ".eE")
	}
	return false
}
