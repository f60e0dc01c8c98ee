package embedded

import (
	"slices"
	"strconv"
	"strings"

	"cindergate/driver"
	"cindergate/driver/embedded/meta"
)

// schedulable tells whether a new volume of the type may be placed in the one pool:
// cinder-scheduler and cinder-volume are enabled, and the pool has what the type
// asks for.
func (d *Driver) schedulable(tx *meta.Tx, t *meta.VolumeType) (bool, error) {
	placed, err := serviceTakesWork(tx)
	return placed && satisfies(d.capabilities(), t.ExtraSpecs), err
}

// serviceTakesWork tells whether new work is placed at all: cinder-scheduler and
// cinder-volume are enabled.
func serviceTakesWork(tx *meta.Tx) (bool, error) {
	for _, binary := range []string{schedulerService, volumeService} {
		if off, err := disabled(tx, binary); err != nil || off {
			return false, err
		}
	}
	return true, nil
}

// unscheduled stores a new volume that no pool takes: it is in error, and a message
// says why (cinder/scheduler/flows/create_volume.py).
func (d *Driver) unscheduled(tx *meta.Tx, who driver.Caller, v *meta.Volume) error {
	v.Status, v.Host = failed, ""
	if err := tx.PutVolume(v); err != nil {
		return err
	}
	return d.tell(tx, who, actionSchedule, detailNoBackend, volumeResource, v.ID, "")
}

// refuseEncrypted says that a volume cannot have a type whose volumes are to be
// encrypted: they would not be.
func refuseEncrypted(t *meta.VolumeType) error {
	if t.Encryption == nil {
		return nil
	}
	return driver.Errorf(driver.NotSupported,
		"Volume type %s has encryption, and this backend does not encrypt volumes.", t.Name)
}

// satisfies tells whether capabilities meet extra specs. Specs with another scope
// than capabilities ask for nothing (cinder/scheduler/filters/capabilities_filter.py).
func satisfies(capabilities map[string]any, specs map[string]string) bool {
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

// matchesSpec compares a capability with a spec of the form "value" or "operator
// value…" (cinder/scheduler/filters/extra_specs_ops.py).
func matchesSpec(have any, wanted string) bool {
	value, _ := have.(string)
	if b, isBool := have.(bool); isBool {
		value = pythonBool(b)
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

// isTrue is oslo_utils.strutils.bool_from_string, where all else is false.
func isTrue(s string) bool {
	return slices.Contains([]string{"1", "t", "true", "on", "y", "yes"}, strings.ToLower(s))
}
