package core

import "strings"

// PythonList returns Python's repr of a list of strings, as in Cinder's texts.
func PythonList(items ...string) string { return "['" + strings.Join(items, "', '") + "']" }

// PythonTuple returns Python's repr of a tuple of strings.
func PythonTuple(items ...string) string { return "('" + strings.Join(items, "', '") + "')" }

// PythonBool returns Python's str of a bool, as in admin metadata.
func PythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
