package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cindergate/internal/transcript"
	"cindergate/internal/verify"
	"cindergate/internal/verify/replay"
	reports "cindergate/internal/verify/report"
)

// replayFlags are the flags of verify replay.
type replayFlags struct {
	verifyLogin
	write, writeExisting bool
	ids                  map[string]string
	format, output       string
	rate                 float64
	timeout, settle      time.Duration
	quiet                bool
}

func replayCommand() *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use: "replay FILE...", Short: "Send the requests of a transcript, and compare the answers with those that were recorded", Args: cobra.RangeArgs(1, 16),
		Long: `Send the requests of a transcript, and compare the answers with those that were recorded.

A transcript is what the console saves of its page Wire: one object of JSON a line, a request and
its answer. - is standard input. Several files are replayed as one, in their order. All lines are
checked before anything is sent.

Ids of what the transcript makes, and of its projects, stand for those of the endpoint. Times,
hosts and ids of requests may differ. Lists are compared as far as the transcript has made what is in
them. Where an answer differs while something still settles, the request is sent again when
it has settled.

Only GET and HEAD are sent, unless you say more:
  --write           also sends what only makes volumes, snapshots and backups, and what changes or
                    deletes what this replay has made. It removes nothing else, and what it made
                    stays, unless the transcript deletes it
  --write-existing  sends everything: a transcript may then change and delete what was there
                    before. Read it first
What needs a request that is not sent is not sent either. Requests of admins need --admin-cloud, and those
of a second project --second-cloud.

The token of --endpoint is that of --token-file, or of the variable OS_TOKEN. No report has a
token, or a value that transcripts do not have, in it.

Exit codes:
  0  all answers are the same
  1  an answer differs
  2  no answer differs, but some requests were not sent or had no answer; or a file or the command
     line is wrong`,
		Example: `  cindergate verify replay cindergate-wire.jsonl --cloud staging --write
  cindergate verify replay - --cloud east --format junit --output replay.xml <transcript.jsonl
  OS_TOKEN=... cindergate verify replay reads.jsonl --endpoint https://volume.example.org/v3/PROJECT`,
	}
	flags := cmd.Flags()
	f.loginFlags(flags)
	flags.BoolVar(&f.write, "write", false, "also send requests that make things, or change what this replay has made")
	flags.BoolVar(&f.writeExisting, "write-existing", false, "also send requests that change or delete what was there before")
	flags.StringToStringVar(&f.ids, "id", nil, "`RECORDED=ID`: the id here of something that the transcript uses and does not make; can be repeated")
	flags.StringVar(&f.format, "format", "text", "`format` of the report: "+strings.Join(reports.ReplayFormats(), ", "))
	flags.StringVar(&f.output, "output", "", "`file` for the report; the line is printed all the same (default standard output)")
	flags.Float64Var(&f.rate, "rate", 10, "`number` of requests in a second at most; 0: no limit")
	flags.DurationVar(&f.timeout, "timeout", verify.DefaultTimeout, "`time` for all requests")
	flags.DurationVar(&f.settle, "settle-timeout", replay.DefaultSettle, "`time` that things may take to settle")
	flags.BoolVar(&f.quiet, "quiet", false, "do not say on standard error what is being sent")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(reports.ReplayFormats(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = f.run
	return cmd
}

func (f *replayFlags) run(cmd *cobra.Command, files []string) error {
	if err := f.checkFlags(); err != nil {
		return err
	}
	all, err := readTranscripts(cmd.InOrStdin(), files)
	if err != nil {
		return cannotTest{err}
	}
	to := verify.Options{Rate: f.rate}
	if err := f.logIn(cmd.Context(), &to); err != nil {
		return err
	}
	e, err := verify.Meet(cmd.Context(), to)
	if err != nil {
		return cannotTest{err}
	}
	o := replay.Options{Exchanges: all, Write: f.write, WriteExisting: f.writeExisting, IDs: f.ids, Timeout: f.timeout, Settle: f.settle}
	if !f.quiet {
		o.Progress = func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) }
	}
	r, err := replay.Run(cmd.Context(), e, o)
	if err != nil {
		return cannotTest{err}
	}
	if err := saveReport(cmd.OutOrStdout(), f.output, r.Line(), func(w io.Writer) error { return reports.WriteReplay(w, f.format, r) }); err != nil {
		return cannotTest{err}
	}
	switch {
	case r.Count(replay.Differs) > 0:
		return fmt.Errorf("%d answers of %s differ from those that were recorded", r.Count(replay.Differs), r.URL)
	case r.Untried() > 0:
		return cannotTest{fmt.Errorf("%d of %d requests could not be tried", r.Untried(), len(r.Results))}
	}
	return nil
}

func (f *replayFlags) checkFlags() error {
	if err := f.check(); err != nil {
		return err
	}
	if !slices.Contains(reports.ReplayFormats(), f.format) {
		return usage(fmt.Errorf("--format: %q is none of %s", f.format, strings.Join(reports.ReplayFormats(), ", ")))
	}
	if f.rate < 0 || f.rate > 1000 {
		return usage(errors.New("--rate: it must be 0 to 1000"))
	}
	for name, d := range map[string]time.Duration{"--timeout": f.timeout, "--settle-timeout": f.settle} {
		if d <= 0 || d > 24*time.Hour {
			return usage(fmt.Errorf("%s: it must be more than 0 and at most 24h", name))
		}
	}
	for recorded, id := range f.ids {
		if !transcript.IsID(recorded) || !transcript.IsID(id) {
			return usage(fmt.Errorf("--id: %q=%q: both must be ids of Cinder, which are UUIDs", recorded, id))
		}
	}
	return nil
}

// readTranscripts reads and checks files; - is standard input.
func readTranscripts(in io.Reader, files []string) ([]transcript.Exchange, error) {
	var all []transcript.Exchange
	var problems []error
	for _, name := range files {
		some, err := readTranscript(in, name)
		if err != nil {
			problems = append(problems, err)
		}
		if all = append(all, some...); len(all) > transcript.MaxExchanges {
			return nil, fmt.Errorf("all files together must have at most %d exchanges", transcript.MaxExchanges)
		}
	}
	return all, errors.Join(problems...)
}

func readTranscript(in io.Reader, name string) ([]transcript.Exchange, error) {
	if name == "-" {
		return transcript.Read("-", in)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return transcript.Read(filepath.Base(name), file)
}
