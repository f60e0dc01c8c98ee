package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"cindergate/internal/move"
	tenant "cindergate/internal/move/cloud"
	"cindergate/internal/move/paths"
)

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
