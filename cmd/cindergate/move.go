package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"cindergate/internal/move"
	tenant "cindergate/internal/move/cloud"
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

// moveFlags are the flags of the commands that begin a move.
type moveFlags struct {
	request  paths.Request
	backup   bool // the arguments are backups
	project  bool
	match    string
	mapFile  string
	parallel int
	state    string
	options  move.Options
	rounds   string
	cutover  string
	verify   string
	limit    string
	json     bool
}

func stateFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "state", "", "`directory` of the moves' states (default $XDG_STATE_HOME/cindergate/moves)")
}

func (f *moveFlags) clouds(cmd *cobra.Command) {
	read, write := paths.Names()
	cmd.Flags().StringVar(&f.request.From, "from", "", "`cloud` to move from, an entry of clouds.yaml")
	cmd.Flags().StringVar(&f.request.To, "to", "", "`cloud` to move to, an entry of clouds.yaml")
	cmd.Flags().StringVar(&f.request.Type, "type", "", "volume `type` at the target; the source's if it is not given and exists there")
	cmd.Flags().StringVar(&f.request.Zone, "availability-zone", "", "availability `zone` at the target; the source's if it is not given and exists there")
	cmd.Flags().StringVar(&f.request.ReadPath, "read-path", "", "`path` to read by: "+strings.Join(read, ", ")+" (default the first one that works)")
	cmd.Flags().StringVar(&f.request.WritePath, "write-path", "", "`path` to write by: "+strings.Join(write, ", ")+" (default the first one that works)")
	cmd.Flags().StringVar(&f.request.FromS3, "from-s3", "", "`URL` of the S3 service of the source's cinder-backup, such as https://s3.example.org?region=eu-1; its keys are those of the profile with the cloud's name in ~/.aws/credentials")
	cmd.Flags().StringVar(&f.request.ToS3, "to-s3", "", "`URL` of the S3 service of the target's cinder-backup, likewise")
	cmd.Flags().BoolVar(&f.project, "project", false, "all volumes of the project")
	cmd.Flags().StringVar(&f.match, "match", "", "with --project: only volumes whose name matches the shell `pattern`")
	cmd.Flags().StringVar(&f.mapFile, "map", "", "YAML `file` with the name, type and availability_zone of single volumes, by their id or name")
	cmd.Flags().StringVar(&f.verify, "verify", "readback", "`way` to verify: none, digests (against the source's), or readback (the target is read back as well)")
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.MarkFlagRequired("to")
}

func (f *moveFlags) running(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.parallel, "parallel", 2, "`number` of moves at once")
	cmd.Flags().IntVar(&f.options.Workers, "workers", 0, "`number` of pieces at once in each move; 0: as the path wants")
	stateFlag(cmd, &f.state)
}

func (f *moveFlags) check() error {
	switch f.options.Verify = move.Verify(f.verify); f.options.Verify {
	case move.VerifyNone, move.VerifyDigests, move.VerifyReadBack:
	default:
		return usage(fmt.Errorf("--verify: %q is none of none, digests, readback", f.verify))
	}
	f.request.ReadBack = f.options.Verify == move.VerifyReadBack
	if f.options.Workers < 0 || f.options.Workers > 64 {
		return usage(errors.New("--workers: it must be 0 to 64"))
	}
	if f.parallel < 0 || f.parallel > 64 {
		return usage(errors.New("--parallel: it must be 1 to 64"))
	}
	if f.rounds != "" && f.rounds != "auto" {
		if _, err := fmt.Sscanf(f.rounds+"\n", "%d\n", &f.options.Rounds); err != nil || f.options.Rounds < 1 || f.options.Rounds > 10000 {
			return usage(fmt.Errorf("--rounds: %q is neither auto nor a number from 1 to 10000", f.rounds))
		}
	}
	if f.cutover != "" {
		t, err := time.Parse(time.RFC3339, f.cutover)
		if err != nil {
			return usage(fmt.Errorf("--cutover-at: %q is no time such as 2027-01-31T02:00:00Z", f.cutover))
		}
		f.options.CutoverAt = t
	}
	if f.limit != "" {
		n, err := parseBytes(f.limit)
		if err != nil {
			return usage(fmt.Errorf("--threshold: %w", err))
		}
		f.options.Threshold = n
	}
	for flag, address := range map[string]string{"--from-s3": f.request.FromS3, "--to-s3": f.request.ToS3} {
		if address == "" {
			continue
		}
		if _, err := tenant.ParseS3(address); err != nil {
			return usage(fmt.Errorf("%s: %w", flag, err))
		}
	}
	if f.options.Pause < 0 {
		return usage(errors.New("--pause: it must not be negative"))
	}
	return nil
}

// parseBytes reads a number of bytes with a unit: 64MiB, 1G, 0.
func parseBytes(s string) (int64, error) {
	text := strings.TrimSuffix(strings.TrimSuffix(s, "B"), "i")
	shift := 0
	for i, unit := range "KMGT" {
		if strings.HasSuffix(text, string(unit)) {
			text, shift = text[:len(text)-1], 10*(i+1)
		}
	}
	var n int64
	if _, err := fmt.Sscanf(text+"\n", "%d\n", &n); err != nil || n < 0 || n > 1<<62>>shift {
		return 0, fmt.Errorf("%q is no number of bytes such as 64MiB", s)
	}
	return n << shift, nil
}

// mapped is what --map says of a volume.
type mapped struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"`
	Zone string `yaml:"availability_zone"`
}

func (f *moveFlags) readMap() (map[string]mapped, error) {
	if f.mapFile == "" {
		return nil, nil
	}
	file, err := os.Open(f.mapFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	d := yaml.NewDecoder(io.LimitReader(file, 1<<20))
	d.KnownFields(true)
	var m struct {
		Volumes map[string]mapped `yaml:"volumes"`
	}
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("--map: %s: %w", f.mapFile, err)
	}
	return m.Volumes, nil
}

// requests are the moves that are asked for.
func (f *moveFlags) requests(ctx context.Context, args []string) ([]paths.Request, error) {
	if f.project == (len(args) > 0) {
		return nil, usage(errors.New("name either volumes or backups, or --project"))
	}
	if f.match != "" && !f.project {
		return nil, usage(errors.New("--match: it needs --project"))
	}
	if _, err := path.Match(f.match, ""); err != nil {
		return nil, usage(fmt.Errorf("--match: %w", err))
	}
	m, err := f.readMap()
	if err != nil {
		return nil, err
	}
	if f.backup {
		var all []paths.Request
		for _, id := range args {
			r := f.request
			r.Backup = id
			all = append(all, r)
		}
		return all, nil
	}
	c, err := tenant.Login(ctx, f.request.From)
	if err != nil {
		return nil, err
	}
	have, err := c.Volumes(ctx, "")
	if err != nil {
		return nil, err
	}
	var chosen []move.Volume
	for _, v := range have {
		ok, _ := path.Match(f.match, v.Name)
		if f.project && (f.match == "" || ok) && !strings.HasPrefix(v.Name, move.Prefix) {
			chosen = append(chosen, v)
		}
	}
	for _, arg := range args {
		var found []move.Volume
		for _, v := range have {
			if v.ID == arg || v.Name == arg {
				found = append(found, v)
			}
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("cloud %s has %d volumes with the id or name %q", f.request.From, len(found), arg)
		}
		chosen = append(chosen, found[0])
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("cloud %s has no such volume in this project", f.request.From)
	}
	var all []paths.Request
	for _, v := range chosen {
		r := f.request
		r.Volume = v.ID
		for _, key := range []string{v.Name, v.ID} {
			if o, ok := m[key]; ok && key != "" {
				r.Name = firstOf(o.Name, r.Name)
				r.Type = firstOf(o.Type, r.Type)
				r.Zone = firstOf(o.Zone, r.Zone)
			}
		}
		all = append(all, r)
	}
	return all, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
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

// createMove makes the state directory of a planned move.
func createMove(dir string, p *paths.Plan, o move.Options) (string, error) {
	request, err := json.Marshal(p.Request)
	if err != nil {
		return "", err
	}
	job := &move.Job{Volume: p.Volume}
	job.Volume.Name = firstOf(p.Request.Name, p.Volume.Name)
	j := move.Journal{ID: move.NewID(), Created: time.Now().UTC(), Request: request, Options: o, Job: job}
	if p.Write != nil {
		j.Lost = p.Write.Lost
	}
	s, err := move.Create(dir, j)
	if err != nil {
		return "", err
	}
	return j.ID, s.Close()
}

// runMoves runs moves until all have ended. It returns an error if any failed.
func runMoves(ctx context.Context, out io.Writer, dir string, ids []string, parallel int) error {
	progress := newMoveProgress(out)
	group := errgroup.Group{}
	group.SetLimit(max(parallel, 1))
	var mu sync.Mutex
	var failed []error
	for _, id := range ids {
		group.Go(func() error {
			if err := runMove(ctx, progress, dir, id); err != nil {
				mu.Lock()
				failed = append(failed, fmt.Errorf("move %s: %w (cindergate move resume %s goes on, cindergate move abort %s removes what was made)", id, err, id, id))
				mu.Unlock()
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in failed
	progress.close()
	for _, id := range ids {
		if j, err := move.Read(dir, id); err == nil && progress.bars {
			summary(out, j)
		}
	}
	return errors.Join(failed...)
}

func runMove(ctx context.Context, progress *moveProgress, dir, id string) (err error) {
	s, err := move.Open(dir, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m, err := paths.Open(ctx, s)
	if err != nil {
		return err
	}
	name := id
	if s.Job != nil && s.Job.Volume.Name != "" {
		name = s.Job.Volume.Name
	}
	shown := progress.add(m, name)
	defer func() { progress.ended(shown, err) }()
	return m.Run(ctx)
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

func abortMove(ctx context.Context, dir, id string) (err error) {
	s, err := move.Open(dir, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m, err := paths.Open(ctx, s)
	if err != nil {
		return err
	}
	return m.Abort(ctx)
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
