package main

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
)

// moveRequest is what a move needs to make its paths again. It is in the journal, without any
// secret: clouds.yaml has those.
type moveRequest struct {
	From       string `json:"from"` // entries of clouds.yaml
	To         string `json:"to"`
	Volume     string `json:"volume,omitempty"`
	Backup     string `json:"backup,omitempty"` // the last one of a chain
	Name       string `json:"name,omitempty"`   // at the target; "": the source's
	Type       string `json:"type,omitempty"`
	Zone       string `json:"availability_zone,omitempty"`
	KeepVolume bool   `json:"keep_volume,omitempty"`
	ReadBack   bool   `json:"read_back,omitempty"`
	ReadPath   string `json:"read_path,omitempty"` // "": the first one that works
	WritePath  string `json:"write_path,omitempty"`
}

// login logs in on both sides.
func (r *moveRequest) login(ctx context.Context) (from, to *tenant.Cloud, err error) {
	if from, err = tenant.Login(ctx, r.From); err != nil {
		return nil, nil, err
	}
	to, err = tenant.Login(ctx, r.To)
	return from, to, err
}

// sourcePath and targetPath are ways to read and to write. Adding one is a line below.
type (
	sourcePath struct {
		name string
		open func(r moveRequest, c *tenant.Cloud, env *move.Env) (move.Source, error)
	}
	targetPath struct {
		name string
		open func(r moveRequest, c *tenant.Cloud, env *move.Env) (move.Target, error)
	}
)

// The paths, the best first.
var (
	sourcePaths = []sourcePath{
		{content.Path, func(r moveRequest, c *tenant.Cloud, env *move.Env) (move.Source, error) {
			return content.NewSource(c, env, r.Volume, r.Backup)
		}},
		{carrier.Path, func(r moveRequest, c *tenant.Cloud, env *move.Env) (move.Source, error) {
			return carrier.NewSource(c, env, r.Volume, r.Backup)
		}},
		{image.Path, func(r moveRequest, c *tenant.Cloud, env *move.Env) (move.Source, error) {
			return image.NewSource(c, env, r.Volume, r.Backup)
		}},
	}
	targetPaths = []targetPath{
		{content.Path, func(r moveRequest, c *tenant.Cloud, env *move.Env) (move.Target, error) {
			return content.NewTarget(c, env, content.Options{Place: tenant.Place{Type: r.Type, Zone: r.Zone}, ReadBack: r.ReadBack, KeepVolume: r.KeepVolume})
		}},
		{carrier.Path, func(r moveRequest, c *tenant.Cloud, env *move.Env) (move.Target, error) {
			return carrier.NewTarget(c, env, carrier.Options{Type: r.Type, Zone: r.Zone, ReadBack: r.ReadBack, KeepVolume: r.KeepVolume})
		}},
		{image.Path, func(r moveRequest, c *tenant.Cloud, env *move.Env) (move.Target, error) {
			return image.NewTarget(c, env, image.Options{Place: tenant.Place{Type: r.Type, Zone: r.Zone}, ReadBack: r.ReadBack})
		}},
	}
)

func pathNames() (read, write []string) {
	for _, p := range sourcePaths {
		read = append(read, p.name)
	}
	for _, p := range targetPaths {
		write = append(write, p.name)
	}
	return read, write
}

// movePlan is what would be done.
type movePlan struct {
	Request  moveRequest      `json:"request"`
	Volume   move.Volume      `json:"volume"`
	Points   []move.Point     `json:"points,omitempty"`
	From     string           `json:"from"` // who is logged in
	To       string           `json:"to"`
	Read     *move.Assessment `json:"read"`
	Write    *move.Assessment `json:"write"`
	Problems []string         `json:"problems"`
}

// possible reports whether nothing stands against the move.
func (p *movePlan) possible() bool { return len(p.Problems) == 0 }

// makePlan chooses the paths and assesses them. Nothing is made. What stands against a move
// is in the plan; an error is something that could not be found out.
func makePlan(ctx context.Context, r moveRequest) (*movePlan, error) {
	p := &movePlan{Request: r}
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
func (p *movePlan) read(ctx context.Context, c *tenant.Cloud) (*move.Job, error) {
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

func (p *movePlan) write(ctx context.Context, c *tenant.Cloud, job move.Job) error {
	var refused refusals
	for _, path := range targetPaths {
		if p.Request.WritePath != "" && p.Request.WritePath != path.name {
			continue
		}
		t, err := path.open(p.Request, c, nil)
		if err != nil {
			return err
		}
		as, err := t.Assess(ctx, job)
		if err != nil {
			return err
		}
		p.Write = &as
		if len(as.Problems) == 0 {
			p.Request.WritePath = path.name
			return nil
		}
		refused.add(&as)
	}
	p.Problems = append(p.Problems, refused.problems()...)
	if p.Write == nil {
		p.Problems = append(p.Problems, fmt.Sprintf("there is no path %q to write", p.Request.WritePath))
	}
	return nil
}

// openMove makes the paths of a move whose state directory is open.
func openMove(ctx context.Context, s *move.Store) (*move.Move, error) {
	var r moveRequest
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
	for _, path := range targetPaths {
		if path.name == r.WritePath {
			if m.To, err = path.open(r, to, s.TargetEnv(m.Status)); err != nil {
				return nil, err
			}
		}
	}
	if m.From == nil || m.To == nil {
		return nil, fmt.Errorf("move %s reads by path %q and writes by path %q, which this version does not have", s.ID, r.ReadPath, r.WritePath)
	}
	return m, nil
}

// text writes the plan for people.
func (p *movePlan) text(w *strings.Builder) {
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
	if p.possible() {
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
