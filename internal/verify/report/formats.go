package report

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"cindergate/internal/verify"
)

// formats are the writers of reports.
var formats = map[string]func(io.Writer, *verify.Report) error{
	"text": Text, "json": JSON, "junit": JUnit, "html": HTML, "har": HAR,
}

// Formats are the names of the formats.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write writes a report in a format.
func Write(w io.Writer, format string, r *verify.Report) error {
	write, ok := formats[format]
	if !ok {
		return fmt.Errorf("there is no format %q", format)
	}
	return write(w, r)
}
