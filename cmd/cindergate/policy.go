package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/internal/policy"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "Explain, check and simulate backup policies of volumes",
		Long: `Explain, check and simulate backup policies of volumes.

A volume has a policy in its metadata cindergate:backup. docs/policies.md has its words.`,
		Example: `  cindergate policy check "daily 02:30 Europe/Berlin; incremental; keep=7d,4w"
  cindergate policy explain VOLUME --data DIR
  cindergate policy simulate --policy "daily 02:30; keep=7d,4w,12m" --from 2027-01-01 --to 2028-01-01`,
	}
	cmd.AddCommand(policyCheckCommand(), policyExplainCommand(), policySimulateCommand())
	return cmd
}

func policyCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check POLICY", Short: "Read a policy, and say in words what it does", Args: cobra.ExactArgs(1),
		Long: `Read a policy, and say in words what it does and when its next runs are.

A mistake is shown with a mark below the word that is wrong.`,
		Example: `  cindergate policy check "weekly mon,thu 23:00 America/New_York; full; within=90d"`,
	}
	asJSON := cmd.Flags().Bool("json", false, "print a JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := parsePolicy(args[0])
		if err != nil {
			return err
		}
		said := saidPolicy{Policy: p.String(), Schedule: p.Schedule.String(), Chain: chainWords(p), Keep: p.Keep.String(), Lock: p.Lock.String(), Copy: p.Copy, Paused: p.Paused}
		if p.Jitter > 0 {
			said.Jitter = p.Jitter.String()
		}
		for at := time.Now(); len(said.Next) < 5 && !p.Paused; {
			at = p.Schedule.Next(at)
			said.Next = append(said.Next, at)
		}
		return said.print(cmd.OutOrStdout(), *asJSON)
	}
	return cmd
}

// parsePolicy reads a policy. The error points at the word that is wrong.
func parsePolicy(text string) (policy.Policy, error) {
	p, err := policy.Parse(text)
	var mistake *policy.SyntaxError
	if errors.As(err, &mistake) {
		return p, fmt.Errorf("%w\n%s", err, mistake.Pointer())
	}
	return p, err
}

// saidPolicy is a policy in words.
type saidPolicy struct {
	Policy   string      `json:"policy"`
	Schedule string      `json:"schedule"`
	Chain    string      `json:"chain"`
	Keep     string      `json:"keep"`
	Lock     string      `json:"lock,omitempty"`
	Copy     string      `json:"copy,omitempty"`
	Jitter   string      `json:"jitter,omitempty"`
	Paused   bool        `json:"paused,omitempty"`
	Next     []time.Time `json:"next"`
}

func chainWords(p policy.Policy) string {
	if p.Chain == 1 {
		return "all backups are full"
	}
	words := fmt.Sprintf("a full backup, then %d incremental ones", p.Chain-1)
	if p.Synthetic {
		words += "; full backups after the first one are made of the chain"
	}
	return words
}

func (s *saidPolicy) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, s)
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "when\t%s\nwhat\t%s\nretention\t%s\n", s.Schedule, s.Chain, s.Keep)
	if s.Lock != "" {
		fmt.Fprintf(w, "locked\teach backup for %s after it was made\n", s.Lock)
	}
	if s.Copy != "" {
		fmt.Fprintf(w, "copies\tto %s\n", s.Copy)
	}
	if s.Jitter != "" {
		fmt.Fprintf(w, "begins\tup to %s later, at the same time for each volume\n", s.Jitter)
	}
	if s.Paused {
		fmt.Fprint(w, "paused\tno run begins, and what there is stays as the rules say\n")
	}
	for i, at := range s.Next {
		fmt.Fprintf(w, "%s\t%s\n", map[bool]string{true: "next runs"}[i == 0], at.Format("Mon 2006-01-02 15:04 -0700"))
	}
	return w.Flush()
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func policyExplainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain VOLUME", Short: "Say what the policy of a volume does, and why each backup is kept", Args: cobra.ExactArgs(1),
		Long: `Say what the policy of a volume does: where it stands, its next runs, how the last ones
ended, and for each backup of the volume why it is kept or when it goes.

With --dry-run POLICY it says what another policy would do with the same backups. Nothing
is changed. VOLUME is an id, of the embedded backend or, with --backend, of a remote backend whose
policies the gateway follows. If the gateway runs, it answers; otherwise this command reads the
data directory and asks the cloud.`,
		Example: `  cindergate policy explain 8a5be5a5-9a53-4c1c-b2a6-3b7a1d1a2f60 --data DIR
  cindergate policy explain 8a5be5a5-9a53-4c1c-b2a6-3b7a1d1a2f60 --data DIR --dry-run "daily 02:30; keep=7d"`,
	}
	path := configFlag(cmd)
	cmd.Flags().String("data", "", "`directory` that everything is kept in")
	other := cmd.Flags().String("dry-run", "", "`policy` to explain instead of the volume's")
	backend := backendFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print a JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *other != "" {
			if _, err := parsePolicy(*other); err != nil {
				return fmt.Errorf("--dry-run: %w", err)
			}
		}
		c, log, err := load(cmd, *path)
		if err != nil {
			return err
		}
		explained, err := explain(cmd.Context(), &c, log, explainRequest{args[0], *other, *backend})
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), explained)
		}
		return printExplanation(cmd.OutOrStdout(), explained)
	}
	return cmd
}

// backendFlag adds the flag that names the backend of a volume.
func backendFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("backend", "", "`name` of the backend that the volume is in; the embedded one, or the only one whose policies are followed, if it is not given")
}

// explain lets the running gateway explain a policy, or does it itself.
func explain(ctx context.Context, c *config.Config, log *zap.Logger, request explainRequest) (*policy.Explanation, error) {
	named := request.Backend != ""
	name, err := explainedBackend(c, request.Backend)
	if err != nil {
		return nil, err
	}
	explained, err := explainAt(ctx, c, log, name, request)
	if err != nil && !named && c.FollowsRemotePolicies() && c.Embeds() {
		err = fmt.Errorf("%w (backend %s was asked; --backend names another one)", err, name)
	}
	return explained, err
}

// explainAt explains the policy of a volume at a backend.
func explainAt(ctx context.Context, c *config.Config, log *zap.Logger, name string, request explainRequest) (explained *policy.Explanation, err error) {
	remote := c.Backends[name].Driver != config.DriverEmbedded
	if request.Backend = ""; remote {
		request.Backend = name
	}
	if err = errNoGateway; c.Data != "" {
		explained, err = askExplain(ctx, c.Data, request)
	}
	switch {
	case !errors.Is(err, errNoGateway):
		return explained, err
	case remote:
		return explainStopped(ctx, c, log, request)
	}
	d, err := openStopped(ctx, c, log)
	if err != nil {
		return nil, err
	}
	explained, err = d.PolicyOf(ctx, request.VolumeID, request.Policy)
	return explained, errors.Join(err, d.Close())
}

func printExplanation(out io.Writer, e *policy.Explanation) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("volume", e.VolumeID)
	row("backend", e.Backend)
	if e.Policy == "" {
		row("policy", "none")
	} else {
		row("policy", e.Policy)
		row("stands in", e.From)
	}
	if e.DryRun {
		row("dry run", "the volume has another policy, or none; nothing is changed")
	}
	row("problem", e.Problem)
	if e.Held {
		row("waits", "the volume was made by a restore; the policy begins when it is set")
	}
	if e.Paused {
		row("paused", "no run begins")
	}
	row("when", e.Schedule)
	row("retention", e.Keep)
	for i, at := range e.Next {
		row(map[bool]string{true: "next runs"}[i == 0], at.Format("Mon 2006-01-02 15:04 -0700"))
		if i == len(e.Next)-1 {
			row("the next one", e.NextKind)
		}
	}
	row("last success", e.LastSuccess)
	if e.Failures > 0 {
		row("failed since", fmt.Sprint(e.Failures))
	}
	for i, r := range e.Runs {
		row(map[bool]string{true: "last runs"}[i == 0], strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Slot.UTC().Format(time.RFC3339), r.State, r.BackupID, r.Reason)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(e.Backups) == 0 {
		return nil
	}
	w = tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\nBACKUP\tOF\tSTATUS\tGOES\tWHY")
	for i := range e.Backups {
		b := &e.Backups[i]
		kept, goes := "kept: ", ""
		if !b.Keep {
			kept, goes = "", "now"
		} else if !b.Goes.IsZero() {
			goes = b.Goes.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s\n", b.ID, b.At().UTC().Format("2006-01-02 15:04"), b.Status, goes, kept, strings.Join(b.Reasons, ", "))
	}
	return w.Flush()
}

func policySimulateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "simulate [VOLUME]", Short: "Print what a policy would make and delete in a time", Args: cobra.MaximumNArgs(1),
		Long: `Print what a policy would make and delete in a time: each run, and the backups that there
are at the end, each with the reason why it is kept.

Without VOLUME it begins without a backup, and needs --policy. With VOLUME (an id) it begins with
the backups of that volume, and --policy replaces the volume's policy. Nothing is changed.`,
		Example: `  cindergate policy simulate --policy "daily 02:30; incremental; keep=7d,4w,12m" --from 2027-01-01 --to 2028-01-01
  cindergate policy simulate 8a5be5a5-9a53-4c1c-b2a6-3b7a1d1a2f60 --data DIR --to 2027-12-31 --json`,
	}
	path := configFlag(cmd)
	cmd.Flags().String("data", "", "`directory` that everything is kept in")
	text := cmd.Flags().String("policy", "", "`policy` to simulate")
	from := cmd.Flags().String("from", "", "first `day` or time (2027-01-01 or 2027-01-01T12:00:00Z); now if it is not given")
	to := cmd.Flags().String("to", "", "last `day` or time; 30 days later if it is not given")
	backend := backendFlag(cmd)
	rebase := cmd.Flags().Bool("rebase", false, "delete backups that others build on, as with embedded.delete_parents: rebase; with VOLUME, what the gateway does")
	asJSON := cmd.Flags().Bool("json", false, "print a JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		begin, end, err := simulated(*from, *to)
		if err != nil {
			return usage(err)
		}
		var backups []policy.Backup
		if len(args) == 1 {
			c, log, err := load(cmd, *path)
			if err != nil {
				return err
			}
			e, err := explain(cmd.Context(), &c, log, explainRequest{args[0], *text, *backend})
			if err != nil {
				return err
			}
			if e.Policy == "" {
				return errors.New("the volume has no policy: give one with --policy")
			}
			*text, *rebase = e.Policy, e.Rebases
			for i := range e.Backups {
				backups = append([]policy.Backup{e.Backups[i].Backup}, backups...)
			}
		} else if *text == "" {
			return usage(errors.New("--policy is required without a VOLUME"))
		}
		p, err := parsePolicy(*text)
		if err != nil {
			return err
		}
		s, err := p.Simulate(backups, begin, end, *rebase)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), s)
		}
		return printSimulation(cmd.OutOrStdout(), p, s)
	}
	return cmd
}

// simulated returns the bounds of a simulation.
func simulated(from, to string) (begin, end time.Time, err error) {
	begin = time.Now()
	if from != "" {
		if begin, err = dayOrTime(from); err != nil {
			return begin, end, fmt.Errorf("--from: %w", err)
		}
		begin = begin.Add(-time.Nanosecond) // a run at that time is part of it
	}
	end = begin.AddDate(0, 0, 30)
	if to != "" {
		if end, err = dayOrTime(to); err != nil {
			return begin, end, fmt.Errorf("--to: %w", err)
		}
		if _, bad := time.Parse(time.DateOnly, to); bad == nil {
			end = end.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
	}
	if end.Before(begin) {
		return begin, end, errors.New("--to is before --from")
	}
	return begin, end, nil
}

func dayOrTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is neither a day like 2027-01-31 nor a time like 2027-01-31T12:00:00Z", text)
	}
	return t, nil
}

func printSimulation(out io.Writer, p policy.Policy, s policy.Simulation) error {
	zone := p.Schedule.Location()
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tAT\tMAKES\tDELETES\tTHERE ARE")
	for _, e := range s.Events {
		kind := "full"
		if e.Incremental {
			kind = "incremental"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", e.ID, e.Slot.In(zone).Format("Mon 2006-01-02 15:04"), kind, strings.Join(e.Removed, " "), e.Left)
	}
	fmt.Fprintln(w, "\nAT THE END\tOF\t\t\tKEPT BECAUSE")
	for i, b := range s.Left {
		fmt.Fprintf(w, "%s\t%s\t\t\t%s\n", b.ID, b.At().In(zone).Format("Mon 2006-01-02 15:04"), strings.Join(s.Why[i].Reasons, ", "))
	}
	return w.Flush()
}
