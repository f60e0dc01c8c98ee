package docs_test

import (
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const module = "cindergate/"

// The table of packages, the imports of the code, and the rules of the linter are the
// same. Run with -v to see the rows and the rules that the code asks for.
func TestPackages(t *testing.T) {
	code := imports(t)
	table := packageTable(t)
	rules := linterRules(t)
	for _, pkg := range slices.Sorted(maps.Keys(code)) {
		want := strings.Join(code[pkg], " ")
		t.Logf("%s imports %s", pkg, want)
		if got, ok := table[pkg]; !ok || strings.Join(got, " ") != want {
			t.Errorf("docs/architecture.md says that %s imports %v; it imports %v", pkg, got, code[pkg])
		}
		if got, ok := rules[pkg]; !ok || strings.Join(got, " ") != want {
			t.Errorf(".golangci.yml allows %s to import %v; it imports %v", pkg, got, code[pkg])
		}
	}
	for pkg := range table {
		if _, ok := code[pkg]; !ok {
			t.Errorf("docs/architecture.md has the package %s, which does not exist", pkg)
		}
	}
	for pkg := range rules {
		if _, ok := code[pkg]; !ok {
			t.Errorf(".golangci.yml has a rule for the package %s, which does not exist", pkg)
		}
	}
}

// A package stands below those that import it.
func TestPackagesBottomUp(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range packageRows(t) {
		for _, below := range row.imports {
			if !seen[below] {
				t.Errorf("docs/architecture.md: %s imports %s, which stands below it in the table", row.pkg, below)
			}
		}
		seen[row.pkg] = true
	}
}

// Each step of the walk names a function that its file has.
func TestWalk(t *testing.T) {
	steps := 0
	for row := range strings.Lines(read(t, "docs/architecture.md")) {
		m := regexp.MustCompile("^\\| \\d+ \\| `([A-Za-z.]+)` \\| `([a-z/0-9_.]+)` \\|").FindStringSubmatch(row)
		if m == nil {
			continue
		}
		steps++
		declaration := "func " + m[1] + "("
		if receiver, method, ok := strings.Cut(m[1], "."); ok {
			declaration = `func \(\w+ \*?` + receiver + `\) ` + method + `\(`
		} else {
			declaration = regexp.QuoteMeta(declaration)
		}
		if !regexp.MustCompile(`(?m)^` + declaration).MatchString(read(t, m[2])) {
			t.Errorf("docs/architecture.md: %s has no function %s", m[2], m[1])
		}
	}
	if steps < 15 {
		t.Errorf("the walk has %d steps", steps)
	}
}

// imports are, by package, the packages of ours that it imports. cmd may import all.
func imports(t *testing.T) map[string][]string {
	found := map[string][]string{}
	for _, name := range find(t, ".go") {
		pkg := filepath.ToSlash(filepath.Dir(name))
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "acceptance/") || strings.HasPrefix(name, "cmd/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		list := found[pkg]
		for _, spec := range file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if ours, ok := strings.CutPrefix(path, module); ok && !slices.Contains(list, ours) {
				list = append(list, ours)
			}
		}
		slices.Sort(list)
		found[pkg] = list
	}
	return found
}

type packageRow struct {
	pkg     string
	imports []string
}

func packageRows(t *testing.T) (rows []packageRow) {
	t.Helper()
	for row := range strings.Lines(read(t, "docs/architecture.md")) {
		cells := strings.Split(row, "|")
		if len(cells) != 5 || !strings.HasPrefix(row, "| `") {
			continue
		}
		list := all("`([^`]+)`", cells[3])
		slices.Sort(list)
		rows = append(rows, packageRow{all("`([^`]+)`", cells[1])[0], list})
	}
	if len(rows) == 0 {
		t.Fatal("docs/architecture.md has no table of packages")
	}
	return rows
}

func packageTable(t *testing.T) map[string][]string {
	table := map[string][]string{}
	for _, row := range packageRows(t) {
		table[row.pkg] = row.imports
	}
	return table
}

// linterRules are, by package, what depguard lets it import. A rule's name is the
// package's.
func linterRules(t *testing.T) map[string][]string {
	var c struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files, Allow []string
						ListMode     string `yaml:"list-mode"`
						Deny         []struct{ Pkg, Desc string }
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, ".golangci.yml")), &c); err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile(`^cindergate/(.+)\$$`)
	rules := map[string][]string{}
	for pkg, rule := range c.Linters.Settings.Depguard.Rules {
		if strings.HasPrefix(pkg, "also ") { // about libraries
			continue
		}
		if !slices.Equal(rule.Files, []string{"**/" + pkg + "/*.go", "!$test"}) {
			t.Errorf(".golangci.yml: the rule %s is for %v", pkg, rule.Files)
		}
		// Without a list of what is allowed it denies the rest of our packages.
		if rule.ListMode != "strict" && (len(rule.Deny) == 0 || rule.Deny[0].Pkg != "cindergate") {
			t.Errorf(".golangci.yml: the rule %s does not deny other packages of ours", pkg)
		}
		list := []string{}
		for _, path := range rule.Allow {
			if m := ours.FindStringSubmatch(path); m != nil {
				list = append(list, m[1])
			}
		}
		slices.Sort(list)
		rules[pkg] = list
	}
	return rules
}
