package core

import "strings"

// PythonList renders strings as Python's repr of a list, as in Cinder's texts.
func PythonList(items ...string) string { return "['" + strings.Join(items, "', '") + "']" }

// PythonTuple renders strings as Python's repr of a tuple.
func PythonTuple(items ...string) string { return "('" + strings.Join(items, "', '") + "')" }

// PythonBool is Python's str(bool), which is what admin metadata holds.
func PythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
