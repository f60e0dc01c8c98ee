package image_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
	"cindergate/internal/move/image"
)

// size is that of the fakes' volumes: the last piece is short.
const size = 16<<20 + 4096

// rig is one move between two fakes. Each run is a new process.
type rig struct {
	t        *testing.T
	from, to *fake
	dir, id  string
	volume   *fakeVolume
	options  move.Options
	step     func(name string) error
}

// noise returns the bytes of a volume, of which the first piece is zeroes.
var noise = sync.OnceValue(func() []byte {
	data := make([]byte, size)
	random := rand.New(rand.NewPCG(1, 2))
	for i := 9 << 20; i < size; i++ {
		data[i] = byte(random.Uint32())
	}
	return data
})

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, from: newFake(t, "east"), to: newFake(t, "west"), dir: t.TempDir(), options: move.Options{Verify: move.VerifyReadBack, Threshold: 64 << 20}}
	logins(t, r.from, r.to)
	r.volume = &fakeVolume{id: "v", name: "disk", description: "of east", status: "available", metadata: map[string]string{"k": "v"},
		imageMetadata: map[string]string{"os_type": "linux"}, data: slices.Clone(noise())}
	r.from.volumes["v"] = r.volume
	r.begin()
	return r
}

func (r *rig) begin() {
	r.t.Helper()
	r.id = move.NewID()
	s, err := move.Create(r.dir, move.Journal{ID: r.id, Options: r.options})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// inUse attaches the volume.
func (r *rig) inUse() { r.volume.status, r.volume.attached = "in-use", true }

// small is a source of a volume of 1 GiB whose bytes are fewer.
type small struct{ *image.Source }

func (s small) Describe(ctx context.Context) (move.Volume, error) {
	v, err := s.Source.Describe(ctx)
	v.Size = size
	return v, err
}

func (r *rig) with(do func(m *move.Move) error) error {
	r.t.Helper()
	s, err := move.Open(r.dir, r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	m := &move.Move{Store: s}
	var mu sync.Mutex
	if r.step != nil {
		m.Step = func(name string) error {
			mu.Lock()
			defer mu.Unlock()
			return r.step(name)
		}
	}
	source, err := image.NewSource(r.from.open(r.t), s.SourceEnv(m.Status), "v", "")
	if err != nil {
		r.t.Fatal(err)
	}
	target, err := image.NewTarget(r.to.open(r.t), s.TargetEnv(m.Status), image.Options{ReadBack: true})
	if err != nil {
		r.t.Fatal(err)
	}
	m.From, m.To = small{source}, target
	return do(m)
}

func (r *rig) run() error {
	return r.with(func(m *move.Move) error { return m.Run(r.t.Context()) })
}

func (r *rig) abort() error {
	return r.with(func(m *move.Move) error { return m.Abort(r.t.Context()) })
}

func (r *rig) journal() move.Journal {
	r.t.Helper()
	j, err := move.Read(r.dir, r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	return j
}

// wantMoved checks that the volume arrived as it was, and that nothing else is left.
func (r *rig) wantMoved() {
	r.t.Helper()
	if j := r.journal(); j.Phase != move.Done {
		r.t.Fatalf("the move is %s: %s", j.Phase, j.Error)
	}
	if len(r.to.volumes) != 1 || len(r.from.volumes) != 1 {
		r.t.Fatalf("the clouds have %d and %d volumes", len(r.from.volumes), len(r.to.volumes))
	}
	for _, v := range r.to.volumes {
		if !bytes.Equal(v.data, r.volume.data) {
			r.t.Error("the bytes differ")
		}
		if v.name != "disk" || v.description != "of east" || !maps.Equal(v.metadata, r.volume.metadata) || !maps.Equal(v.imageMetadata, r.volume.imageMetadata) || v.bootable != r.volume.bootable {
			r.t.Errorf("the target has %+v", v.show())
		}
	}
	r.wantNoHelpers()
}

func (r *rig) wantNoHelpers() {
	r.t.Helper()
	if n := len(r.from.images) + len(r.to.images) + len(r.from.snaps) + len(r.to.snaps); n != 0 {
		r.t.Errorf("%d images and snapshots are left", n)
	}
}

func (r *rig) wantAborted() {
	r.t.Helper()
	if err := r.abort(); err != nil {
		r.t.Fatal(err)
	}
	if len(r.from.volumes) != 1 || len(r.to.volumes) != 0 {
		r.t.Errorf("after an abort the clouds have %d and %d volumes", len(r.from.volumes), len(r.to.volumes))
	}
	r.wantNoHelpers()
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("%v; want %q", err, want)
	}
}

var errKilled = errors.New("killed")

// A volume, in use or not, is killed after each step and resumed, or aborted: equal bytes, as it
// was, and nothing left.
func TestMove(t *testing.T) {
	for _, inUse := range []bool{false, true} {
		t.Run(map[bool]string{false: "available", true: "in use"}[inUse], func(t *testing.T) {
			setup := func() *rig {
				r := newRig(t)
				r.volume.bootable = inUse
				if inUse {
					r.inUse()
				}
				return r
			}
			r, steps := setup(), 0
			r.step = func(string) error { steps++; return nil }
			if err := r.run(); err != nil {
				t.Fatal(err)
			}
			r.wantMoved()
			said := strings.Join(r.journal().Verified, "\n")
			if !strings.Contains(said, "the sha512 of what was read is that of image") || !strings.Contains(said, "whose sha512 is that of what was copied") {
				t.Errorf("it was verified so:\n%s", said)
			}
			if r.from.served != size || r.to.served != 0 {
				t.Errorf("%d and %d bytes were downloaded, of %d and 0", r.from.served, r.to.served, size)
			}
			if steps < 12 {
				t.Fatalf("only %d steps", steps)
			}
			for kill := 1; kill <= steps; kill++ {
				// One case is killed at two steps, then the other one at the next two, unless
				// KILLS=all: of two, one is resumed and one aborted.
				if mine := (kill-1)/2%2 == 0 != inUse; !mine && os.Getenv("KILLS") != "all" {
					continue
				}
				r := setup()
				n := 0
				r.step = func(string) error {
					if n++; n >= kill {
						return errKilled
					}
					return nil
				}
				if err := r.run(); !errors.Is(err, errKilled) {
					t.Fatalf("step %d: %v", kill, err)
				}
				phase := r.journal().Phase
				r.step = nil
				if kill%2 == 0 && phase != move.Done {
					r.wantAborted()
					continue
				}
				if err := r.run(); err != nil {
					t.Fatalf("step %d: %v", kill, err)
				}
				r.wantMoved()
			}
		})
	}
}

// What was uploaded to the end is not uploaded again, whatever comes after it.
func TestUploadedOnce(t *testing.T) {
	for _, at := range []string{"committed", "verified", "read-back"} {
		r := newRig(t)
		r.step = func(name string) error {
			if name == at {
				return errKilled
			}
			return nil
		}
		if err := r.run(); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		r.step = nil
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		r.wantMoved()
		if r.to.uploads != 1 || r.from.served != size {
			t.Errorf("killed at %s: %d uploads, and %d of %d bytes were downloaded", at, r.to.uploads, r.from.served, size)
		}
	}
}

// A download that breaks off continues in the same run, with and without ranges.
func TestDownloadBreaks(t *testing.T) {
	const cut = 13 << 20
	for name, test := range map[string]struct {
		set    func(f *fake)
		served int
	}{
		"ranges":         {func(*fake) {}, size + size - cut},
		"none":           {func(f *fake) { f.noRanges = true }, 2 * size},
		"a proxy's none": {func(f *fake) { f.ignoreRanges = true }, 2 * size},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			test.set(r.from)
			r.from.breakDownload = cut
			if err := r.run(); err != nil {
				t.Fatal(err)
			}
			r.wantMoved()
			// The client may have lost what was on the way.
			if extra := r.from.served - test.served; extra < 0 || extra > cut {
				t.Errorf("%d bytes were sent, of %d", r.from.served, test.served)
			}
			if r.to.uploads != 1 {
				t.Errorf("%d uploads", r.to.uploads)
			}
		})
	}
}

// An upload that breaks off, or that Glance refuses, says why; resume begins it again.
func TestUploadFails(t *testing.T) {
	for name, test := range map[string]struct {
		set   func(f *fake)
		unset func(f *fake)
		want  string
	}{
		"broken":     {func(f *fake) { f.breakUpload = 10 << 20 }, func(*fake) {}, "resume begins it again"},
		"quota":      {func(f *fake) { f.quota = 10 << 20 }, func(f *fake) { f.quota = 0 }, "Image exceeds the storage quota"},
		"killed":     {func(f *fake) { f.kill = true }, func(f *fake) { f.kill = false }, "is in the status killed after its upload"},
		"wrong hash": {func(f *fake) { f.flipUpload = true }, func(f *fake) { f.flipUpload = false }, "and what was sent"},
		"wrong MD5":  {func(f *fake) { f.flipUpload, f.hashes = true, "md5" }, func(f *fake) { f.flipUpload = false }, "has the md5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			test.set(r.to)
			wantError(t, r.run(), test.want)
			wantError(t, errors.New(r.journal().Error), test.want)
			test.unset(r.to)
			if err := r.run(); err != nil {
				t.Fatal(err)
			}
			r.wantMoved()
			if r.to.uploads != 2 {
				t.Errorf("%d uploads", r.to.uploads)
			}
		})
		t.Run(name+", aborted", func(t *testing.T) {
			r := newRig(t)
			test.set(r.to)
			wantError(t, r.run(), test.want)
			r.wantAborted()
		})
	}
}

// Bytes that are not those of the image are found, and stay found after a resume.
func TestWrongBytes(t *testing.T) {
	r := newRig(t)
	r.from.flipDownload = true
	wantError(t, r.run(), "and what was read of it")
	r.from.flipDownload = false
	wantError(t, r.run(), "abort the move and begin again")
	if len(r.to.volumes) != 0 {
		t.Error("a volume was made of wrong bytes")
	}
	r.wantAborted()
}

// A volume that has other bytes than were sent is found by reading it back, and the first block
// that differs is named.
func TestWrongVolume(t *testing.T) {
	for _, hashes := range []string{"", "md5", "none"} {
		r := newRig(t)
		r.to.flipVolume, r.to.hashes = true, hashes
		wantError(t, r.run(), "what the target gives back differs from what was copied in the block at byte")
		r.wantAborted()
	}
}

// Without a SHA-512, the bytes are compared; without any digest, the move says what could not
// be.
func TestOtherDigests(t *testing.T) {
	for _, hashes := range []string{"md5", "none"} {
		r := newRig(t)
		r.from.hashes, r.to.hashes = hashes, hashes
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		r.wantMoved()
		j := r.journal()
		if said := strings.Join(j.Verified, "\n"); !strings.Contains(said, "bytes that were read back agree") || strings.Contains(said, "could not be compared") != (hashes == "none") {
			t.Errorf("%s: it was verified so:\n%s", hashes, said)
		}
		if lost := strings.Join(j.Lost, "\n"); strings.Contains(lost, "the check of the upload") != (hashes == "none") {
			t.Errorf("%s: lost: %s", hashes, lost)
		}
		if r.to.served != size {
			t.Errorf("%s: %d of %d bytes were read back", hashes, r.to.served, size)
		}
	}
}

// An image that Cinder does not make is an error. Nothing waits for it.
func TestCinderFails(t *testing.T) {
	r := newRig(t)
	r.inUse()
	r.from.cinderFails = true
	wantError(t, r.run(), "did not make an image of volume")
	r.from.cinderFails = false
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.wantMoved()
}

// Where the volume is a clone of the image, the image stays, under another name, and is told. An
// abort removes both.
func TestClones(t *testing.T) {
	r := newRig(t)
	r.to.clones = true
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	if len(r.to.images) != 1 {
		t.Fatalf("%d images are left", len(r.to.images))
	}
	for id, i := range r.to.images {
		if lost := strings.Join(r.journal().Lost, "\n"); !strings.HasPrefix(i.name, "base of volume ") || !strings.Contains(lost, id) {
			t.Errorf("image %q is left, and the move says %q", i.name, lost)
		}
	}
	r = newRig(t)
	r.to.clones = true
	r.step = func(name string) error {
		if name == "finished" {
			return errKilled
		}
		return nil
	}
	if err := r.run(); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	r.step = nil
	r.wantAborted()
}

// Each further round is a whole copy of the newest state, and its image replaces the one before.
func TestRounds(t *testing.T) {
	r := newRig(t)
	r.options.Rounds = 2
	r.begin()
	r.inUse()
	r.step = func(name string) error {
		if name == "round-end" {
			r.from.mu.Lock()
			defer r.from.mu.Unlock()
			r.volume.data[100] ^= 1
		}
		return nil
	}
	last := slices.Clone(r.volume.data)
	last[100] ^= 1
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.volume.data = last // the second round's, before the change that follows it
	r.wantMoved()
	if r.to.uploads != 2 {
		t.Errorf("%d uploads", r.to.uploads)
	}
}

// What stands against a move is told before anything is made.
func TestAssess(t *testing.T) {
	assess := func(set func(from, to *fake, v *fakeVolume), backup string, chain []move.Point) (read, write move.Assessment, from, to *fake) {
		r := newRig(t)
		set(r.from, r.to, r.volume)
		source, err := image.NewSource(r.from.open(t), nil, "v", backup)
		if err != nil {
			t.Fatal(err)
		}
		target, err := image.NewTarget(r.to.open(t), nil, image.Options{ReadBack: true})
		if err != nil {
			t.Fatal(err)
		}
		if read, err = source.Assess(t.Context()); err != nil {
			t.Fatal(err)
		}
		v := move.Volume{Name: "disk", Size: 2 * cloud.GiB, Type: "slow"}
		if write, err = target.Assess(t.Context(), move.Job{Volume: v, Chain: chain}); err != nil {
			t.Fatal(err)
		}
		if len(r.to.volumes)+len(r.to.images)+len(r.from.images)+len(r.from.snaps) != 0 || len(r.from.volumes) != 1 {
			t.Error("an assessment made something")
		}
		return read, write, r.from, r.to
	}
	read, write, _, _ := assess(func(_, _ *fake, v *fakeVolume) { v.status, v.attached = "in-use", true }, "", nil)
	if len(read.Problems)+len(write.Problems) != 0 {
		t.Fatal(read.Problems, write.Problems)
	}
	needs := map[string]int64{}
	for _, q := range append(read.Quotas, write.Quotas...) {
		needs[q.Name] += q.Needs
	}
	if !maps.Equal(needs, map[string]int64{"snapshots": 1, "volumes": 2, "gigabytes": 4}) {
		t.Errorf("needs %v", needs)
	}
	for want, list := range map[string][]string{
		"the volume is in use: cloud east makes a snapshot":   read.Costs,
		"each round reads the whole volume":                   read.Limits,
		"shows when a download breaks off":                    read.Unproven,
		"begins again from the first byte":                    write.Limits,
		"Glance of cloud west tells no quota":                 write.Unproven,
		`volume type "slow": cloud west has none of that`:     write.Lost,
		"to verify, cloud west makes an image of the volume":  write.Costs,
		"cloud west stores all 2 GiB as an image, ranges of ": write.Limits,
	} {
		if !strings.Contains(strings.Join(list, "\n"), want) {
			t.Errorf("%q is not in %q", want, list)
		}
	}
	for want, set := range map[string]func(from, to *fake, v *fakeVolume){
		"the catalogue has no image service": func(from, to *fake, _ *fakeVolume) { from.noGlance, to.noGlance = true, true },
		"asks for member":                    func(from, to *fake, _ *fakeVolume) { from.forbidden, to.forbidden = true, true },
		"the quota image_size_total of project p": func(from, to *fake, _ *fakeVolume) {
			from.usage = map[string]map[string]int64{"image_size_total": {"limit": 1500, "usage": 1000}}
			to.usage = map[string]map[string]int64{"image_size_total": {"limit": 4000, "usage": 0}}
		},
	} {
		read, write, _, _ := assess(set, "", nil)
		for _, as := range []move.Assessment{read, write} {
			if !strings.Contains(strings.Join(as.Problems, "\n"), want) {
				t.Errorf("%q is not in %q", want, as.Problems)
			}
		}
	}
	read, _, _, _ = assess(func(_, _ *fake, v *fakeVolume) { v.encrypted = true }, "", nil)
	if !strings.Contains(strings.Join(read.Problems, "\n"), "is encrypted") {
		t.Errorf("an encrypted volume: %q", read.Problems)
	}
	read, write, _, _ = assess(func(_, _ *fake, _ *fakeVolume) {}, "b", []move.Point{{ID: "b"}})
	if len(read.Problems) != 1 || len(write.Problems) != 1 {
		t.Errorf("a chain: %q %q", read.Problems, write.Problems)
	}
}
