// Package docs_test holds the documents to what is there: links, settings, metrics, log
// lines, and the table of packages.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"cindergate/config"
)

const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// isModule reports whether a directory is the root of a module of its own.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// find lists the files below the root whose name ends in suffix, but not what is built, and no
// module of its own.
func find(t *testing.T, suffix string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "build" || name == ".git" || name != "." && isModule(path)):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, suffix):
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// Links lead to files, and to headings, that exist.
func TestLinks(t *testing.T) {
	checked := 0
	for _, document := range find(t, ".md") {
		prose := fence.ReplaceAllString(read(t, document), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			checked++
			path := document
			if target != "" {
				path = filepath.Join(filepath.Dir(document), target)
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: %s: %v", document, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, path)), anchor) {
				t.Errorf("%s: %s has no heading %q", document, path, anchor)
			}
		}
	}
	if checked == 0 {
		t.Error("no link was checked")
	}
}

func anchors(document string) (slugs []string) {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(document, ""), -1) {
		slugs = append(slugs, strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return slugs
}

// The first page is short.
func TestReadmeIsTwoScreens(t *testing.T) {
	if n := strings.Count(read(t, "README.md"), "\n"); n > 120 {
		t.Errorf("README.md has %d lines: move something to docs/", n)
	}
}

// Every setting is named in the operating guide or on a backend's page, and what these
// name is a setting.
func TestSettings(t *testing.T) {
	var settings map[string]any
	if err := yaml.Unmarshal([]byte(config.Example), &settings); err != nil {
		t.Fatal(err)
	}
	guide := read(t, "docs/operating.md")
	known := map[string]bool{}
	var walk func(prefix string, value any)
	walk = func(prefix string, value any) {
		section, isSection := value.(map[string]any)
		if !isSection || len(section) == 0 {
			known[prefix] = true
			return
		}
		known[prefix] = true
		for key, v := range section {
			walk(strings.TrimPrefix(prefix+"."+key, "."), v)
		}
	}
	walk("", settings)
	table := guide[strings.Index(guide, "| Setting |"):strings.Index(guide, "## Secure")]
	for key := range known {
		if _, isSection := lookUp(settings, key).(map[string]any); key == "" || isSection && len(lookUp(settings, key).(map[string]any)) > 0 {
			continue
		}
		last := key[strings.LastIndex(key, ".")+1:]
		if strings.HasPrefix(key, "embedded.quotas.") {
			last = "embedded.quotas.*"
		}
		if !regexp.MustCompile("`(" + regexp.QuoteMeta(key) + "|" + regexp.QuoteMeta(last) + `)(\[\])?` + "`").MatchString(table) {
			t.Errorf("the table of settings in docs/operating.md lacks %s", key)
		}
	}
	for _, m := range regexp.MustCompile("`((?:http|metrics|tracing|identity|keystone|embedded|log|tls|api)\\.[a-z_.]+)`").FindAllStringSubmatch(table, -1) {
		if !known[m[1]] {
			t.Errorf("docs/operating.md names the setting %s, which does not exist", m[1])
		}
	}
}

func lookUp(section map[string]any, key string) any {
	var value any = section
	for part := range strings.SplitSeq(key, ".") {
		m, _ := value.(map[string]any)
		value = m[part]
	}
	return value
}

// sources are the program's own files: no tests, no helpers of tests.
func sources(t *testing.T) (text string) {
	t.Helper()
	var all strings.Builder
	for _, name := range find(t, ".go") {
		if !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "acceptance") {
			all.WriteString(read(t, name))
		}
	}
	return all.String()
}

// The operating guide explains every metric and every line of the log.
func TestMetricsAndLogLines(t *testing.T) {
	guide, code := read(t, "docs/operating.md"), sources(t)
	compare := func(what string, have, named []string) {
		slices.Sort(have)
		slices.Sort(named)
		have, named = slices.Compact(have), slices.Compact(named)
		if len(have) == 0 {
			t.Errorf("%s: none was found in the code", what)
		}
		for _, h := range have {
			if !slices.Contains(named, h) {
				t.Errorf("docs/operating.md does not explain the %s %q", what, h)
			}
		}
		for _, n := range named {
			if !slices.Contains(have, n) {
				t.Errorf("docs/operating.md explains the %s %q, which does not exist", what, n)
			}
		}
	}
	compare("metric", all(`"(cindergate_[a-z_]+)"`, code), all("(?m)^\\| `(cindergate_[a-z_]+)`", guide))

	lines := guide[strings.Index(guide, "## Log lines"):strings.Index(guide, "## What to do when")]
	var named []string
	for row := range strings.Lines(lines) {
		if cells := strings.Split(row, "|"); strings.HasPrefix(row, "| `") {
			named = append(named, all("`([^`]+)`", strings.ReplaceAll(cells[1], "\\`", "'"))...)
		}
	}
	var have []string
	for _, line := range all(`(?:[lL]og|logger)\.(?:Info|Warn|Error)\("([^"]+)"`, code) {
		have = append(have, short(line))
	}
	have = append(have, all(`[lL]og\.Check\(zap\.InfoLevel, "([^"]+)"`, code)...)
	compare("line of the log", have, named)
}

// short cuts the line of the log that has a code span in it at its semicolon.
func short(line string) string {
	if before, _, found := strings.Cut(line, "; `"); found {
		return before + "; ..."
	}
	return line
}

func all(pattern, text string) (found []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}
