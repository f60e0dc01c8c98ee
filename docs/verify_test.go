package docs_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/internal/verify"
)

var updateCases = flag.Bool("update-cases", false, "write the table of cases to docs/verify.md")

// The table of docs/verify.md is that of the code. go test ./docs -run TestVerifyCases
// -update-cases writes it.
func TestVerifyCases(t *testing.T) {
	const heading = "| Case | Level | Microversions | What Cinder does |\n| --- | --- | --- | --- |\n"
	var b strings.Builder
	b.WriteString(heading)
	for _, c := range verify.Cases() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, c.Level, c.Versions(), strings.ReplaceAll(c.Rule, "|", "\\|"))
	}
	text := read(t, "docs/verify.md")
	head, _, ok := strings.Cut(text, heading)
	if *updateCases {
		if err := os.WriteFile(filepath.Join(root, "docs/verify.md"), []byte(head+b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !ok || head+b.String() != text {
		t.Error("the table of docs/verify.md is not that of the code: go test ./docs -run TestVerifyCases -update-cases")
	}
}
