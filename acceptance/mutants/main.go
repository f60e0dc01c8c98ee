// Command mutants changes one line of the code at a time and runs the test that must then
// fail. If the test still passes, no test checks what the line promises.
//
//	go run ./acceptance/mutants [-short] [-run TEXT]
//
// The files of the tree do not change: the compiler reads the changed file through its
// overlay.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// mutant is one change and the test that must fail with it.
type mutant struct {
	Promise string `json:"promise"` // what the line guarantees
	File    string `json:"file"`
	From    string `json:"from"` // occurs once in the file
	To      string `json:"to"`
	Test    string `json:"test"`    // a pattern for go test -run
	Package string `json:"package"` // of the test; "" means the file's
	Short   bool   `json:"short"`   // also run in the short form
}

//go:embed mutants.json
var list []byte

func main() {
	short := flag.Bool("short", false, "only those of the short form")
	text := flag.String("run", "", "only those whose promise or file contains this `text`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *short, *text); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:gocritic // the process ends
	}
}

func run(ctx context.Context, short bool, text string) error {
	var all []mutant
	decoder := json.NewDecoder(bytes.NewReader(list))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		return fmt.Errorf("mutants.json: %w", err)
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var mu sync.Mutex
	noticed, failed := 0, 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, m := range all {
		if short && !m.Short || !strings.Contains(m.Promise+m.File, text) {
			continue
		}
		group.Go(func() error {
			problem := m.try(ctx, filepath.Join(dir, fmt.Sprint(i)))
			mu.Lock()
			defer mu.Unlock()
			if problem == nil {
				noticed++
				fmt.Printf("ok   %s: %s\n", m.File, m.Promise)
			} else {
				failed++
				fmt.Printf("FAIL %s: %s: %v\n", m.File, m.Promise, problem)
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Printf("mutants: %d passed, %d failed\n", noticed, failed)
	if failed > 0 {
		return errors.New("a change was not noticed")
	}
	return nil
}

// try runs the test on the changed file. It returns nil if the test fails.
func (m mutant) try(ctx context.Context, dir string) error {
	source, err := os.ReadFile(m.File)
	if err != nil {
		return err
	}
	if n := strings.Count(string(source), m.From); n != 1 {
		return fmt.Errorf("the text to change stands %d times in the file, not once", n)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	changed := filepath.Join(dir, filepath.Base(m.File))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.From, m.To, 1)), 0o600); err != nil { //nolint:gosec // a name of our own list, in a directory of our own
		return err
	}
	path, err := filepath.Abs(m.File)
	if err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return err
	}
	pkg := m.Package
	if pkg == "" {
		pkg = "./" + filepath.Dir(m.File)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", overlayFile, "-count=1", "-failfast", "-vet=off", "-timeout=3m", "-run", m.Test, pkg) //nolint:gosec // of our own list
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil && bytes.Contains(out, []byte("no tests to run")):
		return fmt.Errorf("there is no test %s in %s", m.Test, pkg)
	case err == nil:
		return fmt.Errorf("%s passes all the same", m.Test)
	case bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")):
		return fmt.Errorf("it does not compile:\n%s", out)
	}
	return nil
}
