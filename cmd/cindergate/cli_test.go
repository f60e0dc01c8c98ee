package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The help of every command has a description, an example and the exit codes.
func TestHelp(t *testing.T) {
	for _, cmd := range commands(root()) {
		name := cmd.CommandPath()
		out, err := command(append(strings.Fields(name)[1:], "--help")...)
		must(t, err)
		for _, part := range []string{"Usage:", "Examples:\n  ", "Exit codes:\n  0  "} {
			if !strings.Contains(out, part) {
				t.Errorf("%s --help has no %q:\n%s", name, part, out)
			}
		}
		for line := range strings.Lines(cmd.Example) {
			if words := strings.Fields(line); !slices.Contains(words, "cindergate") {
				t.Errorf("%s: the example %q is no command line", name, line)
			}
		}
	}
}

// The exit code of a wrong command line differs from that of a failed command.
func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		args string
		want int
	}{
		{"version", 0},
		{"", 0},
		{"config", 0},
		{"config check --data D", 0},
		{"config check --data D --auth nobody", 1},
		{"adopt --data D", 2}, // without --project
		{"serve --no-such-flag", 2},
		{"serve extra", 2},
		{"version extra", 2},
		{"no-such-command", 2},
		{"config no-such-command", 2},
		{"fake otc --dialect other", 2},
		{"man", 2},
	} {
		args := strings.Fields(strings.ReplaceAll(test.args, "D", t.TempDir()))
		out, err := command(args...)
		if got := exitCode(err); got != test.want {
			t.Errorf("cindergate %s: exit code %d, want %d: %v\n%s", test.args, got, test.want, err, out)
		}
	}
}

func TestVersion(t *testing.T) {
	short, err := command("version")
	must(t, err)
	long, err := command("version", "--verbose")
	must(t, err)
	if short != version+"\n" || !strings.HasPrefix(long, "cindergate "+version+"\n") {
		t.Errorf("%q, %q", short, long)
	}
	for _, part := range []string{"\ncommit ", "\ngo go1.", "\nmodule github.com/gophercloud/gophercloud/v2 v2."} {
		if !strings.Contains(long, part) {
			t.Errorf("no %q in\n%s", part, long)
		}
	}
}

// Each command has a man page with the content of its help.
func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	_, err := command("man", dir)
	must(t, err)
	for _, cmd := range commands(root()) {
		page, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range []string{`.TH "CINDERGATE`, ".SH NAME", ".SH EXAMPLE", "Exit codes"} {
			if !strings.Contains(string(page), part) {
				t.Errorf("%s: the page has no %q:\n%s", cmd.CommandPath(), part, page)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out, err := command("completion", shell)
		must(t, err)
		if !strings.Contains(out, "cindergate") {
			t.Errorf("%s: %q", shell, out)
		}
	}
	out, err := command("__complete", "fake", "otc", "--dialect", "")
	must(t, err)
	if !strings.Contains(out, "otc\n") || !strings.Contains(out, "huawei\n") {
		t.Errorf("dialects: %q", out)
	}
}

// commands returns all commands that cindergate defines, including the root.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			all = append(all, commands(sub)...)
		}
	}
	return all
}

func TestExitCodeOfWrappedErrors(t *testing.T) {
	if got := exitCode(errors.Join(errors.New("a"), usageError{errors.New("b")})); got != 2 {
		t.Errorf("%d", got)
	}
}
