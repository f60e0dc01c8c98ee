package translate

import (
	"strconv"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// nothing returns a filter that excludes every item.
func nothing(f driver.Filter) (*driver.Filter, error) {
	f.Test = func(any) bool { return false }
	return &f, nil
}

// literalFilter reads a value as a Python literal, or as text if it is not one. None
// matches NULL, and a list matches any of its elements (check_volume_filters of
// cinder/volume/api.py, _process_volume_filters of cinder/db/sqlalchemy/api.py).
func literalFilter(_ Version, f driver.Filter) (*driver.Filter, error) {
	v, isLiteral := parseLiteral(f.Value)
	if !isLiteral {
		return &f, nil
	}
	if v == nil {
		f.Test = func(column any) bool { return column == nil }
		return &f, nil
	}
	if all, isList := v.(sequence); isList {
		wanted := map[string]bool{}
		for _, element := range all {
			if text, isScalar := scalar(element); isScalar {
				wanted[strings.ToLower(text)] = true
			}
		}
		f.Test = func(column any) bool {
			if text, isText := column.(string); isText {
				return wanted[strings.ToLower(text)]
			}
			for text := range wanted {
				if driver.Equals(column, text) {
					return true
				}
			}
			return false
		}
		return &f, nil
	}
	text, isScalar := scalar(v)
	if !isScalar {
		return nothing(f)
	}
	f.Value = text
	return &f, nil
}

// rawFilter reads a value as text, in a list whose other filters are literals.
func rawFilter(_ Version, f driver.Filter) (*driver.Filter, error) { return &f, nil }

// literalLike reads column~=value where values are literals. A text, number or boolean is
// the pattern; any other value excludes no item (_process_model_like_filter of
// cinder/db/sqlalchemy/api.py).
func literalLike(_ Version, f driver.Filter) (*driver.Filter, error) {
	v, isLiteral := parseLiteral(f.Value)
	if !isLiteral {
		return &f, nil
	}
	if b, isBool := v.(bool); isBool {
		f.Value = map[bool]string{false: "False", true: "True"}[b]
		return &f, nil
	}
	text, isScalar := scalar(v)
	if !isScalar {
		return nil, nil
	}
	f.Value = text
	return &f, nil
}

// pairsFilter reads a dict; an item must have all its pairs. A value that is not a dict
// matches nothing.
func pairsFilter(_ Version, f driver.Filter) (*driver.Filter, error) {
	v, isLiteral := parseLiteral(f.Value)
	pairs, isDict := v.(dict)
	if !isLiteral || !isDict {
		return nothing(f)
	}
	return hasAll(f, pairs, driver.Pairs.Has)
}

func hasAll(f driver.Filter, pairs dict, has func(p driver.Pairs, key, value string) bool) (*driver.Filter, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	wanted := make(map[string]string, len(pairs))
	for _, p := range pairs {
		key, ok1 := scalar(p.key)
		value, ok2 := scalar(p.value)
		if !ok1 || !ok2 {
			return nothing(f)
		}
		wanted[key] = value // the last one wins, as in Python
	}
	f.Test = func(column any) bool {
		have, _ := column.(driver.Pairs)
		for key, value := range wanted {
			if !has(have, key, value) {
				return false
			}
		}
		return true
	}
	return &f, nil
}

// booleanFilter reads a boolean of a volume (_check_boolean_filter_value of
// cinder/volume/api.py). From 3.2 on it is strict; before, any other value is true.
func booleanFilter(v Version, f driver.Filter) (*driver.Filter, error) {
	b, valid := schema.ParseBool(f.Value)
	switch {
	case v.AtLeast(driver.MVVolumeListBootable) && !valid:
		return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: '%s = %s'", f.Column, f.Value)
	case !v.AtLeast(driver.MVVolumeListBootable):
		b = f.Value != "" && f.Value != "False" && f.Value != "false" && f.Value != "FALSE"
	}
	f.Value = strconv.FormatBool(b)
	return &f, nil
}

// flagFilter reads a boolean strictly at every microversion (get_bool_param of
// cinder/utils.py).
func flagFilter(_ Version, f driver.Filter) (*driver.Filter, error) {
	b, err := parseFlag(f.Column, f.Value)
	f.Value = strconv.FormatBool(b)
	return &f, err
}

// hostFilter matches a host, its backends and their pools (_filter_host of
// cinder/db/sqlalchemy/api.py). "" excludes no item.
func hostFilter(_ Version, f driver.Filter) (*driver.Filter, error) {
	if f.Value == "" {
		return nil, nil
	}
	host := f.Value
	f.Test = func(column any) bool {
		have, _ := column.(string)
		rest, found := strings.CutPrefix(have, host)
		switch {
		case !found:
			return false
		case rest == "":
			return true
		case strings.Contains(host, "#"):
			return false
		}
		return rest[0] == '#' || rest[0] == '@' && !strings.Contains(host, "@")
	}
	return &f, nil
}

// literalHostFilter is hostFilter for a list whose values are literals.
func literalHostFilter(v Version, f driver.Filter) (*driver.Filter, error) {
	if value, isLiteral := parseLiteral(f.Value); isLiteral {
		f.Value, _ = scalar(value)
	}
	return hostFilter(v, f)
}

// backendFilter is hostFilter, but a host without a backend matches only that host.
func backendFilter(v Version, f driver.Filter) (*driver.Filter, error) {
	host := f.Value
	of, err := hostFilter(v, f)
	if of != nil {
		of.Test = func(column any) bool {
			have, _ := column.(string)
			return have == host || strings.HasPrefix(have, host+"#")
		}
	}
	return of, err
}

// someFilter ignores an empty value.
func someFilter(_ Version, f driver.Filter) (*driver.Filter, error) {
	if f.Value == "" {
		return nil, nil
	}
	return &f, nil
}

// ignored accepts a parameter and filters nothing.
func ignored(Version, driver.Filter) (*driver.Filter, error) { return nil, nil }

// timeOperators decide whether a time passes a filter. c is the result of comparing the
// time with the bound.
var timeOperators = map[string]func(c int) bool{
	"gt": func(c int) bool { return c > 0 }, "gte": func(c int) bool { return c >= 0 },
	"lt": func(c int) bool { return c < 0 }, "lte": func(c int) bool { return c <= 0 },
	"eq": func(c int) bool { return c == 0 }, "neq": func(c int) bool { return c != 0 },
}

// timeFilter reads operator:time, or several of them separated by commas; one must hold
// (_handle_time_comparison_filters of cinder/api/v3/volumes.py). If an operator is
// repeated, the last one wins.
func timeFilter(_ Version, f driver.Filter) (*driver.Filter, error) {
	bounds := map[string]time.Time{}
	for bound := range strings.SplitSeq(f.Value, ",") {
		operator, at, separated := strings.Cut(bound, ":")
		if !separated {
			at = operator
		}
		if timeOperators[operator] == nil {
			return nil, driver.Errorf(driver.InvalidInput, "Invalid %s operator", operator)
		}
		t, valid := driver.ParseISOTime(at)
		if !valid {
			return nil, driver.Errorf(driver.InvalidInput, "Invalid %s value", at)
		}
		bounds[operator] = t
	}
	f.Test = func(column any) bool {
		t, isTime := column.(time.Time)
		if !isTime {
			return false
		}
		for operator, bound := range bounds {
			if timeOperators[operator](t.Compare(bound)) {
				return true
			}
		}
		return false
	}
	return &f, nil
}

// allTenants reads the value of all_tenants. all reports whether to list all projects.
// taken reports whether the parameter is used up; otherwise it remains a filter.
type allTenants func(value string, admin bool) (all, taken bool, err error)

// parseFlag parses a boolean parameter (get_bool_param of cinder/utils.py).
func parseFlag(name, value string) (bool, error) {
	b, valid := schema.ParseBool(value)
	if !valid {
		return false, driver.Errorf(driver.InvalidInput, "Value '%s' for '%s' is not a boolean.", value, name)
	}
	return b, nil
}

func strictAllTenants(value string, admin bool) (all, taken bool, err error) {
	all, err = parseFlag("all_tenants", value)
	return all && admin, true, err
}

// backupAllTenants reads all_tenants for backups (get_all of cinder/backup/api.py).
func backupAllTenants(value string, admin bool) (all, taken bool, err error) {
	all, valid := schema.ParseBool(value)
	if !valid {
		return false, false, driver.Errorf(driver.InvalidInput, "all_tenants must be a boolean, got '%s'.", value)
	}
	return all && admin, true, nil
}

// lenientAllTenants reads a value that is not a boolean as false.
func lenientAllTenants(value string, admin bool) (all, taken bool, err error) {
	all, _ = schema.ParseBool(value)
	return all && admin, true, nil
}

// anyAllTenants reads any value, even "0", as true. For callers other than admins, the
// parameter is an unknown filter.
func anyAllTenants(_ string, admin bool) (all, taken bool, err error) { return admin, admin, nil }
