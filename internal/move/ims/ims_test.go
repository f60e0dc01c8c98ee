package ims_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
	"cindergate/internal/move/ims"
	"cindergate/internal/otcfake"
)

// side is one of the two clouds.
type side struct {
	*otcfake.Cloud
	project otcfake.Project
	login   *cloud.Cloud
}

func newSide(t *testing.T, o otcfake.Options) *side {
	t.Helper()
	o.Auto = true
	c := otcfake.New(o)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	s := &side{Cloud: c, project: c.AddProject("demo")}
	text := "clouds: {x: {region_name: eu-de, auth: {auth_url: \"" + server.URL + "/iam/v3\", username: demo, password: demo-secret, project_name: demo, user_domain_name: default, project_domain_name: default}}}"
	var err error
	if s.login, err = cloud.Login(t.Context(), "x", clouds.WithCloudsYAML(strings.NewReader(text))); err != nil {
		t.Fatal(err)
	}
	s.login.Poll = time.Millisecond
	return s
}

// clean fails if anything with the prefix of moves is left.
func (s *side) clean(t *testing.T) {
	t.Helper()
	for _, list := range []func(context.Context, string) ([]string, error){s.login.LeftVolumes, s.login.LeftSnapshots, s.login.LeftImages} {
		if left, err := list(t.Context(), move.Prefix); err != nil || len(left) > 0 {
			t.Fatalf("left: %q (%v)", left, err)
		}
	}
	if left := s.Objects(); len(left) > 0 {
		t.Fatalf("left: %q", left)
	}
}

// rig is a move from one fake to another one.
type rig struct {
	t        *testing.T
	dir, id  string
	from, to *side
	volume   string
	change   bool // the volume changes after the first round
	step     func(name string) error
}

// sizeGiB is less than IMS takes, and the volume at the target is largerGiB.
const sizeGiB, largerGiB = 2, 40

func newRig(t *testing.T, inUse, change bool) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), id: move.NewID(), from: newSide(t, otcfake.Options{Dialect: otcfake.Huawei}), to: newSide(t, otcfake.Options{}), change: change}
	r.volume = r.from.AddVolume(r.from.project.ID, otcfake.Volume{Name: "data", Description: "of demo", SizeGiB: sizeGiB, Metadata: map[string]string{"k": "v"}})
	r.write(3<<20+5, 700_000)
	r.write(sizeGiB<<30-4096, 4096)
	if inUse {
		r.from.ChangeVolume(r.volume, func(v *otcfake.Volume) { v.Status, v.ServerID = "in-use", "s" })
	}
	o := move.Options{Rounds: 1, Verify: move.VerifyReadBack}
	if change {
		o.Rounds = 2
	}
	s, err := move.Create(r.dir, move.Journal{ID: r.id, Options: o})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) write(off int64, n int) {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rand.Uint32() | 1)
	}
	r.from.WriteVolume(r.volume, p, off)
}

func (r *rig) with(do func(m *move.Move) error) error {
	r.t.Helper()
	s, err := move.Open(r.dir, r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	var mu sync.Mutex // workers call the step at the same time
	m := &move.Move{Store: s, Poll: time.Millisecond, Step: func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		if name == "round-end" && r.change {
			r.change = false
			r.write(9<<20, 3_000_000)
			r.write(3<<20, 100)
		}
		if r.step != nil {
			return r.step(name)
		}
		return nil
	}}
	if m.From, err = ims.NewSource(r.from.login, s.SourceEnv(m.Status), r.volume, ""); err != nil {
		r.t.Fatal(err)
	}
	if m.To, err = ims.NewTarget(r.to.login, s.TargetEnv(m.Status), cloud.Place{}, true); err != nil {
		r.t.Fatal(err)
	}
	return do(m)
}

func (r *rig) run() error {
	return r.with(func(m *move.Move) error { return m.Run(context.Background()) })
}

// done checks that the target has the volume, with its bytes, and nothing else is left.
func (r *rig) done() {
	r.t.Helper()
	found, err := r.to.login.Volumes(r.t.Context(), "data")
	if err != nil || len(found) != 1 || found[0].Size != largerGiB<<30 || found[0].Description != "of demo" || found[0].Metadata["k"] != "v" {
		r.t.Fatalf("the target has %+v (%v)", found, err)
	}
	x, y := make([]byte, 16<<20), make([]byte, 16<<20)
	for _, off := range []int64{0, 16 << 20, sizeGiB<<30 - 16<<20, sizeGiB << 30} {
		r.from.ReadVolume(r.volume, x, off)
		r.to.ReadVolume(found[0].ID, y, off)
		if !bytes.Equal(x, y) {
			r.t.Fatalf("other bytes from %d on", off)
		}
	}
	r.from.clean(r.t)
	r.to.clean(r.t)
}

var errKilled = errors.New("killed")

// A move is killed after each of its steps (every third, unless KILLS=all) and goes on to the
// end.
func TestKilledAtEachStep(t *testing.T) {
	r, steps := newRig(t, true, false), 0
	r.step = func(string) error { steps++; return nil }
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.done()
	stride := 3
	if os.Getenv("KILLS") == "all" {
		stride = 1
	}
	for kill := 1; kill <= steps; kill += stride {
		r, n := newRig(t, true, false), 0
		r.step = func(string) error {
			if n++; n >= kill {
				return errKilled
			}
			return nil
		}
		if err := r.run(); !errors.Is(err, errKilled) {
			t.Fatal(kill, err)
		}
		r.step = nil
		if err := r.run(); err != nil {
			t.Fatal(kill, err)
		}
		r.done()
	}
}

// A volume that is not in use needs no snapshot.
func TestIdle(t *testing.T) {
	r := newRig(t, false, false)
	r.step = func(string) error {
		if all := r.from.Snapshots(r.from.project.ID); len(all) > 0 {
			t.Errorf("%+v", all)
		}
		return nil
	}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.done()
}

// A second round copies what changed since the first one.
func TestRounds(t *testing.T) {
	r := newRig(t, true, true)
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	if r.change {
		t.Fatal("the volume did not change")
	}
	r.done()
}

// A job of the cloud that fails ends the move with the cloud's reason; it can go on, or be
// aborted, which leaves nothing.
func TestFaults(t *testing.T) {
	r := newRig(t, true, false)
	for _, side := range []*side{r.from, r.to} { // the export, and then the import
		side.Trap(func(traps *otcfake.Traps) {
			traps.FailImage = &otcfake.Failure{Code: "IMG.0092", Reason: "out of luck"}
		})
		if err := r.run(); err == nil || !strings.Contains(err.Error(), "IMG.0092 out of luck") {
			t.Fatal(err)
		}
	}
	r.to.ExpireKeys()
	r.from.ExpireKeys()
	if err := r.run(); err != nil { // a new process has new keys
		t.Fatal(err)
	}
	r.done()

	r = newRig(t, true, false)
	r.step = func(name string) error {
		if name == "committed" {
			return errKilled
		}
		return nil
	}
	if err := r.run(); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	r.step = nil
	if len(r.to.Objects()) < 2 || len(r.from.Objects()) < 2 {
		t.Fatal(r.to.Objects(), r.from.Objects())
	}
	if err := r.with(func(m *move.Move) error { return m.Abort(context.Background()) }); err != nil {
		t.Fatal(err)
	}
	r.from.clean(t)
	r.to.clean(t)
	if all, err := r.to.login.Volumes(t.Context(), ""); err != nil || len(all) > 0 {
		t.Fatal(all, err)
	}
}

// The plan says what the path cannot do, before anything is made.
func TestAssess(t *testing.T) {
	ctx := t.Context()
	from := newSide(t, otcfake.Options{})
	assess := func(v otcfake.Volume, backup string) move.Assessment {
		id := from.AddVolume(from.project.ID, v)
		s, err := ims.NewSource(from.login, nil, id, backup)
		if err != nil {
			t.Fatal(err)
		}
		as, err := s.Assess(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return as
	}
	problem := func(as move.Assessment, want string) {
		t.Helper()
		if !slices.ContainsFunc(as.Problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("%q lacks %q", as.Problems, want)
		}
	}
	problem(assess(otcfake.Volume{SizeGiB: 129}, ""), "more than 128 GiB")
	problem(assess(otcfake.Volume{Status: "error"}, ""), "status error")
	problem(assess(otcfake.Volume{}, "b"), "bytes of backups")
	if as := assess(otcfake.Volume{SizeGiB: 128}, ""); len(as.Problems) > 0 || as.Why == "" {
		t.Errorf("%+v", as)
	}
	target := func(gib int64, chain ...move.Point) move.Assessment {
		s, err := ims.NewTarget(from.login, nil, cloud.Place{}, true)
		if err != nil {
			t.Fatal(err)
		}
		as, err := s.Assess(ctx, move.Job{Volume: move.Volume{Size: gib << 30}, Chain: chain})
		if err != nil {
			t.Fatal(err)
		}
		return as
	}
	problem(target(157), "at most 156 GiB")
	problem(target(10, move.Point{}), "bytes of backups")
	if as := target(10); len(as.Problems) > 0 || len(as.Lost) != 1 || !strings.Contains(as.Lost[0], "40 GiB") {
		t.Errorf("%+v", as)
	}
	small := newSide(t, otcfake.Options{Quotas: map[string]int{"gigabytes": 39}})
	s, err := ims.NewTarget(small.login, nil, cloud.Place{}, true)
	if err != nil {
		t.Fatal(err)
	}
	as, err := s.Assess(ctx, move.Job{Volume: move.Volume{Size: 10 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	problem(as, "gigabytes")
}
