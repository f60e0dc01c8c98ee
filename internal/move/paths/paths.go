// Package paths has all the ways to read from a cloud and to write to one, chooses those that
// work for a move, and makes them again when a move goes on.
package paths

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"cindergate/internal/move"
	"cindergate/internal/move/carrier"
	tenant "cindergate/internal/move/cloud"
	"cindergate/internal/move/content"
	"cindergate/internal/move/image"
	"cindergate/internal/move/ims"
)

// Request is what a move needs to make its paths again. It is in the journal, without any
// secret: clouds.yaml has those.
type Request struct {
	From       string `json:"from"` // entries of clouds.yaml
	To         string `json:"to"`
	Volume     string `json:"volume,omitempty"`
	Backup     string `json:"backup,omitempty"` // the last one of a chain
	Name       string `json:"name,omitempty"`   // at the target; "": the source's
	Type       string `json:"type,omitempty"`
	Zone       string `json:"availability_zone,omitempty"`
	KeepVolume bool   `json:"keep_volume,omitempty"`
	ReadBack   bool   `json:"read_back,omitempty"`
	FromS3     string `json:"from_s3,omitempty"` // the services with the objects of cinder-backup
	ToS3       string `json:"to_s3,omitempty"`
	ReadPath   string `json:"read_path,omitempty"` // "": the first one that works
	WritePath  string `json:"write_path,omitempty"`
	// Base is the backup at the target that has the state of the job's base, and Block the size
	// of the blocks of the source's digests. Both are for copies of single backups.
	Base  string `json:"base,omitempty"`
	Block int64  `json:"block,omitempty"`
}

// login logs in on both sides.
func (r *Request) login(ctx context.Context) (from, to *tenant.Cloud, err error) {
	if from, err = loginAt(ctx, r.From, r.FromS3); err != nil {
		return nil, nil, err
	}
	to, err = loginAt(ctx, r.To, r.ToS3)
	return from, to, err
}

// loginAt logs in as an entry of clouds.yaml. s3 is the address of its S3 service; "": none.
func loginAt(ctx context.Context, name, s3 string) (*tenant.Cloud, error) {
	c, err := tenant.Login(ctx, name)
	if err == nil && s3 != "" {
		if err := c.UseS3(s3); err != nil {
			return nil, fmt.Errorf("cloud %s: %w", name, err)
		}
	}
	return c, err
}

// sourcePath and targetPath are ways to read and to write. Adding one is a line below.
type (
	sourcePath struct {
		name string
		open func(r Request, c *tenant.Cloud, env *move.Env) (move.Source, error)
	}
	targetPath struct {
		name string
		open func(r Request, c *tenant.Cloud, env *move.Env) (move.Target, error)
	}
)

// The paths, the best first.
var (
	sourcePaths = []sourcePath{
		{content.Path, func(r Request, c *tenant.Cloud, env *move.Env) (move.Source, error) {
			return content.NewSource(c, env, r.Volume, r.Backup)
		}},
		{carrier.Path, func(r Request, c *tenant.Cloud, env *move.Env) (move.Source, error) {
			return carrier.NewSource(c, env, r.Volume, r.Backup)
		}},
		{ims.Path, func(r Request, c *tenant.Cloud, env *move.Env) (move.Source, error) {
			return ims.NewSource(c, env, r.Volume, r.Backup)
		}},
		{image.Path, func(r Request, c *tenant.Cloud, env *move.Env) (move.Source, error) {
			return image.NewSource(c, env, r.Volume, r.Backup)
		}},
	}
	targetPaths = []targetPath{
		{content.Path, func(r Request, c *tenant.Cloud, env *move.Env) (move.Target, error) {
			return content.NewTarget(c, env, content.Options{Place: tenant.Place{Type: r.Type, Zone: r.Zone}, ReadBack: r.ReadBack, KeepVolume: r.KeepVolume, Base: r.Base, Block: r.Block})
		}},
		{carrier.Path, func(r Request, c *tenant.Cloud, env *move.Env) (move.Target, error) {
			return carrier.NewTarget(c, env, carrier.Options{Type: r.Type, Zone: r.Zone, ReadBack: r.ReadBack, KeepVolume: r.KeepVolume})
		}},
		{ims.Path, func(r Request, c *tenant.Cloud, env *move.Env) (move.Target, error) {
			return ims.NewTarget(c, env, tenant.Place{Type: r.Type, Zone: r.Zone}, r.ReadBack)
		}},
		{image.Path, func(r Request, c *tenant.Cloud, env *move.Env) (move.Target, error) {
			return image.NewTarget(c, env, image.Options{Place: tenant.Place{Type: r.Type, Zone: r.Zone}, ReadBack: r.ReadBack})
		}},
	}
)

// Names returns the names of the paths, the best first.
func Names() (read, write []string) {
	for _, p := range sourcePaths {
		read = append(read, p.name)
	}
	for _, p := range targetPaths {
		write = append(write, p.name)
	}
	return read, write
}

// Plan is what would be done.
type Plan struct {
	Request  Request          `json:"request"`
	Volume   move.Volume      `json:"volume"`
	Points   []move.Point     `json:"points,omitempty"`
	From     string           `json:"from"` // who is logged in
	To       string           `json:"to"`
	Read     *move.Assessment `json:"read"`
	Write    *move.Assessment `json:"write"`
	Problems []string         `json:"problems"`
}

// Possible reports whether nothing stands against the move.
func (p *Plan) Possible() bool { return len(p.Problems) == 0 }

// Make chooses the paths and assesses them. Nothing is made. What stands against a move
// is in the plan; an error is something that could not be found out.
func Make(ctx context.Context, r Request) (*Plan, error) {
	p := &Plan{Request: r}
	from, to, err := r.login(ctx)
	if err != nil {
		return nil, err
	}
	p.From, p.To = from.As(), to.As()
	job, err := p.read(ctx, from)
	if err != nil || job == nil {
		return p, err
	}
	return p, p.write(ctx, to, *job)
}

// refusals are the problems of the paths that do not work. Those of paths for other kinds of
// clouds count only if there is no other.
type refusals struct{ here, elsewhere []string }

func (r *refusals) add(as *move.Assessment) {
	if as.Elsewhere {
		r.elsewhere = append(r.elsewhere, as.Problems...)
	} else {
		r.here = append(r.here, as.Problems...)
	}
}

func (r *refusals) problems() []string {
	if len(r.here) > 0 {
		return r.here
	}
	return r.elsewhere
}

// read chooses the path of the source. The job is nil if the volume could not be described.
func (p *Plan) read(ctx context.Context, c *tenant.Cloud) (*move.Job, error) {
	var refused refusals
	for _, path := range sourcePaths {
		if p.Request.ReadPath != "" && p.Request.ReadPath != path.name {
			continue
		}
		s, err := path.open(p.Request, c, nil)
		if err != nil {
			return nil, err
		}
		as, err := s.Assess(ctx)
		if errors.Is(err, tenant.ErrGone) {
			p.Problems = append(p.Problems, err.Error())
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		p.Read = &as
		if p.Volume, err = s.Describe(ctx); err != nil {
			return nil, err
		}
		if len(as.Problems) > 0 {
			refused.add(&as)
			continue
		}
		if p.Points, err = s.Chain(ctx); err != nil && !errors.Is(err, move.ErrNone) {
			p.Problems = append(p.Problems, err.Error())
			return nil, nil
		}
		p.Request.ReadPath = path.name
		job := &move.Job{Volume: p.Volume, Chain: p.Points}
		if p.Request.Name != "" {
			job.Volume.Name = p.Request.Name
		}
		return job, nil
	}
	p.Problems = append(p.Problems, refused.problems()...)
	if p.Read == nil {
		p.Problems = append(p.Problems, fmt.Sprintf("there is no path %q to read", p.Request.ReadPath))
		return nil, nil
	}
	return &move.Job{Volume: p.Volume}, nil // the problems of the target are told as well
}

func (p *Plan) write(ctx context.Context, c *tenant.Cloud, job move.Job) error {
	name, as, problems, err := ChooseTarget(ctx, p.Request, c, job)
	if err != nil {
		return err
	}
	if p.Write, p.Problems = as, append(p.Problems, problems...); len(problems) == 0 {
		p.Request.WritePath = name
	}
	return nil
}

// ChooseTarget chooses the path to write by, and assesses it. Nothing is made. Without problems
// the path works.
func ChooseTarget(ctx context.Context, r Request, c *tenant.Cloud, job move.Job) (name string, chosen *move.Assessment, problems []string, err error) {
	var refused refusals
	for _, path := range targetPaths {
		if r.WritePath != "" && r.WritePath != path.name {
			continue
		}
		t, err := path.open(r, c, nil)
		if err != nil {
			return "", nil, nil, err
		}
		as, err := t.Assess(ctx, job)
		if err != nil {
			return "", nil, nil, err
		}
		chosen = &as
		if len(as.Problems) == 0 {
			return path.name, chosen, nil, nil
		}
		refused.add(&as)
	}
	if chosen == nil {
		return "", nil, []string{fmt.Sprintf("there is no path %q to write", r.WritePath)}, nil
	}
	return "", chosen, refused.problems(), nil
}

// OpenTarget makes the path that r.WritePath names.
func OpenTarget(r Request, c *tenant.Cloud, env *move.Env) (move.Target, error) {
	for _, path := range targetPaths {
		if path.name == r.WritePath {
			return path.open(r, c, env)
		}
	}
	return nil, fmt.Errorf("this version cannot write by path %q", r.WritePath)
}

// Open makes the paths of a move whose state directory is open.
func Open(ctx context.Context, s *move.Store) (*move.Move, error) {
	var r Request
	if err := json.Unmarshal(s.Request, &r); err != nil {
		return nil, fmt.Errorf("move %s: request: %w", s.ID, err)
	}
	from, to, err := r.login(ctx)
	if err != nil {
		return nil, err
	}
	m := &move.Move{Store: s}
	for _, path := range sourcePaths {
		if path.name == r.ReadPath {
			if m.From, err = path.open(r, from, s.SourceEnv(m.Status)); err != nil {
				return nil, err
			}
		}
	}
	if m.From == nil {
		return nil, fmt.Errorf("move %s reads by path %q, which this version does not have", s.ID, r.ReadPath)
	}
	if m.To, err = OpenTarget(r, to, s.TargetEnv(m.Status)); err != nil {
		return nil, fmt.Errorf("move %s: %w", s.ID, err)
	}
	return m, nil
}

// Text writes the plan for people.
func (p *Plan) Text(w *strings.Builder) {
	what := fmt.Sprintf("volume %s %q", p.Volume.ID, p.Volume.Name)
	if p.Volume.ID == "" {
		what = "volume " + p.Request.Volume
	}
	if p.Request.Backup != "" {
		what = fmt.Sprintf("chain of %d backups up to %s", len(p.Points), p.Request.Backup)
	}
	fmt.Fprintf(w, "%s, %d GiB\n  from  %s\n  to    %s\n", what, p.Volume.Size/tenant.GiB, p.From, p.To)
	for i, point := range p.Points {
		fmt.Fprintf(w, "  point %d: %s %q\n", i+1, point.ID, point.Name)
	}
	side := func(name string, as *move.Assessment) {
		if as == nil {
			return
		}
		fmt.Fprintf(w, "  %s by %s", name, as.Path)
		if as.Why != "" {
			fmt.Fprintf(w, ": %s", as.Why)
		}
		fmt.Fprintln(w)
		for _, q := range as.Quotas {
			limit := fmt.Sprintf("of %d", q.Limit)
			if q.Limit < 0 {
				limit = "without a limit"
			}
			fmt.Fprintf(w, "    quota %s: %d used %s, %d more needed\n", q.Name, q.Used, limit, q.Needs)
		}
		for _, list := range []struct {
			label string
			lines []string
		}{{"cost", as.Costs}, {"limit", as.Limits}, {"not proven yet", as.Unproven}, {"cannot be kept", as.Lost}} {
			for _, line := range list.lines {
				fmt.Fprintf(w, "    %s: %s\n", list.label, line)
			}
		}
	}
	side("read", p.Read)
	side("write", p.Write)
	if p.Possible() {
		zeroes := "; ranges of zeroes are not"
		if p.Read.Path == image.Path || p.Write.Path == image.Path { // images have no holes
			zeroes = ""
		}
		fmt.Fprintf(w, "  possible: at most %d bytes are copied%s\n", p.Volume.Size*max(int64(len(p.Points)), 1), zeroes)
	}
	for _, problem := range p.Problems {
		fmt.Fprintf(w, "  impossible: %s\n", problem)
	}
}
