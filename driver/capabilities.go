package driver

import (
	"slices"
	"strconv"
	"strings"
)

// Satisfies reports whether a pool's capabilities meet a type's extra specs. It ignores
// specs whose scope is not "capabilities"
// (cinder/scheduler/filters/capabilities_filter.py).
func Satisfies(capabilities map[string]any, specs map[string]string) bool {
	for key, wanted := range specs {
		if scope, rest, scoped := strings.Cut(key, ":"); scoped {
			if scope != "capabilities" {
				continue
			}
			key = rest
		}
		have, known := capabilities[key]
		if !known || !matchesSpec(have, wanted) {
			return false
		}
	}
	return true
}

// matchesSpec reports whether a capability meets a spec of the form "value" or "operator
// value…" (cinder/scheduler/filters/extra_specs_ops.py).
func matchesSpec(have any, wanted string) bool {
	value, _ := have.(string)
	if b, isBool := have.(bool); isBool {
		value = map[bool]string{false: "False", true: "True"}[b]
	}
	words := strings.Fields(wanted)
	if len(words) < 2 {
		return value == wanted
	}
	switch op, operand := words[0], words[1]; op {
	case "<is>":
		return strings.EqualFold(value, "true") == isTrue(operand)
	case "<in>":
		return strings.Contains(value, operand)
	case "<or>":
		return slices.ContainsFunc(strings.Split(wanted, "<or>")[1:], func(s string) bool { return strings.TrimSpace(s) == value })
	case "s==":
		return value == operand
	case "s!=":
		return value != operand
	case "s<":
		return value < operand
	case "s<=":
		return value <= operand
	case "s>":
		return value > operand
	case "s>=":
		return value >= operand
	case "=", "==", "!=", "<=", ">=":
		a, err1 := strconv.ParseFloat(value, 64)
		b, err2 := strconv.ParseFloat(operand, 64)
		return err1 == nil && err2 == nil &&
			map[string]bool{"=": a >= b, "==": a == b, "!=": a != b, "<=": a <= b, ">=": a >= b}[op]
	}
	return value == wanted
}

// isTrue follows oslo_utils.strutils.bool_from_string: every other text is false.
func isTrue(s string) bool {
	return slices.Contains([]string{"1", "t", "true", "on", "y", "yes"}, strings.ToLower(s))
}
