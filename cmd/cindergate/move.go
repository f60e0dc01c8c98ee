package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cindergate/internal/move"
	"cindergate/internal/move/paths"
)

func moveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "move", Short: "Move volumes and backups between clouds, as a plain member of both",
		Long: `Move volumes and backups between clouds, as a plain member of both.

The clouds are entries of clouds.yaml. No admin and no helper instance is needed. Where
cinder-backup keeps its objects in the project's own Swift account, which is its default, or
in an S3 service that you have keys for, a volume may be in use: rounds copy what changed,
and the last one, after a cutover, is short. Elsewhere volumes move as images. The plan says
which of the two it is.

The state of each move is in a directory of its own below --state. After any end of the
process, resume goes on; abort removes what was made on both sides.`,
		Example: `  cindergate move plan --from east --to west VOLUME
  cindergate move volume --from east --to west VOLUME
  cindergate move resume ID`,
	}
	cmd.AddCommand(movePlanCommand(), moveVolumeCommand(), moveBackupCommand(), moveStatusCommand(), moveResumeCommand(), moveCutoverCommand(), moveAbortCommand())
	return cmd
}

func movePlanCommand() *cobra.Command {
	f := &moveFlags{}
	cmd := &cobra.Command{
		Use: "plan [VOLUME...]", Short: "Say what a move would do, and whether it is possible", Args: cobra.ArbitraryArgs,
		Long: `Say what a move would do, and whether it is possible.

Nothing is made. The plan names the paths and why they work here, what is copied, the
quotas on both sides, and what the target cannot keep. The exit code is 1 if a move is
impossible.`,
		Example: "  cindergate move plan --from east --to west VOLUME\n  cindergate move plan --from east --to west --project --json\n  cindergate move plan --from east --to west --backup BACKUP",
	}
	f.clouds(cmd)
	cmd.Flags().BoolVar(&f.backup, "backup", false, "the arguments are backups, each the last one of a chain")
	cmd.Flags().BoolVar(&f.json, "json", false, "print a JSON object for each move")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		requests, err := f.requests(cmd.Context(), args)
		if err != nil {
			return err
		}
		impossible := 0
		for _, r := range requests {
			p, err := paths.Make(cmd.Context(), r)
			if err != nil {
				return err
			}
			if !p.Possible() {
				impossible++
			}
			if err := showPlan(cmd.OutOrStdout(), p, f.json); err != nil {
				return err
			}
		}
		if impossible > 0 {
			return fmt.Errorf("%d of %d moves are impossible", impossible, len(requests))
		}
		return nil
	}
	return cmd
}

func showPlan(w io.Writer, p *paths.Plan, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(p)
	}
	var b strings.Builder
	p.Text(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func moveVolumeCommand() *cobra.Command {
	f := &moveFlags{}
	cmd := &cobra.Command{
		Use: "volume [VOLUME...]", Short: "Move volumes", Args: cobra.ArbitraryArgs,
		Long: `Move volumes.

A volume is copied in rounds. With --rounds auto, a volume that is not in use takes one;
one in use takes rounds until one writes less than --threshold, or until a cutover:
"cindergate move cutover ID" in another terminal, or --cutover-at. What is frozen after the
cutover is the last point, so stop what writes to the volume first. The volume at the
source stays as it is.`,
		Example: "  cindergate move volume --from east --to west VOLUME\n  cindergate move volume --from east --to west --threshold 0 --cutover-at 2027-01-31T02:00:00Z VOLUME\n  cindergate move volume --from east --to west --project --parallel 4",
	}
	f.clouds(cmd)
	f.running(cmd)
	cmd.Flags().StringVar(&f.rounds, "rounds", "auto", "`number` of rounds, or auto")
	cmd.Flags().StringVar(&f.limit, "threshold", "64MiB", "with --rounds auto: a round that writes fewer `bytes` is the last one; 0: only a cutover ends the rounds")
	cmd.Flags().StringVar(&f.cutover, "cutover-at", "", "`time` at which the last point is frozen, such as 2027-01-31T02:00:00Z")
	cmd.Flags().DurationVar(&f.options.Pause, "pause", 10*time.Second, "`time` between two rounds")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) }
	return cmd
}

func moveBackupCommand() *cobra.Command {
	f := &moveFlags{backup: true}
	cmd := &cobra.Command{
		Use: "backup BACKUP...", Short: "Move chains of backups", Args: cobra.MinimumNArgs(1),
		Long: `Move chains of backups.

A chain, named by its last backup, arrives as a chain: as many backups in the same order,
with their names, descriptions and metadata. The target sets the time of each; the metadata
cindergate:data_timestamp keeps the original one.`,
		Example: "  cindergate move backup --from east --to west BACKUP",
	}
	f.clouds(cmd)
	f.running(cmd)
	cmd.Flags().BoolVar(&f.request.KeepVolume, "with-volume", false, "also leave a volume with the content of the last backup")
	for _, name := range []string{"project", "match", "map"} {
		_ = cmd.Flags().MarkHidden(name)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) }
	return cmd
}

// run plans and then moves.
func (f *moveFlags) run(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	if err := f.check(); err != nil {
		return err
	}
	dir, err := stateDir(f.state)
	if err != nil {
		return err
	}
	requests, err := f.requests(ctx, args)
	if err != nil {
		return err
	}
	var plans []*paths.Plan
	impossible := 0
	for _, r := range requests {
		p, err := paths.Make(ctx, r)
		if err != nil {
			return err
		}
		if err := showPlan(cmd.ErrOrStderr(), p, false); err != nil {
			return err
		}
		if !p.Possible() {
			impossible++
		}
		plans = append(plans, p)
	}
	if impossible > 0 {
		return fmt.Errorf("%d of %d moves are impossible, so nothing was begun", impossible, len(plans))
	}
	var ids []string
	for _, p := range plans {
		id, err := createMove(dir, p, f.options)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "move %s of %s begins\n", id, p.Volume.ID)
		ids = append(ids, id)
	}
	return runMoves(ctx, cmd.OutOrStdout(), dir, ids, f.parallel)
}

func moveResumeCommand() *cobra.Command {
	var state string
	var parallel int
	cmd := &cobra.Command{
		Use: "resume [ID...]", Short: "Go on with moves that ended early", Args: cobra.ArbitraryArgs,
		Long: `Go on with moves that ended early: with all of them if none is named. A move goes on
with the piece after the last one that was written.`,
		Example: "  cindergate move resume\n  cindergate move resume 0c6a1f9e52",
	}
	stateFlag(cmd, &state)
	cmd.Flags().IntVar(&parallel, "parallel", 2, "`number` of moves at once")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := stateDir(state)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			all, err := move.List(dir)
			if err != nil {
				return err
			}
			for _, id := range all {
				j, err := move.Read(dir, id)
				if err == nil && j.Phase != move.Done && j.Phase != move.Aborted && j.Phase != move.Aborting && !move.Running(dir, id) {
					args = append(args, id)
				}
			}
			if len(args) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "there is no move to go on with")
				return nil
			}
		}
		return runMoves(cmd.Context(), cmd.OutOrStdout(), dir, args, parallel)
	}
	return cmd
}

func moveStatusCommand() *cobra.Command {
	var state string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status [ID...]", Short: "Show moves", Args: cobra.ArbitraryArgs,
		Example: "  cindergate move status\n  cindergate move status --json 0c6a1f9e52",
	}
	stateFlag(cmd, &state)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the journal of each move as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := stateDir(state)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			if args, err = move.List(dir); err != nil {
				return err
			}
		}
		for _, id := range args {
			j, err := move.Read(dir, id)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(j); err != nil {
					return err
				}
				continue
			}
			summary(cmd.OutOrStdout(), j)
			if move.Running(dir, id) {
				fmt.Fprintln(cmd.OutOrStdout(), "  a process works on it")
			}
		}
		return nil
	}
	return cmd
}

func moveCutoverCommand() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use: "cutover ID", Short: "Make the next round of a move its last one", Args: cobra.ExactArgs(1),
		Long: `Make the next round of a move its last one, whether it runs or not. Stop what writes to
the volume first.`,
		Example: "  cindergate move cutover 0c6a1f9e52",
	}
	stateFlag(cmd, &state)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		dir, err := stateDir(state)
		if err != nil {
			return err
		}
		return move.AskCutover(dir, args[0])
	}
	return cmd
}

func moveAbortCommand() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use: "abort ID...", Short: "Remove everything that moves made, on both sides", Args: cobra.MinimumNArgs(1),
		Long: `Remove everything that moves made, on both sides, and prove it with the lists of both
clouds. The volume at the source stays as it is. A move that is done cannot be aborted.`,
		Example: "  cindergate move abort 0c6a1f9e52",
	}
	stateFlag(cmd, &state)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := stateDir(state)
		if err != nil {
			return err
		}
		var failed []error
		for _, id := range slices.Compact(args) {
			if err := abortMove(cmd.Context(), dir, id); err != nil {
				failed = append(failed, fmt.Errorf("move %s: %w", id, err))
				continue
			}
			fmt.Fprintf(cmd.OutOrStdout(), "move %s: aborted; nothing that it made is left on either side\n", id)
		}
		return errors.Join(failed...)
	}
	return cmd
}

// stateDir is where the moves' states are: the XDG state directory by default.
func stateDir(flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "cindergate", "moves"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("--state: %w", err)
	}
	return filepath.Join(home, ".local", "state", "cindergate", "moves"), nil
}
