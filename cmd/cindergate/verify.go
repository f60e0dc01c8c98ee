package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cindergate/internal/verify"
	reports "cindergate/internal/verify/report"
)

// verifyFlags are the flags of verify.
type verifyFlags struct {
	verifyLogin
	levels                       []string
	match                        string
	format, output, badge        string
	rate                         float64
	timeout, caseTime, cleanTime time.Duration
	write, read                  string
	cleanup, keep, quiet         bool
}

func verifyCommand() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{
		Use: "verify", Short: "Check whether an endpoint behaves like Cinder", Args: cobra.NoArgs,
		Long: `Check whether an endpoint behaves like Cinder.

The endpoint is that of an entry of clouds.yaml, or any URL. Each case is one rule of Cinder;
the answer says which capabilities the endpoint has, which Cinder it behaves like, and where
it deviates, with a curl command that repeats the request.

The levels: read-only sends nothing but GET. tenant makes and removes volumes of 1 and 2 GiB,
snapshots and backups. admin also exports and imports records and resets statuses. data also
writes known bytes and reads them back, through images, through the content of backups
of a Cindergate, or through commands. What a run makes has ` + verify.Prefix + ` in its
name, and is removed also after an error, ctrl-C or the end of the time.

The token of --endpoint is that of --token-file, or of the variable OS_TOKEN. Certificates
that the system does not know are those of the file in SSL_CERT_FILE.

Exit codes:
  0  no case deviates
  1  a case deviates
  2  the cases could not be tried, or the command line is wrong`,
		Example: `  cindergate verify --cloud east
  cindergate verify --cloud east --second-cloud west --level tenant,data --format html --output report.html
  OS_TOKEN=... cindergate verify --endpoint https://volume.example.org/v3/PROJECT
  cindergate verify --cloud east --cleanup`,
	}
	flags := cmd.Flags()
	f.loginFlags(flags)
	flags.StringSliceVar(&f.levels, "level", []string{"read-only"}, "`levels` of cases: read-only, tenant, admin, data")
	flags.StringVar(&f.match, "match", "", "only cases whose name matches the shell `pattern`")
	flags.StringVar(&f.format, "format", "text", "`format` of the report: "+strings.Join(reports.Formats(), ", "))
	flags.StringVar(&f.output, "output", "", "`file` for the report; the line is printed all the same (default standard output)")
	flags.StringVar(&f.badge, "badge", "", "`file` for a badge, an SVG image")
	flags.Float64Var(&f.rate, "rate", 10, "`number` of requests in a second at most; 0: no limit")
	flags.DurationVar(&f.timeout, "timeout", verify.DefaultTimeout, "`time` for all cases")
	flags.DurationVar(&f.caseTime, "case-timeout", verify.DefaultCaseTimeout, "`time` for one case")
	flags.DurationVar(&f.cleanTime, "cleanup-timeout", verify.DefaultCleanupTimeout, "`time` for the removal of what was made")
	flags.StringVar(&f.write, "write-volume", "", "`command` that writes its standard input to the volume $VOLUME_ID, for the level data")
	flags.StringVar(&f.read, "read-volume", "", "`command` that writes the bytes of the volume $VOLUME_ID to its standard output")
	flags.BoolVar(&f.keep, "keep", false, "leave what was made, to repeat the requests; --cleanup removes it")
	flags.BoolVar(&f.cleanup, "cleanup", false, "remove what earlier runs left behind, and nothing else, and verify nothing")
	flags.BoolVar(&f.quiet, "quiet", false, "do not say on standard error what is being tried")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(reports.Formats(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions([]string{"read-only", "tenant", "admin", "data"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }
	cmd.AddCommand(verifyListCommand(), replayCommand())
	return cmd
}

// cannotTest is an error of a run that could not try its cases.
type cannotTest struct{ error }

func (e cannotTest) Unwrap() error { return e.error }

func (f *verifyFlags) run(cmd *cobra.Command) error {
	o, err := f.options(cmd)
	if err != nil {
		return err
	}
	if err := f.logIn(cmd.Context(), &o); err != nil {
		return err
	}
	if f.cleanup {
		return f.clean(cmd, o)
	}
	r, err := verify.Run(cmd.Context(), o)
	if err != nil {
		return cannotTest{err}
	}
	if err := f.save(cmd.OutOrStdout(), r); err != nil {
		return cannotTest{err}
	}
	deviations := r.Count(verify.Deviates)
	switch {
	case deviations > 0:
		return fmt.Errorf("%s deviates from Cinder in %d cases", r.URL, deviations)
	case r.Ended != "":
		return cannotTest{errors.New("the run ended early: " + r.Ended)}
	case r.Count(verify.Passed) == 0:
		return cannotTest{errors.New("no case could be tried")}
	case len(r.Left) > 0:
		return cannotTest{fmt.Errorf("%d things were left behind; --cleanup removes them", len(r.Left))}
	}
	return nil
}

// options checks the command line.
func (f *verifyFlags) options(cmd *cobra.Command) (verify.Options, error) {
	o := verify.Options{Rate: f.rate, Timeout: f.timeout, CaseTimeout: f.caseTime, CleanupTimeout: f.cleanTime, Keep: f.keep, WriteVolume: f.write, ReadVolume: f.read}
	if err := f.check(); err != nil {
		return o, err
	}
	for _, l := range f.levels {
		if !slices.Contains(verify.Levels, verify.Level(l)) {
			return o, usage(fmt.Errorf("--level: %q is none of read-only, tenant, admin, data", l))
		}
		o.Levels = append(o.Levels, verify.Level(l))
	}
	if !slices.Contains(reports.Formats(), f.format) {
		return o, usage(fmt.Errorf("--format: %q is none of %s", f.format, strings.Join(reports.Formats(), ", ")))
	}
	if f.rate < 0 || f.rate > 1000 {
		return o, usage(errors.New("--rate: it must be 0 to 1000"))
	}
	for name, d := range map[string]time.Duration{"--timeout": f.timeout, "--case-timeout": f.caseTime, "--cleanup-timeout": f.cleanTime} {
		if d <= 0 || d > 24*time.Hour {
			return o, usage(fmt.Errorf("%s: it must be more than 0 and at most 24h", name))
		}
	}
	if (f.write == "") != (f.read == "") {
		return o, usage(errors.New("--write-volume and --read-volume go together"))
	}
	if f.match != "" {
		if _, err := path.Match(f.match, ""); err != nil {
			return o, usage(fmt.Errorf("--match: %q is no pattern: %w", f.match, err))
		}
		o.Select = func(c *verify.Case) bool { ok, _ := path.Match(f.match, c.Name); return ok }
	}
	if !f.quiet {
		o.Progress = func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) }
	}
	return o, nil
}

// save writes the report and the badge.
func (f *verifyFlags) save(w io.Writer, r *verify.Report) error {
	if f.badge != "" {
		if err := writeFile(f.badge, func(w io.Writer) error { return reports.Badge(w, r) }); err != nil {
			return fmt.Errorf("--badge: %w", err)
		}
	}
	return saveReport(w, f.output, r.Line(), func(w io.Writer) error { return reports.Write(w, f.format, r) })
}

// saveReport writes a report to a file, and then only its line to w; without a file, it writes the report
// to w.
func saveReport(w io.Writer, file, line string, write func(io.Writer) error) error {
	if file == "" {
		return write(w)
	}
	if err := writeFile(file, write); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

func (f *verifyFlags) clean(cmd *cobra.Command, o verify.Options) error {
	found, left, err := verify.Cleanup(cmd.Context(), o)
	if err != nil {
		return cannotTest{err}
	}
	for _, name := range found {
		fmt.Fprintln(cmd.OutOrStdout(), name)
	}
	if len(left) > 0 {
		return cannotTest{fmt.Errorf("%d of %d things could not be removed: %s", len(left), len(found), strings.Join(left, "; "))}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d things removed\n", len(found))
	return nil
}

func verifyListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the cases of verify: each rule of Cinder with its source", Args: cobra.NoArgs,
		Example: "  cindergate verify list | grep restore",
		RunE: func(cmd *cobra.Command, _ []string) error {
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "CASE\tLEVEL\tCAPABILITY\tMICROVERSIONS\tRULE\tSOURCE")
			for _, c := range verify.Cases() {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.Level, c.Capability, c.Versions(), c.Rule, c.Source)
			}
			return t.Flush()
		},
	}
}
